// An IP router: IPv4 and IPv6, longest prefix match, ECMP groups, an access list.
//
//   routes      `ipv4_route`, `ipv6_route`: prefix -> next hop group
//   next hops   `next_hop`: group -> one of several (port, MAC addresses), chosen by a hash of the flow
//   access list `acl`: first match by priority drops or passes
//   neighbours  `local_ipv4`, `local_ipv6`: the router's own addresses; ARP requests and neighbour
//               solicitations for them are answered here, in the data plane
//
// A packet that cannot be routed is dropped and counted in `drops`, by reason.

#include <core.p4>
#include <v1model.p4>

typedef bit<48>  mac_t;
typedef bit<32>  ipv4_t;
typedef bit<128> ipv6_t;
typedef bit<9>   port_t;
typedef bit<16>  group_t;

const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_ARP  = 0x0806;
const bit<16> TYPE_IPV6 = 0x86dd;

const bit<8> PROTO_TCP    = 6;
const bit<8> PROTO_UDP    = 17;
const bit<8> PROTO_ICMPV6 = 58;

// Cells of the counter `drops`.
enum bit<8> DropCause {
    NONE         = 0,
    MALFORMED    = 1,
    BAD_CHECKSUM = 2,
    TTL_EXPIRED  = 3,
    NO_ROUTE     = 4,
    DENIED       = 5,
    NOT_IP       = 6
}

header ethernet_t {
    mac_t   dst;
    mac_t   src;
    bit<16> ether_type;
}

// ARP for IPv4 over Ethernet (RFC 826).
header arp_t {
    bit<16> hardware_type;
    bit<16> protocol_type;
    bit<8>  hardware_len;
    bit<8>  protocol_len;
    bit<16> operation;
    mac_t   sender_mac;
    ipv4_t  sender_ip;
    mac_t   target_mac;
    ipv4_t  target_ip;
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

header ipv4_options_t {
    varbit<320> options;
}

header ipv6_h {
    bit<4>  version;
    bit<8>  traffic_class;
    bit<20> flow_label;
    bit<16> payload_len;
    bit<8>  next_header;
    bit<8>  hop_limit;
    ipv6_t  src;
    ipv6_t  dst;
}

// The first bytes of TCP and UDP alike.
header l4_ports_t {
    bit<16> src;
    bit<16> dst;
}

// Neighbour solicitation and advertisement with one link-layer address option (RFC 4861).
header neighbour_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
    bit<32> flags;
    ipv6_t  target;
    bit<8>  option_type;
    bit<8>  option_len;
    mac_t   option_mac;
}

struct headers_t {
    ethernet_t     ethernet;
    arp_t          arp;
    ipv4_h         ipv4;
    ipv4_options_t ipv4_options;
    ipv6_h         ipv6;
    neighbour_t    neighbour;
    l4_ports_t     l4;
}

struct metadata_t {
    group_t   group;
    DropCause cause;
    bool      is_fragment;
    // What a flow is recognised by, one format for both IP versions.
    ipv6_t    flow_src;
    ipv6_t    flow_dst;
    bit<8>    flow_proto;
    bit<16>   flow_sport;
    bit<16>   flow_dport;
}

parser RouterParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t std_meta) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            TYPE_IPV4: parse_ipv4;
            TYPE_IPV6: parse_ipv6;
            TYPE_ARP:  parse_arp;
            default:   accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        verify(hdr.ipv4.version == 4 && hdr.ipv4.ihl >= 5, error.ParserInvalidArgument);
        meta.flow_src = (ipv6_t) hdr.ipv4.src;
        meta.flow_dst = (ipv6_t) hdr.ipv4.dst;
        meta.flow_proto = hdr.ipv4.protocol;
        meta.is_fragment = hdr.ipv4.frag_offset != 0;
        transition select(hdr.ipv4.ihl) {
            5:       parse_ipv4_payload;
            default: parse_ipv4_options;
        }
    }

    state parse_ipv4_options {
        packet.extract(hdr.ipv4_options, ((bit<32>) hdr.ipv4.ihl - 5) * 32);
        transition parse_ipv4_payload;
    }

    state parse_ipv4_payload {
        // Only the first fragment has ports.
        transition select(meta.is_fragment, hdr.ipv4.protocol) {
            (false, PROTO_TCP): parse_l4;
            (false, PROTO_UDP): parse_l4;
            default:            accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        verify(hdr.ipv6.version == 6, error.ParserInvalidArgument);
        meta.flow_src = hdr.ipv6.src;
        meta.flow_dst = hdr.ipv6.dst;
        meta.flow_proto = hdr.ipv6.next_header;
        transition select(hdr.ipv6.next_header) {
            PROTO_TCP:    parse_l4;
            PROTO_UDP:    parse_l4;
            PROTO_ICMPV6: parse_icmpv6;
            default:      accept;
        }
    }

    state parse_icmpv6 {
        // Type 135, neighbour solicitation, 32 bytes long with the usual option.
        transition select(packet.lookahead<bit<8>>(), hdr.ipv6.payload_len) {
            (135, 32): parse_neighbour;
            default:   accept;
        }
    }

    state parse_neighbour {
        packet.extract(hdr.neighbour);
        transition accept;
    }

    state parse_l4 {
        packet.extract(hdr.l4);
        meta.flow_sport = hdr.l4.src;
        meta.flow_dport = hdr.l4.dst;
        transition accept;
    }
}

