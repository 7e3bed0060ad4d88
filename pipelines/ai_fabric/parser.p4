// Parsing. What is cut off or not understood below IP is forwarded as plain IP traffic and counted; only what has
// no whole IP header is refused.

#ifndef AI_FABRIC_PARSER_P4
#define AI_FABRIC_PARSER_P4

#include "headers.p4"

parser FabricParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t std_meta) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            TYPE_QINQ: parse_outer_vlan;
            TYPE_VLAN: parse_vlan;
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            TYPE_MAC_CONTROL: parse_pause;
            default:   accept;
        }
    }

    state parse_pause {
        transition select(packet.lookahead<bit<16>>()) {
            PAUSE_OPCODE: parse_priority_pause;
            default:      accept;
        }
    }

    state parse_priority_pause {
        packet.extract(hdr.pause);
        transition accept;
    }

    state parse_outer_vlan {
        packet.extract(hdr.outer_vlan);
        transition select(hdr.outer_vlan.ether_type) {
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
            UDP_UET:    parse_pds;
            UDP_VXLAN:  parse_vxlan;
            UDP_INT:    parse_int;
            default:    accept;
        }
    }

    // What hops before this one have put in stays where it is, and so what follows is not looked at.
    state parse_int {
        packet.extract(hdr.int_shim);
        packet.extract(hdr.int_md);
        transition accept;
    }

    state parse_vxlan {
        packet.extract(hdr.vxlan);
        packet.extract(hdr.inner_ethernet);
        transition select(hdr.inner_ethernet.ether_type) {
            TYPE_IPV4: parse_inner_ipv4;
            TYPE_IPV6: parse_inner_ipv6;
            default:   accept;
        }
    }

    state parse_inner_ipv4 {
        packet.extract(hdr.inner_ipv4);
        transition select(hdr.inner_ipv4.ihl, hdr.inner_ipv4.frag_offset, hdr.inner_ipv4.protocol) {
            (5, 0, PROTO_UDP): parse_inner_udp;
            default:           accept;
        }
    }

    state parse_inner_ipv6 {
        packet.extract(hdr.inner_ipv6);
        transition select(hdr.inner_ipv6.next_header) {
            PROTO_UDP: parse_inner_udp;
            default:   accept;
        }
    }

    state parse_inner_udp {
        packet.extract(hdr.inner_udp);
        // The outer one differs by direction; a queue pair's is the same both ways.
        meta.src_port = hdr.inner_udp.src_port;
        transition select(hdr.inner_udp.dst_port) {
            UDP_ROCEV2: parse_bth;
            UDP_UET:    parse_pds;
            default:    accept;
        }
    }

    state parse_bth {
        packet.extract(hdr.bth);
        transition select(hdr.bth.opcode) {
            RC_WRITE_FIRST:                        parse_reth;
            RC_WRITE_ONLY:                         parse_reth;
            RC_WRITE_ONLY_IMM:                     parse_reth_immdt;
            RC_READ_REQUEST:                       parse_reth;
            RC_SEND_LAST_IMM:                      parse_immdt;
            RC_SEND_ONLY_IMM:                      parse_immdt;
            RC_WRITE_LAST_IMM:                     parse_immdt;
            RC_READ_RESP_FIRST:                    parse_aeth;
            RC_READ_RESP_LAST .. RC_ACKNOWLEDGE:   parse_aeth;
            UD_SEND_ONLY:                          parse_deth;
            default:                               accept;
        }
    }

    state parse_reth {
        packet.extract(hdr.reth);
        transition accept;
    }

    state parse_reth_immdt {
        packet.extract(hdr.reth);
        transition parse_immdt;
    }

    state parse_immdt {
        packet.extract(hdr.immdt);
        transition accept;
    }

    state parse_aeth {
        packet.extract(hdr.aeth);
        transition accept;
    }

    state parse_deth {
        packet.extract(hdr.deth);
        transition select(hdr.bth.dest_qp) {
            MANAGEMENT_QP: parse_mad;
            default:       accept;
        }
    }

    state parse_mad {
        packet.extract(hdr.mad);
        transition select(hdr.mad.class, hdr.mad.attribute) {
            (CLASS_CM, CM_REQUEST): parse_cm_request;
            (CLASS_CM, CM_REPLY):   parse_cm_reply;
            default:                accept;
        }
    }

    state parse_cm_request {
        packet.extract(hdr.cm_request);
        transition accept;
    }

    state parse_cm_reply {
        packet.extract(hdr.cm_reply);
        transition accept;
    }

    state parse_pds {
        packet.extract(hdr.pds);
        transition select(hdr.pds.type, hdr.pds.next_header) {
            (PDS_RUD_REQUEST, UET_NEXT_STANDARD):    parse_ses;
            (PDS_ROD_REQUEST, UET_NEXT_STANDARD):    parse_ses;
            (PDS_RUD_CC_REQUEST, UET_NEXT_STANDARD): parse_pds_cc;
            (PDS_ROD_CC_REQUEST, UET_NEXT_STANDARD): parse_pds_cc;
            default:                                 accept;
        }
    }

    state parse_pds_cc {
        packet.extract(hdr.pds_cc);
        transition parse_ses;
    }

    state parse_ses {
        packet.extract(hdr.ses);
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

// The RoCE invariant CRC leaves out TTL, traffic class and checksums, so nothing changed here breaks it. What a
// report is about is left as it was, wrong sums and all.
control FabricCompute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5 && !hdr.report.isValid(),
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
