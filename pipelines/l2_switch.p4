// A learning Ethernet switch.
//
//   heddle run pipelines/l2_switch.p4 -i 1@veth1 -i 2@veth2
//
// makes one with nothing else given. The division of labour is the usual one between data plane and control
// plane:
//
//   * the data plane forwards what it knows and floods what it does not (multicast group FLOOD_GROUP), and
//     reports every source address it sees on an unexpected port by a digest;
//   * the learning agent, an ordinary client of the control plane, answers each digest by writing one entry to
//     `smac` and one to `dmac`, and keeps the flood group equal to the attached ports.
//
// VLAN tags are carried through untouched, so one switch serves one broadcast domain.

#include <core.p4>
#include <v1model.p4>

const bit<16> FLOOD_GROUP = 1;

typedef bit<48> mac_t;

header ethernet_t {
    mac_t    dst;
    mac_t    src;
    bit<16>  ether_type;
}

struct headers_t {
    ethernet_t ethernet;
}

struct metadata_t {
    bool source_known;
}

// What the learning agent is told.
struct learn_t {
    mac_t   mac;
    bit<16> port;
}

parser SwitchParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t std_meta) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control SwitchVerify(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control SwitchIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    // --- Learning: is this source where we think it is?

    action known(bit<9> port) {
        // A host that moved is reported again, so that the agent can follow it.
        meta.source_known = port == std_meta.ingress_port;
    }

    action unknown() {
        meta.source_known = false;
    }

    table smac {
        key = { hdr.ethernet.src : exact; }
        actions = { known; unknown; }
        const default_action = unknown();
        size = 65536;
    }

    // --- Forwarding: where is the destination?

    action forward(bit<9> port) {
        std_meta.egress_spec = port;
    }

    action flood() {
        std_meta.mcast_grp = FLOOD_GROUP;
    }

    action drop() {
        mark_to_drop(std_meta);
    }

    table dmac {
        key = { hdr.ethernet.dst : exact; }
        actions = { forward; flood; drop; }
        const default_action = flood();
        size = 65536;
    }

    apply {
        if (!hdr.ethernet.isValid()) {
            mark_to_drop(std_meta);      // a runt without a whole Ethernet header
            return;
        }

        smac.apply();
        // Group addresses are never sources; a frame that claims so is not learned from.
        if (!meta.source_known && hdr.ethernet.src[40:40] == 0) {
            digest<learn_t>(1, { hdr.ethernet.src, (bit<16>) std_meta.ingress_port });
        }

        dmac.apply();
        // A destination behind the port it came from has already heard the frame.
        if (std_meta.mcast_grp == 0 && std_meta.egress_spec == std_meta.ingress_port) {
            drop();
        }
    }
}

control SwitchEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    apply {
        // The flood group holds every port, so the copy back to the sender ends here.
        if (std_meta.egress_port == std_meta.ingress_port) {
            mark_to_drop(std_meta);
        }
    }
}

control SwitchCompute(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control SwitchDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}

V1Switch(SwitchParser(), SwitchVerify(), SwitchIngress(), SwitchEgress(), SwitchCompute(), SwitchDeparser()) main;