control RouterVerify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid() && !hdr.ipv4_options.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
        verify_checksum(hdr.ipv4_options.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4_options.options },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control RouterIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    counter(7, CounterType.packets) drops;
    direct_counter(CounterType.packets_and_bytes) acl_hits;

    action refuse(DropCause cause) {
        meta.cause = cause;
        drops.count((bit<32>) (bit<8>) cause);
        mark_to_drop(std_meta);
        exit;
    }

    // --- The router's own addresses

    action answer_arp(mac_t mac) {
        hdr.arp.operation = 2;
        hdr.arp.target_mac = hdr.arp.sender_mac;
        ipv4_t asked = hdr.arp.target_ip;
        hdr.arp.target_ip = hdr.arp.sender_ip;
        hdr.arp.sender_mac = mac;
        hdr.arp.sender_ip = asked;
        hdr.ethernet.dst = hdr.ethernet.src;
        hdr.ethernet.src = mac;
        std_meta.egress_spec = std_meta.ingress_port;
    }

    table local_ipv4 {
        key = { hdr.arp.target_ip : exact; }
        actions = { answer_arp; NoAction; }
        const default_action = NoAction();
        size = 256;
    }

    action answer_solicitation(mac_t mac) {
        hdr.ethernet.dst = hdr.ethernet.src;
        hdr.ethernet.src = mac;
        hdr.ipv6.dst = hdr.ipv6.src;
        hdr.ipv6.src = hdr.neighbour.target;
        hdr.neighbour.type = 136;
        hdr.neighbour.flags = 0xe0000000;    // router, solicited, override
        hdr.neighbour.option_type = 2;       // target link-layer address
        hdr.neighbour.option_mac = mac;
        std_meta.egress_spec = std_meta.ingress_port;
    }

    table local_ipv6 {
        key = { hdr.neighbour.target : exact; }
        actions = { answer_solicitation; NoAction; }
        const default_action = NoAction();
        size = 256;
    }

    // --- Access list

    action permit() { }

    action deny() {
        refuse(DropCause.DENIED);
    }

    table acl {
        key = {
            std_meta.ingress_port : ternary @name("ingress_port");
            meta.flow_src         : ternary @name("src");
            meta.flow_dst         : ternary @name("dst");
            meta.flow_proto       : ternary @name("protocol");
            meta.flow_dport       : range   @name("dport");
        }
        actions = { permit; deny; }
        const default_action = permit();
        counters = acl_hits;
        size = 4096;
    }

    // --- Routes

    action to_group(group_t group) {
        meta.group = group;
    }

    action no_route() {
        refuse(DropCause.NO_ROUTE);
    }

    table ipv4_route {
        key = { hdr.ipv4.dst : lpm; }
        actions = { to_group; no_route; }
        const default_action = no_route();
        size = 1048576;
    }

    table ipv6_route {
        key = { hdr.ipv6.dst : lpm; }
        actions = { to_group; no_route; }
        const default_action = no_route();
        size = 262144;
    }

    // --- Next hops: a member of the group for each flow

    action via(port_t port, mac_t own, mac_t next) {
        std_meta.egress_spec = port;
        hdr.ethernet.src = own;
        hdr.ethernet.dst = next;
    }

    @max_group_size(64)
    action_selector(HashAlgorithm.crc32, 1024, 32) paths;

    table next_hop {
        key = {
            meta.group      : exact;
            meta.flow_src   : selector;
            meta.flow_dst   : selector;
            meta.flow_proto : selector;
            meta.flow_sport : selector;
            meta.flow_dport : selector;
        }
        actions = { via; no_route; }
        const default_action = no_route();
        implementation = paths;
        size = 4096;
    }

    apply {
        if (std_meta.parser_error != error.NoError) {
            refuse(DropCause.MALFORMED);
        }
        if (std_meta.checksum_error == 1) {
            refuse(DropCause.BAD_CHECKSUM);
        }

        if (hdr.arp.isValid()) {
            if (hdr.arp.operation == 1 && local_ipv4.apply().hit) {
                return;
            }
            refuse(DropCause.NOT_IP);
        }
        if (hdr.neighbour.isValid() && local_ipv6.apply().hit) {
            return;
        }

        acl.apply();

        if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.ttl <= 1) {
                refuse(DropCause.TTL_EXPIRED);
            }
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            ipv4_route.apply();
        } else if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.hop_limit <= 1) {
                refuse(DropCause.TTL_EXPIRED);
            }
            hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
            ipv6_route.apply();
        } else {
            refuse(DropCause.NOT_IP);
        }
        next_hop.apply();
    }
}

control RouterEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    apply { }
}

control RouterCompute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid() && !hdr.ipv4_options.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
        update_checksum(hdr.ipv4_options.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn, hdr.ipv4.total_len,
              hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4_options.options },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
        // An advertisement made here; solicitations that pass through keep their checksum.
        update_checksum(hdr.neighbour.isValid() && hdr.neighbour.type == 136,
            { hdr.ipv6.src, hdr.ipv6.dst, (bit<32>) hdr.ipv6.payload_len, (bit<24>) 0, PROTO_ICMPV6,
              hdr.neighbour.type, hdr.neighbour.code, hdr.neighbour.flags, hdr.neighbour.target,
              hdr.neighbour.option_type, hdr.neighbour.option_len, hdr.neighbour.option_mac },
            hdr.neighbour.checksum, HashAlgorithm.csum16);
    }
}

control RouterDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(RouterParser(), RouterVerify(), RouterIngress(), RouterEgress(), RouterCompute(), RouterDeparser()) main;
