// Which queue, and what happens when it is long: marks (ECN), or for traffic that knows it, trimming.

#ifndef AI_FABRIC_QUEUES_P4
#define AI_FABRIC_QUEUES_P4

// Queues of a port: the higher, the sooner served; those below QUEUE_TRIMMED are the jobs' (`job_policy`) and may share by
// weight instead.
const bit<3> QUEUE_TRIMMED = 6;
const bit<3> QUEUE_CONTROL = 7;

const bit<6>  DSCP_TRIMMED  = 5;
// Bytes that are left of a trimmed packet: all headers up to UET's semantic one, which under VXLAN stand behind a tunnel's over
// IPv6, and IPv6 inside, at byte 188 at the latest.
const bit<32> TRIMMED_BYTES        = 128;
const bit<32> TRIMMED_INSIDE_BYTES = 192;

#include "pause.p4"
#include "int.p4"
#include "report.p4"

control Queues(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    // Cell 0: bytes waiting for a port from which on a packet is trimmed. 0: never.
    register<bit<32>>(1) trim_above;
    counter(65536, CounterType.packets) trimmed;      // by job
    counter(512, CounterType.packets) trimmed_by_port;

    // What is under VXLAN has lengths of its own, and the inner IPv4 header a checksum over them (RFC 1624, eqn. 3).
    action trim_inside(bit<16> cut) {
        hdr.inner_udp.length = hdr.inner_udp.length - cut;
        hdr.inner_udp.checksum = 0;
        if (hdr.inner_ipv4.isValid()) {
            bit<32> sum = (bit<32>) ~hdr.inner_ipv4.checksum + (bit<32>) ~hdr.inner_ipv4.total_len;
            hdr.inner_ipv4.total_len = hdr.inner_ipv4.total_len - cut;
            sum = sum + (bit<32>) hdr.inner_ipv4.total_len;
            sum = (sum & 0xffff) + (sum >> 16);
            sum = (sum & 0xffff) + (sum >> 16);
            hdr.inner_ipv4.checksum = ~sum[15:0];
        } else if (hdr.inner_ipv6.isValid()) {
            hdr.inner_ipv6.payload_len = hdr.inner_ipv6.payload_len - cut;
        }
    }

    apply {
        std_meta.priority = meta.queue;
        if (meta.is_control) {
            std_meta.priority = QUEUE_CONTROL;
        } else if (meta.may_trim) {
            bit<32> limit;
            trim_above.read(limit, 0);
            bit<32> left = TRIMMED_BYTES;
            if (hdr.inner_udp.isValid()) {
                left = TRIMMED_INSIDE_BYTES;
            }
            if ((hdr.ipv4.isValid() && hdr.ipv4.dscp == DSCP_TRIMMED)
                || (hdr.ipv6.isValid() && hdr.ipv6.dscp == DSCP_TRIMMED)) {
                std_meta.priority = QUEUE_TRIMMED;      // trimmed by a switch before this one
            } else if (limit != 0 && queue_bytes(std_meta.egress_spec, meta.queue) > limit
                       && std_meta.packet_length > left) {
                std_meta.priority = QUEUE_TRIMMED;
                truncate(left);
                bit<16> cut = (bit<16>) (std_meta.packet_length - left);
                if (hdr.ipv4.isValid()) {
                    hdr.ipv4.dscp = DSCP_TRIMMED;
                    hdr.ipv4.total_len = hdr.ipv4.total_len - cut;
                } else {
                    hdr.ipv6.dscp = DSCP_TRIMMED;
                    hdr.ipv6.payload_len = hdr.ipv6.payload_len - cut;
                }
                // The sum of what is gone cannot be known: none, which both IP versions' tunnels and UET allow.
                hdr.udp.length = hdr.udp.length - cut;
                hdr.udp.checksum = 0;
                if (hdr.inner_udp.isValid()) {
                    trim_inside(cut);
                }
                trimmed.count((bit<32>) meta.job);
                trimmed_by_port.count((bit<32>) std_meta.egress_spec);
            }
        }
    }
}

// Marks packets that leave a long queue behind them, so that their receiver tells the sender to slow down: none below
// the first threshold, all above the second, in between with a chance that grows. Only those that say that their
// transport understands it (ECT) are marked.
control FabricEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    counter(65536, CounterType.packets) ecn_marked;    // by job
    counter(512, CounterType.packets) ecn_marked_by_port;
    // By queue: the thresholds in bytes (0: never), and how far the bytes above the first are shifted right to give the
    // chance in 65536ths. One that outweighs others may hold more: with a light one beside it, it waits though its
    // senders send no more than the link takes.
    register<bit<32>>(8) ecn_low;
    register<bit<32>>(8) ecn_high;
    register<bit<32>>(8) ecn_shift;

    PauseRelease() pause_release;
    PauseFrame() pause_frame;
    IntTransit() int_transit;
    TrackedReports() tracked_reports;
    ReportFrame() report_frame;

    apply {
        if (std_meta.instance_type != 0) {
            if (meta.report != 0) {
                bit<32> node;
                int_config.read(node, 0);
                report_frame.apply(hdr, meta, std_meta, node);
            } else {
                pause_frame.apply(hdr, meta, std_meta);
            }
            return;
        }
        pause_release.apply(meta, std_meta);
        if (hdr.int_md.isValid()) {
            int_transit.apply(hdr, std_meta);
        }
        bit<32> low;
        bit<32> queue = (bit<32>) std_meta.priority;
        ecn_low.read(low, queue);
        if (low != 0) {
            bit<32> depth = queue_bytes(std_meta.egress_port, std_meta.priority);
            if (depth > low) {
                bit<32> high;
                bit<32> shift;
                bit<16> dice;
                ecn_high.read(high, queue);
                ecn_shift.read(shift, queue);
                random(dice, 16w0, 16w0xffff);
                if (depth > high || (bit<32>) dice < ((depth - low) >> (bit<8>) shift)) {
                    if (hdr.ipv4.isValid() && hdr.ipv4.ecn != ECN_NOT_ECT) {
                        hdr.ipv4.ecn = ECN_CE;
                        ecn_marked.count((bit<32>) meta.job);
                        ecn_marked_by_port.count((bit<32>) std_meta.egress_port);
                    } else if (hdr.ipv6.isValid() && hdr.ipv6.ecn != ECN_NOT_ECT) {
                        hdr.ipv6.ecn = ECN_CE;
                        ecn_marked.count((bit<32>) meta.job);
                        ecn_marked_by_port.count((bit<32>) std_meta.egress_port);
                    }
                }
            }
        }
        if (meta.is_reported) {
            tracked_reports.apply(meta, std_meta);
        }
    }
}

#endif
