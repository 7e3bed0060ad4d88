// What every switch of an AI fabric parses: Ethernet, one VLAN tag, IPv4/IPv6, UDP/TCP, RoCEv2.
//
// RoCEv2 is InfiniBand's transport in UDP, destination port 4791. The base transport header (BTH) names the
// destination queue pair; what follows it depends on the opcode.

#ifndef FABRIC_P4
#define FABRIC_P4

#include <core.p4>
#include <v1model.p4>

typedef bit<48>  mac_t;
typedef bit<32>  ipv4_t;
typedef bit<128> ipv6_t;
typedef bit<9>   port_t;
typedef bit<24>  qpn_t;

const bit<16> TYPE_VLAN = 0x8100;
const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_IPV6 = 0x86dd;

const bit<8>  PROTO_TCP = 6;
const bit<8>  PROTO_UDP = 17;

const bit<16> UDP_ROCEV2 = 4791;

// Opcodes of the reliable connection service that have more than a BTH.
const bit<8> RC_WRITE_FIRST    = 0x06;
const bit<8> RC_WRITE_ONLY     = 0x0a;
const bit<8> RC_WRITE_ONLY_IMM = 0x0b;
const bit<8> RC_READ_REQUEST   = 0x0c;
const bit<8> RC_READ_RESP_FIRST = 0x0d;
const bit<8> RC_READ_RESP_LAST = 0x0f;
const bit<8> RC_READ_RESP_ONLY = 0x10;
const bit<8> RC_ACKNOWLEDGE    = 0x11;
const bit<8> CNP               = 0x81;

// ECN codepoints (RFC 3168).
const bit<2> ECN_NOT_ECT = 0;
const bit<2> ECN_CE      = 3;

header ethernet_t {
    mac_t   dst;
    mac_t   src;
    bit<16> ether_type;
}

header vlan_t {
    bit<3>  pcp;
    bit<1>  dei;
    bit<12> vid;
    bit<16> ether_type;
}

header ipv4_h {
    bit<4>  version;
    bit<4>  ihl;
    bit<6>  dscp;
    bit<2>  ecn;
    bit<16> total_len;
    bit<16> identification;
    bit<3>  flags;
    bit<13> frag_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    ipv4_t  src;
    ipv4_t  dst;
}

header ipv6_h {
    bit<4>  version;
    bit<6>  dscp;
    bit<2>  ecn;
    bit<20> flow_label;
    bit<16> payload_len;
    bit<8>  next_header;
    bit<8>  hop_limit;
    ipv6_t  src;
    ipv6_t  dst;
}

header udp_h {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

header tcp_ports_h {
    bit<16> src_port;
    bit<16> dst_port;
}

// Base transport header.
header bth_h {
    bit<8>  opcode;
    bit<1>  solicited;
    bit<1>  migration;
    bit<2>  pad;
    bit<4>  version;
    bit<16> partition_key;
    bit<1>  fecn;
    bit<1>  becn;
    bit<6>  reserved1;
    qpn_t   dest_qp;
    bit<1>  ack_request;
    bit<7>  reserved2;
    bit<24> psn;
}

// RDMA extended transport header: where a write goes and how long the whole message is.
header reth_h {
    bit<64> virtual_address;
    bit<32> remote_key;
    bit<32> dma_length;
}

// Acknowledge extended transport header.
header aeth_h {
    bit<8>  syndrome;
    bit<24> msn;
}

struct headers_t {
    ethernet_t  ethernet;
    vlan_t      vlan;
    ipv4_h      ipv4;
    ipv6_h      ipv6;
    udp_h       udp;
    tcp_ports_h tcp;
    bth_h       bth;
    reth_h      reth;
    aeth_h      aeth;
}

// What the pipelines know of a packet beside its headers.
struct metadata_t {
    ipv6_t  src;             // IPv4 addresses stand in the low 32 bits
    ipv6_t  dst;
    bit<8>  protocol;
    bit<16> src_port;
    bit<16> dst_port;
    bool    to_host;         // the destination is attached to this switch
    bit<16> job;             // 0: traffic of no known job
    bit<1>  spread_by_qp;    // how this job's packets are spread over the uplinks
    bit<32> path_hash;       // what the choice of a path is made from
}

parser FabricParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t std_meta) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            TYPE_VLAN: parse_vlan;
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            default:   accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        meta.src = (ipv6_t) hdr.ipv4.src;
        meta.dst = (ipv6_t) hdr.ipv4.dst;
        meta.protocol = hdr.ipv4.protocol;
        // Fragments and packets with options are forwarded, but what is in them is not looked at.
        transition select(hdr.ipv4.ihl, hdr.ipv4.frag_offset, hdr.ipv4.protocol) {
            (5, 0, PROTO_UDP): parse_udp;
            (5, 0, PROTO_TCP): parse_tcp;
            default:           accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        meta.src = hdr.ipv6.src;
        meta.dst = hdr.ipv6.dst;
        meta.protocol = hdr.ipv6.next_header;
        transition select(hdr.ipv6.next_header) {
            PROTO_UDP: parse_udp;
            PROTO_TCP: parse_tcp;
            default:   accept;
        }
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        meta.src_port = hdr.tcp.src_port;
        meta.dst_port = hdr.tcp.dst_port;
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        meta.src_port = hdr.udp.src_port;
        meta.dst_port = hdr.udp.dst_port;
        transition select(hdr.udp.dst_port) {
            UDP_ROCEV2: parse_bth;
            default:    accept;
        }
    }

    state parse_bth {
        packet.extract(hdr.bth);
        transition select(hdr.bth.opcode) {
            RC_WRITE_FIRST:                          parse_reth;
            RC_WRITE_ONLY .. RC_READ_REQUEST:        parse_reth;
            RC_READ_RESP_FIRST:                      parse_aeth;
            RC_READ_RESP_LAST .. RC_ACKNOWLEDGE:     parse_aeth;
            default:                                 accept;
        }
    }

    state parse_reth {
        packet.extract(hdr.reth);
        transition accept;
    }

    state parse_aeth {
        packet.extract(hdr.aeth);
        transition accept;
    }
}

control FabricVerify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5,
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

// Marks packets that waited behind a queue, so that their receiver tells the sender to slow down (DCQCN).
// Only those that say their transport understands it (ECT) are marked.
control FabricEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    counter(1024, CounterType.packets) ecn_marked;    // by job
    // Cell 0: queue depth, in packets, from which on packets are marked. 0: never.
    register<bit<32>>(1) ecn_threshold;

    apply {
        bit<32> threshold;
        ecn_threshold.read(threshold, 0);
        if (threshold != 0 && (bit<32>) std_meta.enq_qdepth >= threshold) {
            if (hdr.ipv4.isValid() && hdr.ipv4.ecn != ECN_NOT_ECT) {
                hdr.ipv4.ecn = ECN_CE;
                ecn_marked.count((bit<32>) meta.job);
            } else if (hdr.ipv6.isValid() && hdr.ipv6.ecn != ECN_NOT_ECT) {
                hdr.ipv6.ecn = ECN_CE;
                ecn_marked.count((bit<32>) meta.job);
            }
        }
    }
}

// The RoCE invariant CRC leaves out TTL, traffic class and checksums, so nothing changed here breaks it.
control FabricCompute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5,
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control FabricDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

#endif
