// v1model: counters of packets, of bytes and of both, direct and not; registers of numbers with and without sign, of
// `bool`, enums, structs and new types, indexed by numbers of their own width.

#include <core.p4>
#include <v1model.p4>

enum bit<8> Level { low = 1, high = 9 }
enum Side { left, right }
type bit<16> Port;
struct pair_t { bit<8> first; int<8> second; bool set; }
header h_t { bit<8> index; int<8> delta; }
header r_t { int<8> sum; bit<8> flag; bit<8> level; bit<8> first; int<8> second; bit<16> port; bit<8> side; }
struct headers_t { h_t h; r_t r; }
struct meta_t { }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.h);
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(4, CounterType.packets) packets;
    counter(4, CounterType.bytes) bytes;
    counter(4, CounterType.packets_and_bytes) both;
    direct_counter(CounterType.packets) direct_packets;
    direct_counter(CounterType.bytes) direct_bytes;
    direct_counter(CounterType.packets_and_bytes) direct_both;
    register<int<8>>(4) sums;
    register<bool>(4) flags;
    register<Level>(4) levels;
    register<Side>(4) sides;
    register<pair_t>(4) pairs;
    register<Port>(4) ports;
    action count_packets() { direct_packets.count(); }
    action count_bytes() { direct_bytes.count(); }
    action count_both() { direct_both.count(); }
    table t1 {
        key = { hdr.h.index : exact; }
        actions = { count_packets; NoAction; }
        default_action = NoAction;
        counters = direct_packets;
    }
    table t2 {
        key = { hdr.h.index : exact; }
        actions = { count_bytes; NoAction; }
        default_action = NoAction;
        counters = direct_bytes;
    }
    table t3 {
        key = { hdr.h.index : exact; }
        actions = { count_both; NoAction; }
        default_action = NoAction;
        counters = direct_both;
    }
    apply {
        std.egress_spec = 2;
        bit<32> i = (bit<32>) hdr.h.index;
        packets.count(i);
        bytes.count(i);
        both.count(i);
        t1.apply();
        t2.apply();
        t3.apply();
        hdr.r.setValid();

        int<8> sum;
        sums.read(sum, i);
        sum = sum |+| hdr.h.delta;
        sums.write(i, sum);
        hdr.r.sum = sum;

        bool flag;
        flags.read(flag, i);
        hdr.r.flag = (bit<8>) (bit<1>) flag;
        flags.write(i, !flag);

        Level level;
        levels.read(level, i);
        hdr.r.level = (bit<8>) level;
        levels.write(i, level == Level.high ? Level.low : Level.high);

        Side side;
        sides.read(side, i);
        hdr.r.side = side == Side.right ? 8w1 : 0;
        sides.write(i, side == Side.right ? Side.left : Side.right);

        pair_t pair;
        pairs.read(pair, i);
        hdr.r.first = pair.first + (pair.set ? 8w0x80 : 0);
        hdr.r.second = pair.second;
        pair.first = pair.first + 1;
        pair.second = pair.second - 1;
        pair.set = !pair.set;
        pairs.write(i, pair);

        Port port;
        ports.read(port, i);
        hdr.r.port = (bit<16>) port;
        ports.write(i, (Port) ((bit<16>) port + 0x100));
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
