// Chapter 9: what has a size at compile time.

#include <core.p4>
#include <v1model.p4>

header H { bit<8> a; varbit<16> v; }
header H1 { bit<3> a; }
header_union U { H h; H1 g; }
struct S { bit<8> a; bool b; }
enum bit<5> E { a = 1 }
enum EE { a }
type bit<7> N;
typedef S SS;
const bool a1 = static_assert(H.minSizeInBits() == 8 && H.maxSizeInBits() == 24);
const bool a2 = static_assert(H1.minSizeInBytes() == 1);
const bool a3 = static_assert(U.minSizeInBits() == 8 && U.maxSizeInBits() == 24);
const bool a4 = static_assert(S.minSizeInBits() == 9);
const bool a5 = static_assert(E.minSizeInBits() == 5);
const bool a6 = static_assert(N.maxSizeInBits() == 7);
const bool a7 = static_assert(SS.maxSizeInBytes() == 2);
const bool b1 = EE.minSizeInBits() == 1;
control c(inout H[4] s, in error e, in EE ee, inout bit<13> x, inout tuple<bit<8>, bool> t, packet_in p) {
    apply {
        bit<(s.maxSizeInBits())> q = 1;
        bit<32> y = (bit<32>)x.minSizeInBits();
        y = y + x.minSizeInBytes();
        y = e.minSizeInBits();
        y = ee.minSizeInBits();
        y = t.minSizeInBits();
        y = p.minSizeInBits();
        y = s[77].minSizeInBits();
    }
}
