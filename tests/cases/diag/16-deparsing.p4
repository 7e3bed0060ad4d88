// Chapter 16: what can be emitted.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; }
struct S { H h; H[2] s; }
struct SB { bit<8> a; H h; }
struct SE { error e; H h; }
header_union U { H h; }
enum E { a }
control d(packet_out b, in H h, in S s, in U u, in SB sb, in SE se, in bit<8> x, in error e, in E en, in H[2] st, in bit<8>[3] arr) {
    apply { b.emit(h); b.emit(s); b.emit(u); b.emit(st);
        b.emit(x);
        b.emit(e);
        b.emit(en);
        b.emit(se);
        b.emit({ h, s });
        b.emit(sb);
    }
}
