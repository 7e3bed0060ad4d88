// Section 7.2.12: which types may be in which.

#include <core.p4>
#include <v1model.p4>

struct S1 { int a; }
struct S2 { void a; }
struct S3 { string a; }
struct S4 { error a; bool b; varbit<8> v; }
struct S5 { match_kind a; }
enum E { a }
enum bit<8> EB { a = 1 }
struct S6 { E a; EB b; tuple<bit<8>, E> t; }
header H { bit<8> a; bool b; int<7> c; }
header H1 { int a; }
header H2 { error a; }
header H3 { E a; }
header H4 { EB a; }
header H5 { H a; }
header H6 { H[2] a; }
header H7 { tuple<bit<8>> a; }
header H8 { string a; }
struct SH { bit<8> a; EB b; bool c; }
header H9 { SH a; }
struct SE { error e; }
header H10 { SE a; }
struct SV { varbit<8> e; }
header H11 { SV a; }
header_union U { H a; H4 b; }
header_union U1 { bit<8> a; }
header_union U2 { SH a; }
header_union U3 { U a; }
header H12 { U a; }
struct S7 { U u; U[3] us; H h; H[3] hs; }
struct S8 { packet_in p; }
extern X { X(); }
struct S9 { X x; }
struct S10 { list<bit<8>> l; }
header H13 { varbit<8> a; varbit<8> b; }
header_union EU { }
header EH { }
struct ES { }
enum EE { }
