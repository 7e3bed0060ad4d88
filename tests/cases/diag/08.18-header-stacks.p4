// Section 8.18: values of stacks, indices, and what belongs to parsers.

#include <core.p4>
#include <v1model.p4>

header H<T> { bit<32> b; T t; }
header H2 { bit<8> z; }
control c(inout H<bit<32>>[3] s, inout H2[3] q, inout H2[2] r, in bit<8> i, in int<8> j, inout bool p) {
    apply {
        s = (H<bit<32>>[3]){ {0, 1}, {2, 3}, (H<bit<32>>){#} };
        s = { {0, 1}, {2, 3}, (H<bit<32>>){#} };
        s = { {0, 1}, {2, 3}, ... };
        s = { {0, 1}, {2, 3} };
        s = { {0, 1}, {2, 3}, {#}, {#} };
        q = r;
        p = q == r;
        q[i].z = 1; q[j].z = 2;
        q[p].z = 1;
        q[3].z = 1;
        q = s;
    }
}
parser pp(packet_in b, inout H2[3] q, out bit<8> z) {
    state start {
        b.extract(q.next); z = q.last.z; z = (bit<8>)q.lastIndex;
        q.last.z = 1;
        q.last = { 1 };
        q.next.z = 1;
        q.next = { 2 };
        q.push_front(1);
        transition accept;
    }
}
