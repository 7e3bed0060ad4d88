// Sections 7.2.12, 7.5 and 7.6: what typedefs and new types may be made of.

#include <core.p4>
#include <v1model.p4>

typedef void V;
typedef string St;
typedef match_kind Mk;
typedef int I;
typedef error Er;
typedef bool B;
typedef tuple<bit<8>> T;
type bool NB;
type bit<9> NP;
type NP NPP;
type int<8> NI;
type varbit<8> NV;
type int NInt;
type error NE;
type tuple<bit<8>> NT;
type string NS;
header H { bit<8> a; }
type H NH;
typedef H[3] HS;
type HS NHS;
struct S { bit<8> a; }
type S NSS;
enum E { a }
type E NEE;
enum bit<8> EB { a = 1 }
type EB NEB;
