// Section 6.7: what can be written to.

#include <core.p4>
#include <v1model.p4>

struct S { bit<8> a; }
extern bit<8> g();
extern S gs();
extern void set(out bit<8> x);
header H { bit<8> f; }
control c(inout S s, in S i, out bit<8> o, inout tuple<bit<8>, bool> t, inout H[2] st)(bit<8> k) {
    apply {
        s.a = 1;
        i.a = 1;
        k = 1;
        g() = 1;
        gs().a = 1;
        s.a[3:0] = 1;
        s.a[3:0][1:0] = 1;
        o = 2;
        st[0].f = 1;
        st[5].f = 1;
        st.size = 3;
        { s.a } = 1;
        set((bit<8>) o);
        set(5);
        set(o);
    }
}
