// Section 8.5: operations on booleans, and the conditional operator.

#include <core.p4>
#include <v1model.p4>

control c(inout bit<8> x, inout bool p, inout bit<1> b) {
    apply {
        if (x) { }
        if (b) { }
        p = b;
        b = p;
        p = (bool)b; b = (bit<1>)p;
        p = (bool)x;
        p = (bool)1; p = (bool)0;
        p = (bool)2;
        x = (bit<8>)p;
        p = p & p;
        p = ~p;
        p = !x;
        p = p < p;
        p = x && x;
        x = p ? 1 : 2;
        x = x ? 8w1 : 8w2;
        x = p ? 8w1 : 4w2;
        p = p ? true : false;
        x = p ? 8w1 : 2;
        x = true ? 1 : 2;
    }
}
