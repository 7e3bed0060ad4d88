// A spine of an AI fabric: every destination is behind exactly one leaf, so there is nothing to choose. It
// keeps the fabric's other promises: acknowledgements first, ECN marks, counts.

#include "include/fabric.p4"

const bit<3> QUEUE_DATA    = 0;
const bit<3> QUEUE_CONTROL = 7;

control SpineIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    direct_counter(CounterType.packets_and_bytes) leaf_traffic;

    action drop() {
        mark_to_drop(std_meta);
    }

    action to_leaf(port_t port) {
        std_meta.egress_spec = port;
    }

    table leaf_v4 {
        key = { hdr.ipv4.dst : lpm; }
        actions = { to_leaf; drop; }
        const default_action = drop();
        counters = leaf_traffic;
        size = 4096;
    }

    table leaf_v6 {
        key = { hdr.ipv6.dst : lpm; }
        actions = { to_leaf; drop; }
        const default_action = drop();
        size = 4096;
    }

    apply {
        if (std_meta.parser_error != error.NoError || std_meta.checksum_error == 1) {
            drop();
            return;
        }
        if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.ttl <= 1) {
                drop();
                return;
            }
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            leaf_v4.apply();
        } else if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.hop_limit <= 1) {
                drop();
                return;
            }
            hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
            leaf_v6.apply();
        } else {
            drop();
        }

        std_meta.priority = QUEUE_DATA;
        if (hdr.bth.isValid() && (hdr.bth.opcode == RC_ACKNOWLEDGE || hdr.bth.opcode == CNP)) {
            std_meta.priority = QUEUE_CONTROL;
        }
    }
}

V1Switch(FabricParser(), FabricVerify(), SpineIngress(), FabricEgress(), FabricCompute(), FabricDeparser()) main;
