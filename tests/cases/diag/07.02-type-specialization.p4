// Section 7.2.11: generic types and their arguments.

#include <core.p4>
#include <v1model.p4>

struct S<T> { T field; bool valid; }
struct G<T> { S<T> s; }
const S<bit<32>> s = { field = 32w0, valid = false };
const G<bit<32>> g = { s = { field = 0, valid = false } };
header H<T> { T field; }
const H<bit<8>> h = { field = 1 };
header_union HU<T> { H<bit<32>> h32; H<bit<8>> h8; H<T> ht; }
control c() { H<bit<8>>[10] stack; HU<bit> hu; S x; apply {} }
typedef S X;
typedef S<bit<32>> Y;
typedef S<bit<32>, bool> Z;
struct R<T> { R<T> r; }
struct R2<T> { tuple<R2<T>> r; }
bit<8> nong<T>(in T x) { return 1; }
control d() { apply { nong<bit<8>, bool>(1); } }
