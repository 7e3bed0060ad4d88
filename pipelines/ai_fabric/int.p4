// In-band telemetry as a transit switch (INT-MD; In-band Network Telemetry specification 2.1, section 5): a packet that asks for
// it gets this hop's figures, in front of those of the hops before.
//
// What an INT header asks for that this switch does not know (reserved instructions, a domain's own, a length that is not
// that of its instructions) is left alone and counted, and the packet goes on as it came.

#ifndef AI_FABRIC_INT_P4
#define AI_FABRIC_INT_P4

const bit<4> INT_TYPE_MD = 1;
const bit<4> INT_VERSION = 2;

// Cell 0: this switch's number, cell 1: the longest packet that may leave (0: any).
register<bit<32>>(2) int_config;

control IntTransit(inout headers_t hdr, inout standard_metadata_t std_meta) {
    counter(4, CounterType.packets) int_hops;    // figures given; not understood; no hops left; would be too long

    action give() {
        bit<32> node;
        int_config.read(node, 0);
        bit<16> instructions = hdr.int_md.instructions;
        bit<64> ingress_ns = (bit<64>) std_meta.ingress_global_timestamp * 1000;
        bit<64> egress_ns = (bit<64>) std_meta.egress_global_timestamp * 1000;
        if (instructions[15:15] == 1) {
            hdr.int_node.setValid();
            hdr.int_node.id = node;
        }
        if (instructions[14:14] == 1) {
            hdr.int_ports.setValid();
            hdr.int_ports.ingress = (bit<16>) std_meta.ingress_port;
            hdr.int_ports.egress = (bit<16>) std_meta.egress_port;
        }
        if (instructions[13:13] == 1) {
            hdr.int_latency.setValid();
            hdr.int_latency.ns = (bit<32>) (egress_ns - ingress_ns);
        }
        if (instructions[12:12] == 1) {
            hdr.int_queue.setValid();
            hdr.int_queue.id = 5w0 ++ std_meta.priority;
            hdr.int_queue.bytes = (bit<24>) queue_bytes(std_meta.egress_port, std_meta.priority);
        }
        if (instructions[11:11] == 1) {
            hdr.int_ingress_time.setValid();
            hdr.int_ingress_time.ns = ingress_ns;
        }
        if (instructions[10:10] == 1) {
            hdr.int_egress_time.setValid();
            hdr.int_egress_time.ns = egress_ns;
        }
        if (instructions[9:9] == 1) {
            hdr.int_interfaces.setValid();
            hdr.int_interfaces.ingress = (bit<32>) std_meta.ingress_port;
            hdr.int_interfaces.egress = (bit<32>) std_meta.egress_port;
        }
        if (instructions[8:8] == 1) {
            hdr.int_utilisation.setValid();
            hdr.int_utilisation.recent_bytes = link_recent_bytes(std_meta.egress_port);
        }
        if (instructions[7:7] == 1) {
            hdr.int_buffer.setValid();
            hdr.int_buffer.id = 0;
            hdr.int_buffer.bytes = (bit<24>) queue_depth_bytes(std_meta.egress_port);
        }
    }

    apply {
        bit<16> asked = hdr.int_md.instructions;
        bit<5> words = (bit<5>) asked[15:15] + (bit<5>) asked[14:14] + (bit<5>) asked[13:13] + (bit<5>) asked[12:12]
            + ((bit<5>) asked[11:11] << 1) + ((bit<5>) asked[10:10] << 1) + ((bit<5>) asked[9:9] << 1)
            + (bit<5>) asked[8:8] + (bit<5>) asked[7:7];
        bit<16> bytes = 9w0 ++ words ++ 2w0;
        bit<32> longest;
        int_config.read(longest, 1);
        if (hdr.int_shim.type != INT_TYPE_MD || hdr.int_md.version != INT_VERSION || asked[6:0] != 0
            || words == 0 || hdr.int_md.hop_words != words || hdr.int_md.domain_instructions != 0) {
            int_hops.count(1);
        } else if (hdr.int_md.hops_left == 0) {
            hdr.int_md.exceeded = 1;
            int_hops.count(2);
        } else if (longest != 0 && std_meta.packet_length + (bit<32>) bytes > longest) {
            hdr.int_md.too_long = 1;
            int_hops.count(3);
        } else {
            hdr.int_md.hops_left = hdr.int_md.hops_left - 1;
            give();
            hdr.int_shim.words = hdr.int_shim.words + (bit<8>) words;
            hdr.udp.length = hdr.udp.length + bytes;
            // The sum would have to cover what was added; none is allowed for tunnels and for UDP over IPv4.
            hdr.udp.checksum = 0;
            if (hdr.ipv4.isValid()) {
                hdr.ipv4.total_len = hdr.ipv4.total_len + bytes;
            } else {
                hdr.ipv6.payload_len = hdr.ipv6.payload_len + bytes;
            }
            int_hops.count(0);
        }
    }
}

#endif
