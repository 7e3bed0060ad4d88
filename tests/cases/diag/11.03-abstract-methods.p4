// Section 11.3.1: abstract methods are implemented, each once.

#include <core.p4>
#include <v1model.p4>

extern Balancer { Balancer(); bit<32> getFlowCount(); abstract bit<4> on_new_flow(in bit<32> address); }
Balancer() b = { bit<4> on_new_flow(in bit<32> address) { bit<32> count = this.getFlowCount(); return (address + count)[3:0]; } };
Balancer() b1;
Balancer() b2 = { };
Balancer() b3 = { bit<4> on_new_flow(in bit<32> address) { return 1; } bit<4> other(in bit<8> x) { return 1; } };
Balancer() b4 = { bit<4> on_new_flow(inout bit<32> address) { return 1; } };
Balancer() b5 = { bit<8> on_new_flow(in bit<32> address) { return 1; } };
control c(inout bit<32> x) {
}
control d() { apply { this.foo(); } }
