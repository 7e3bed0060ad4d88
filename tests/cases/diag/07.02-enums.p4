// Section 7.2.1: enums, their underlying types and values.

#include <core.p4>
#include <v1model.p4>

enum bit<8> F1 { a = 1, unrepresentable = 300 }
enum bit<8> F2 { a = -1 }
enum int<8> F3 { a = -1, b = 127 }
enum int<8> F4 { b = 128 }
enum bool F5 { b = true }
enum int F6 { b = 1 }
typedef bit<8> b8;
enum b8 F7 { b = 1 }
type bit<8> n8;
enum n8 F8 { b = 1 }
enum varbit<8> F9 { b = 1 }
enum bit<8> F10 { b }
enum F11 { b = 1 }
extern bit<8> rnd();
enum bit<8> F12 { b = rnd() }
enum X { v1 }
const X y = v1;
const X z = X.v2;
