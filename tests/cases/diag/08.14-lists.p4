// Section 8.14: lists exist at compile time.

#include <core.p4>
#include <v1model.p4>

struct pair_t { bit<16> a; bit<32> b; }
extern E { E(list<pair_t> data); void run(); }
extern void x(list<pair_t> l);
control c() { E((list<pair_t>) {{2, 3}, {4, 5}}) e; apply { e.run(); list<pair_t> l; } }
const list<bit<8>> lc = { 1, 2, 3 };
