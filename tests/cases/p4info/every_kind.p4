// An object of every kind, every type that P4Info describes, and every annotation that it carries.

#define V1MODEL_VERSION 20200408
#include <core.p4>
#include <v1model.p4>

enum Colour { RED, GREEN }
enum bit<8> Code { A = 1, B = 200 }
typedef bit<9> PortIdUint_t;
@p4runtime_translation("example.org/port", string)
type PortIdUint_t Port_t;
@p4runtime_translation("example.org/vlan", 16)
type bit<12> VlanId_t;
type bit<32> Index_t;

header eth_t { bit<48> dst; bit<48> src; bit<16> type; }
header wide_t { bit<8> len; varbit<64> data; int<24> s; }
header_union either_t { eth_t eth; wide_t wide; }

struct inner_t { bit<7> a; bool b; Code code; Port_t port; }
struct notice_t { eth_t eth; inner_t inner; Colour colour; error err; tuple<bit<3>, bool> pair; VlanId_t vlan; }

struct headers_t { eth_t eth; }
struct meta_t { bit<2> colour; notice_t notice; Port_t port; VlanId_t vlan; bit<16> hash; }

@controller_header("packet_in")
header packet_in_t { @id(3) Port_t ingress_port; bit<7> padding; }
@controller_header("packet_out")
header packet_out_t { bit<9> egress_port; bit<7> padding; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    value_set<tuple<bit<16>, bit<9>>>(4) types;
    state start {
        packet.extract(hdr.eth);
        transition select(hdr.eth.type, std.ingress_port) {
            types: accept;
            default: accept;
        }
    }
}

control V(inout headers_t hdr, inout meta_t meta) { apply { } }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    @brief("Counts ports") @description("More about it")
    counter<Index_t>(16, CounterType.packets_and_bytes) ports;
    meter<Index_t>(8, MeterType.bytes) rates;
    register<inner_t, Index_t>(32) cells;
    direct_counter(CounterType.packets) hits;
    direct_meter<bit<2>>(MeterType.packets) colours;
    @max_group_size(16) @selector_size_semantics("sum_of_members") @max_member_weight(30)
    action_selector(HashAlgorithm.crc16, 64, 14) paths;

    @my_note[a = 1, b = "two", c = true]
    action forward(@brief("where to") Port_t port, @id(7) bit<48> dst) {
        meta.port = port;
        hdr.eth.dst = dst;
        ports.count((Index_t) (bit<32>) 1);
        cells.write((Index_t) (bit<32>) 1, meta.notice.inner);
        colours.read(meta.colour);
        digest<notice_t>(1, meta.notice);
    }
    action drop() { mark_to_drop(std); }

    @list_note["x", 3, false]
    table lookup {
        key = {
            hdr.eth.dst : ternary @name("dst") @brief("destination");
            meta.vlan : range;
            meta.port : exact;
            hdr.eth.src : lpm;
            hdr.eth.type : optional;
        }
        actions = { forward; @tableonly drop; @defaultonly NoAction; }
        counters = hits;
        meters = colours;
        support_timeout = true;
        size = 4096;
        default_action = NoAction;
    }
    table balance {
        key = { hdr.eth.type : exact; meta.hash : selector; }
        actions = { forward; drop; }
        implementation = paths;
    }
    table fixed {
        key = { hdr.eth.type : exact; }
        actions = { drop; forward; }
        const entries = { 0x800 : drop(); }
        const default_action = forward((Port_t) 9w3, 0xffffffffffff);
    }
    apply {
        lookup.apply();
        balance.apply();
        fixed.apply();
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.eth); } }

@pkginfo(name = "every_kind", version = "1.2", organization = "example", contact = "x@example.org", url = "example.org")
@platform_property(multicast_group_table_size = 10, multicast_group_table_total_replicas = 100)
@brief("Everything")
V1Switch(P(), V(), I(), E(), C(), D()) main;
