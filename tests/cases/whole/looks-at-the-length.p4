// cut: Depends
#include <core.p4>
#include <v1model.p4>
header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header vlan_t { bit<3> pcp; bit<1> dei; bit<12> vid; bit<16> type; }
header ipv4_t {
    bit<4> version; bit<4> ihl; bit<8> diffserv; bit<16> total_len; bit<16> id; bit<3> flags; bit<13> offset;
    bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
}
header ipv6_t {
    bit<4> version; bit<8> class; bit<20> label; bit<16> len; bit<8> next; bit<8> hops; bit<128> src; bit<128> dst;
}
header tcp_t {
    bit<16> sport; bit<16> dport; bit<32> seq; bit<32> ack; bit<4> data_offset; bit<4> reserved; bit<1> cwr;
    bit<1> ece; bit<1> urg; bit<1> ackf; bit<1> psh; bit<1> rst; bit<1> syn; bit<1> fin; bit<16> window;
    bit<16> checksum; bit<16> urgent;
}
struct headers_t { ethernet_t eth; vlan_t vlan; ipv4_t ipv4; ipv6_t ipv6; tcp_t tcp; }
struct meta_t { bit<16> kept; bit<32> number; }
parser P(packet_in p, out headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    state start {
        p.extract(hdr.eth);
        transition select(hdr.eth.type) { 0x8100: vlan; 0x0800: ipv4; 0x86dd: ipv6; default: accept; }
    }
    state vlan {
        p.extract(hdr.vlan);
        transition select(hdr.vlan.type) { 0x0800: ipv4; 0x86dd: ipv6; default: accept; }
    }
    state ipv4 {
        p.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol) { 6: tcp; default: accept; }
    }
    state ipv6 {
        p.extract(hdr.ipv6);
        transition select(hdr.ipv6.next) { 6: tcp; default: accept; }
    }
    state tcp { p.extract(hdr.tcp); transition accept; }
}
control V(inout headers_t hdr, inout meta_t m) { apply {  } }
control I(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    
    apply {
        s.egress_spec = 2;
        if (s.packet_length > 1000) { s.egress_spec = 3; }
    }
}
control E(inout headers_t hdr, inout meta_t m, inout standard_metadata_t s) {
    
    apply {  }
}
control C(inout headers_t hdr, inout meta_t m) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len, hdr.ipv4.id, hdr.ipv4.flags,
              hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}
control D(packet_out p, in headers_t hdr) {
    apply { p.emit(hdr.eth); p.emit(hdr.vlan); p.emit(hdr.ipv4); p.emit(hdr.ipv6); p.emit(hdr.tcp); }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
