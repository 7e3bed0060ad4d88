// An object of every kind that controllers write to.
#include <core.p4>
#include <v1model.p4>

enum bit<8> Code { A = 1, B = 200 }
@p4runtime_translation("example.org/vrf", string)
type bit<10> Vrf_t;
@p4runtime_translation("example.org/vlan", 16)
type bit<12> Vlan_t;

header eth_t { bit<48> dst; bit<48> src; bit<16> type; }
@controller_header("packet_in")
header in_t { bit<9> ingress_port; bit<7> reason; }
@controller_header("packet_out")
header out_t { bit<9> egress_port; @padding bit<7> pad; }
struct pair_t { bit<7> a; bool b; Code code; int<16> s; }
struct seen_t { bit<48> src; bit<9> port; }
struct headers_t { in_t in_; out_t out_; eth_t eth; }
struct meta_t { bit<2> colour; pair_t pair; Vrf_t vrf; Vlan_t vlan; bit<16> hash; bit<128> wide; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    value_set<bit<16>>(4) types;
    state start {
        packet.extract(hdr.eth);
        transition select(hdr.eth.type) { types: accept; default: accept; }
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(16, CounterType.packets_and_bytes) ports;
    meter(8, MeterType.bytes) rates;
    register<bit<32>>(32) words;
    register<pair_t>(4) pairs;
    direct_counter(CounterType.packets_and_bytes) hits;
    direct_meter<bit<2>>(MeterType.packets) colours;
    @max_group_size(10)
    action_selector(HashAlgorithm.crc16, 64, 14) paths;
    action_profile(4) shared;
    @selector_size_semantics("sum_of_members") @max_member_weight(100) @max_group_size(3)
    action_selector(HashAlgorithm.crc16, 64, 14) few;
    @single_rate_three_color meter(2, MeterType.bytes) one_rate;
    @single_rate_two_color meter(2, MeterType.packets) two_colours;

    action forward(bit<9> port, bit<48> dst) {
        std.egress_spec = port;
        hdr.eth.dst = dst;
        ports.count((bit<32>) port);
        rates.execute_meter<bit<2>>(1, meta.colour);
        words.write(1, 7);
        pairs.write(1, meta.pair);
        one_rate.execute_meter<bit<2>>(1, meta.colour);
        two_colours.execute_meter<bit<2>>(1, meta.colour);
        digest<seen_t>(1, { hdr.eth.src, std.ingress_port });
    }
    action metered() { colours.read(meta.colour); }
    action drop() { mark_to_drop(std); }
    action set_vrf(Vrf_t vrf, Vlan_t vlan) { meta.vrf = vrf; meta.vlan = vlan; }

    table exact_one {
        key = { hdr.eth.dst : exact; }
        actions = { forward; metered; drop; @defaultonly NoAction; }
        counters = hits;
        meters = colours;
        support_timeout = true;
        size = 8;
        default_action = NoAction;
    }
    table route {
        key = { meta.vrf : exact; hdr.eth.dst : lpm; }
        actions = { forward; drop; }
        default_action = drop;
    }
    table acl {
        key = { hdr.eth.src : ternary; hdr.eth.type : range; std.ingress_port : optional; }
        actions = { drop; @tableonly forward; set_vrf; NoAction; }
        default_action = NoAction;
    }
    table vlan { key = { meta.vlan : exact; } actions = { set_vrf; NoAction; } default_action = NoAction; }
    table wide {
        key = { meta.wide : exact; }
        actions = { drop; NoAction; }
        default_action = NoAction;
        size = 65536;
    }
    table balance {
        key = { hdr.eth.type : exact; meta.hash : selector; }
        actions = { forward; drop; }
        implementation = paths;
    }
    table spread {
        key = { hdr.eth.type : exact; meta.hash : selector; }
        actions = { forward; drop; }
        implementation = few;
    }
    table indirect { key = { hdr.eth.type : exact; } actions = { forward; drop; } implementation = shared; }
    table fixed {
        key = { hdr.eth.type : exact; }
        actions = { drop; forward; }
        const entries = { 0x800 : drop(); 0x806 : forward(3, 0xffffffffffff); }
        const default_action = drop;
    }
    table given {
        key = { hdr.eth.type : exact; }
        actions = { drop; NoAction; }
        entries = { const 0x800 : drop(); 0x806 : drop(); }
        default_action = NoAction;
    }
    table keyless { actions = { drop; NoAction; } default_action = NoAction; }
    apply {
        exact_one.apply(); route.apply(); acl.apply(); vlan.apply(); wide.apply(); balance.apply();
        indirect.apply(); spread.apply(); fixed.apply(); given.apply(); keyless.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
