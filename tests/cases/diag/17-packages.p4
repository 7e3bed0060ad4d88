// Chapter 17: the blocks of a package have to fit each other.

#include <core.p4>
#include <v1model.p4>

parser Prs<T>(packet_in b, out T result);
control Pipe<T>(in T data);
package Switch<T>(Prs<T> p, Pipe<T> map);
parser P(packet_in b, out bit<32> index) { state start { index = 1; transition accept; } }
control Pipe1(in bit<32> data) { apply {} }
control Pipe2(in bit<8> data) { apply {} }
Switch(P(), Pipe1()) ok1;
Switch<bit<32>>(P(), Pipe1()) ok2;
Switch(P(), Pipe2()) bad1;
Switch<bit<8>>(P(), Pipe1()) bad2;
Switch(Pipe1(), P()) bad3;
Switch(P()) bad4;
package Sw2<T>(Switch<T> a, Switch<_> b);
Sw2(ok1, ok1) ok5;
control G<H>(inout H data) { apply { } }
parser PG<H>(packet_in p, out H data) { state start { transition accept; } }
