// Section 6.1: bytes that are not UTF-8 are harmless in comments: éÿ.

#include <core.p4>
#include <v1model.p4>

const bit<8> x = 300;
