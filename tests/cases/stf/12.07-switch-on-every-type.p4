// Section 12.7: `switch` on signed numbers, enums, errors and expressions; the first labels fall through.

#include "include/skeleton.p4"

enum Color { red, green, blue }
enum bit<8> Kind { a = 1, b = 2, c = 2 }

bit<8> of(in bit<8> v) {
    switch (v) {
        1:
        2: { return 0x12; }
        3: { }
        default: { return 0xdd; }
    }
    return 0x33;
}

control Case(inout data_t x, inout standard_metadata_t std) {
    action pick(bit<8> v) {
        switch (v) {
            7: { x.e = 0x77; return; }
            8:
        }
        x.e = x.e + 1;
    }
    apply {
        switch ((int<8>) x.d) {
            -1: { x.a = 1; }
            -128 : { x.a = 2; }
            127: { x.a = 3; }
        }
        Color color = x.d == 1 ? Color.green : Color.blue;
        switch (color) {
            Color.red: { x.b = 1; }
            Color.green: { x.b = 2; }
            default: { x.b = 3; }
        }
        switch ((Kind) x.d) {
            Kind.a: { x.c = 1; }
            Kind.b: { x.c = 2; }
            default: { x.c = 9; }
        }
        error e = x.d == 3 ? error.NoMatch : error.NoError;
        switch (e) {
            error.NoMatch: { x.c = x.c | 0x100; }
            error.NoError: { x.c = x.c | 0x200; }
        }
        x.e = of(x.d);
        pick(x.d);
    }
}

#include "include/main.p4"
