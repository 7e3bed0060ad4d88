#include <core.p4>

// A misspelt name is answered with the one that was probably meant.
control C(inout bit<8> value) {
    apply {
        bit<8> counter = value;
        value = countr + 1;
    }
}
