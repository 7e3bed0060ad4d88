// Sections 7.2 and 8.8: types and numbers beyond what the compiler takes.

#include <core.p4>
#include <v1model.p4>

const int HUGE = 1 << (1 << 40);
typedef tuple<bit<8>, bit<8>, bit<8>, bit<8>, bit<8>, bit<8>, bit<8>, bit<8>> t1;
typedef tuple<t1, t1, t1, t1, t1, t1, t1, t1> t2;
typedef tuple<t2, t2, t2, t2, t2, t2, t2, t2> t3;
typedef tuple<t3, t3, t3, t3, t3, t3, t3, t3> t4;
control k(inout bit<99999999999> x) { apply { } }
