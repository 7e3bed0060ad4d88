// Chapter 17: nothing instantiates a package.

#include <core.p4>
#include <v1model.p4>

struct meta_t { }
