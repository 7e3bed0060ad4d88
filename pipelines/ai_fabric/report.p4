// INT-XD: a switch tells a collector about packets that it looked at, and leaves them as they are (In-band Network Telemetry
// 2.1, section 3.2; Telemetry Report Format 2.0, sections 3.2 to 3.4). Reported are packets of jobs whose policy says so, with
// the F bit, and with the Q bit where their queue was long; and packets that this program drops, with the D bit and why.
//
// What the queues themselves drop for want of room is counted by the engine and reported by nobody. A packet whose copy
// had to become a pause frame is not reported either, and counted.

#ifndef AI_FABRIC_REPORT_P4
#define AI_FABRIC_REPORT_P4

// Clone session of reports: to the port behind which the collector is.
const bit<32> REPORT_SESSION = 2000;

const bit<4> REPORT_VERSION = 2;
const bit<4> REPORT_INT = 1;
const bit<4> REPORT_ETHERNET = 3;
// The most of a packet that a report has behind its figures; always whole words.
const bit<16> REPORT_INNER_BYTES = 128;
// What the headers before it take: Ethernet, IPv4, UDP, group, individual report.
const bit<16> REPORT_HEADERS_BYTES = 62;

// D, Q, F and I as they stand in the report.
const bit<4> REPORT_DROPPED = 8;
const bit<4> REPORT_CONGESTED = 4;
const bit<4> REPORT_TRACKED = 2;

// RepMdBits; those of a packet that went on: ports, latency, queue, both times; those of one that did not: ports, time, reason.
const bit<16> REPORT_BITS_TRACKED = 0x7c00;
const bit<16> REPORT_BITS_DROPPED = 0x4801;
const bit<8>  REPORT_WORDS_TRACKED = 7;
const bit<8>  REPORT_WORDS_DROPPED = 4;

// What INT has for a figure that there is not.
const bit<16> NO_PORT = 0xffff;

// Cell 0: 1 to report what is dropped; in microseconds, the least from one report to the next, cell 1: of drops, cell 2: of
// packets of jobs; cell 3: bytes in a queue above which a report says that it is congested (0: never).
register<bit<32>>(4) report_config;
// When the last of either kind was made.
register<bit<48>>(2) reported_at;
// Made, held back because the last was too recent, given way to a pause frame.
counter(3, CounterType.packets) int_reports;

// A packet is dropped. It is not told twice, so that what asks for many drops does not ask for many reports.
control DropReports(inout metadata_t meta, inout standard_metadata_t std_meta, in bit<8> why) {
    apply {
        bit<32> wanted;
        report_config.read(wanted, 0);
        if (wanted != 0) {
            bit<32> pause;
            bit<48> last;
            report_config.read(pause, 1);
            reported_at.read(last, 0);
            bit<48> now = std_meta.ingress_global_timestamp;
            if (meta.pause_classes != 0) {
                int_reports.count(2);
            } else if (last != 0 && now - last < (bit<48>) pause) {
                int_reports.count(1);
            } else {
                reported_at.write(0, now | 1);
                int_reports.count(0);
                meta.report = REPORT_DROPPED;
                meta.report_reason = why;
                meta.report_ports = (bit<16>) std_meta.ingress_port ++ NO_PORT;
                meta.report_came = now;
                clone_preserving_field_list(CloneType.I2E, REPORT_SESSION, FIELDS_REPORT);
            }
        }
    }
}

// A packet of a job that is reported leaves.
control TrackedReports(inout metadata_t meta, inout standard_metadata_t std_meta) {
    apply {
        bit<32> pause;
        bit<48> last;
        report_config.read(pause, 2);
        reported_at.read(last, 1);
        bit<48> now = std_meta.egress_global_timestamp;
        if (meta.is_copied) {
            int_reports.count(2);
        } else if (last != 0 && now - last < (bit<48>) pause) {
            int_reports.count(1);
        } else {
            reported_at.write(1, now | 1);
            int_reports.count(0);
            bit<32> depth = queue_bytes(std_meta.egress_port, std_meta.priority);
            bit<32> congested;
            report_config.read(congested, 3);
            meta.report = REPORT_TRACKED;
            if (congested != 0 && depth > congested) {
                meta.report = REPORT_TRACKED | REPORT_CONGESTED;
            }
            meta.report_ports = (bit<16>) std_meta.ingress_port ++ (bit<16>) std_meta.egress_port;
            meta.report_queue = 5w0 ++ std_meta.priority ++ depth[23:0];
            meta.report_came = std_meta.ingress_global_timestamp;
            meta.report_left = now;
            clone_preserving_field_list(CloneType.E2E, REPORT_SESSION, FIELDS_REPORT);
        }
    }
}

