// Section 7.2: serializable enums are numbers on the wire, also those without a name.

#include "include/skeleton.p4"

enum bit<8> Colour { RED = 1, GREEN = 2, BLUE = 4 }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        Colour colour = (Colour) x.d;
        if (colour == Colour.GREEN) { x.a = 1; }
        x.e = (bit<8>) colour;
        x.b = (bit<32>) (bit<8>) Colour.BLUE;
    }
}

#include "include/main.p4"
