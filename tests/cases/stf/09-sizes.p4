// Chapter 9: sizes of types and values, known at compile time.

#include "include/skeleton.p4"

header fixed_t { bit<3> a; bit<13> b; }
header open_t { bit<8> len; varbit<24> rest; }
header_union either_t { fixed_t f; open_t o; }
enum bit<5> small_t { one = 1 }
type bit<7> seven_t;
struct all_t { fixed_t f; bool b; small_t e; seven_t s; tuple<bit<4>, bit<4>> t; }

control Case(inout data_t x, inout standard_metadata_t std) {
    apply {
        open_t[3] stack;
        all_t all;
        bit<(all.minSizeInBits())> wide = 0;
        x.a = (bit<32>) open_t.minSizeInBits() << 16 | (bit<32>) open_t.maxSizeInBits();
        x.b = (bit<32>) stack.maxSizeInBytes() << 16 | (bit<32>) either_t.minSizeInBits();
        x.c = (bit<16>) all_t.minSizeInBits();
        x.d = (bit<8>) all.maxSizeInBytes();
        x.e = (bit<8>) wide.minSizeInBytes() + (bit<8>) stack[2].minSizeInBytes();
    }
}

#include "include/main.p4"