// Makes a report of a copy: headers before the packet, of which so much is left that the receiver can tell whose it was.
control ReportFrame(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta,
                    in bit<32> node) {
    // Reports are numbered, so that their receiver sees which are missing.
    register<bit<32>>(1) report_number;
    bit<6> hardware = 0;

    // The collector, and this switch as its packets name it. `hw` tells apart parts of a switch that number by themselves.
    action set_collector(mac_t src_mac, mac_t dst_mac, ipv4_t src, ipv4_t dst, bit<16> udp_port, bit<6> hw) {
        hdr.report_ethernet.setValid();
        hdr.report_ethernet.dst = dst_mac;
        hdr.report_ethernet.src = src_mac;
        hdr.report_ethernet.ether_type = TYPE_IPV4;
        hdr.report_ipv4.setValid();
        hdr.report_ipv4.src = src;
        hdr.report_ipv4.dst = dst;
        hdr.report_udp.setValid();
        hdr.report_udp.dst_port = udp_port;
        hardware = hw;
    }

    action no_collector() {
        mark_to_drop(std_meta);
    }

    table report_collector {
        actions = { set_collector; no_collector; }
        default_action = no_collector();
    }

    apply {
        report_collector.apply();
        bit<32> number;
        report_number.read(number, 0);
        report_number.write(0, number + 1);

        bit<16> inner = (bit<16>) std_meta.packet_length & 0xfffc;
        if (std_meta.packet_length > (bit<32>) REPORT_INNER_BYTES) {
            inner = REPORT_INNER_BYTES;
        }
        hdr.report_group.setValid();
        hdr.report_group.version = REPORT_VERSION;
        hdr.report_group.hardware = hardware;
        hdr.report_group.number = number[21:0];
        hdr.report_group.node = node;
        hdr.report.setValid();
        hdr.report.type = REPORT_INT;
        hdr.report.inner_type = REPORT_ETHERNET;
        hdr.report.flags = meta.report;
        hdr.report.reserved = 0;
        hdr.report.domain = 0;
        hdr.report.domain_bits = 0;
        hdr.report.domain_status = 0;
        hdr.report_ports.setValid();
        hdr.report_ports.ingress = meta.report_ports[31:16];
        hdr.report_ports.egress = meta.report_ports[15:0];
        bit<64> came_ns = (bit<64>) meta.report_came * 1000;
        hdr.report_ingress_time.setValid();
        hdr.report_ingress_time.ns = came_ns;
        if (meta.report == REPORT_DROPPED) {
            hdr.report.bits = REPORT_BITS_DROPPED;
            hdr.report.metadata_words = REPORT_WORDS_DROPPED;
            hdr.report_drop.setValid();
            hdr.report_drop.queue = 0;
            hdr.report_drop.reason = meta.report_reason;
            hdr.report_drop.padding = 0;
        } else {
            bit<64> left_ns = (bit<64>) meta.report_left * 1000;
            hdr.report.bits = REPORT_BITS_TRACKED;
            hdr.report.metadata_words = REPORT_WORDS_TRACKED;
            hdr.report_latency.setValid();
            hdr.report_latency.ns = (bit<32>) (left_ns - came_ns);
            hdr.report_queue.setValid();
            hdr.report_queue.id = meta.report_queue[31:24];
            hdr.report_queue.bytes = meta.report_queue[23:0];
            hdr.report_egress_time.setValid();
            hdr.report_egress_time.ns = left_ns;
        }
        bit<16> figures = 6w0 ++ hdr.report.metadata_words ++ 2w0;
        hdr.report.words = 2 + hdr.report.metadata_words + (bit<8>) (inner >> 2);
        bit<16> all = REPORT_HEADERS_BYTES + figures + inner;

        hdr.report_udp.src_port = 49152;
        hdr.report_udp.length = all - 34;
        hdr.report_udp.checksum = 0;
        hdr.report_ipv4.version = 4;
        hdr.report_ipv4.ihl = 5;
        hdr.report_ipv4.dscp = 0;
        hdr.report_ipv4.ecn = 0;
        hdr.report_ipv4.total_len = all - 14;
        hdr.report_ipv4.identification = number[15:0];
        hdr.report_ipv4.flags = 0;
        hdr.report_ipv4.frag_offset = 0;
        hdr.report_ipv4.ttl = 64;
        hdr.report_ipv4.protocol = PROTO_UDP;
        hash(hdr.report_ipv4.checksum, HashAlgorithm.csum16, 16w0,
             { hdr.report_ipv4.version, hdr.report_ipv4.ihl, hdr.report_ipv4.dscp, hdr.report_ipv4.ecn,
               hdr.report_ipv4.total_len, hdr.report_ipv4.identification, hdr.report_ipv4.flags,
               hdr.report_ipv4.frag_offset, hdr.report_ipv4.ttl, hdr.report_ipv4.protocol, hdr.report_ipv4.src,
               hdr.report_ipv4.dst }, 17w0x1_0000);
        truncate((bit<32>) all);
    }
}

#endif
