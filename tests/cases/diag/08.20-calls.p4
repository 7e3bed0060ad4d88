// Section 8.20: calls, inferred types, `_`.

#include <core.p4>
#include <v1model.p4>

extern T gen<T>();
extern void two<T>(in T a, in T b);
extern void outp<T>(out T a);
extern void voidf();
control c(inout bit<8> x, inout bit<16> y) {
    apply {
        x = gen();
        x = gen<bit<8>>();
        gen();
        two(x, y);
        two(x, 3); two(3, x);
        two(3, 4);
        outp(_);
        outp<bit<8>>(_);
        x = voidf();
        x();
        undefined();
        gen<bit<8>>();
        x + 1;
        _ = x;
    }
}
