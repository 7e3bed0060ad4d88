// Chapter 10: functions return what they declare, on every path, and do not recurse.

#include <core.p4>
#include <v1model.p4>

bit<32> max(in bit<32> left, in bit<32> right) { return (left > right) ? left : right; }
void noret() { }
void ret() { return; }
void retv() { return 1; }
bit<8> nor(in bit<8> x) { }
bit<8> nor2(in bit<8> x) { if (x == 1) { return 1; } }
bit<8> nor3(in bit<8> x) { if (x == 1) { return 1; } else { return 2; } }
bit<8> nor4(in bit<8> x) { return; }
bit<8> nor5(in bit<8> x) { return true; }
bit<8> nor6(bit<8> x) { return x; } 
bit<8> rec(in bit<8> x) { return rec(x); }
bit<8> ex(in bit<8> x) { exit; }
bit<8> sw(in bit<8> x) { switch (x) { 1: { return 1; } default: { return 2; } } }
bit<8> sw2(in bit<8> x) { switch (x) { 1: { return 1; } } }
control c() { bit<8> inner(in bit<8> x) { return x; } apply {} }
action aa() {}
bit<8> calls(in bit<8> x) { aa(); return x; }
extern E { E(); void m(); }
void inst() { E() e; }
void exarg(E e) { e.m(); }
