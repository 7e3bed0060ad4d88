// Chapter 17: parameters of blocks have the directions and types that the architecture wants.

#include <core.p4>
#include <v1model.p4>

parser Prs<T>(packet_in b, out T result);
package S<T>(Prs<T> p);
parser P1(packet_in b, inout bit<8> x) { state start { transition accept; } }
parser P2(packet_in b) { state start { transition accept; } }
parser P3(packet_in b, out bit<8> x)(bit<8> k) { state start { transition accept; } }
S(P1()) s1;
S(P2()) s2;
S(P3()) s3;
S(P3(3)) s4;
