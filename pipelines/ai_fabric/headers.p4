// The headers of an AI fabric, and what its pipelines know of a packet beside them.

#ifndef AI_FABRIC_HEADERS_P4
#define AI_FABRIC_HEADERS_P4

typedef bit<48>  mac_t;
typedef bit<32>  ipv4_t;
typedef bit<128> ipv6_t;
typedef bit<9>   port_t;
typedef bit<24>  qpn_t;

const bit<16> TYPE_VLAN = 0x8100;
const bit<16> TYPE_QINQ = 0x88a8;
const bit<16> TYPE_IPV4 = 0x0800;
const bit<16> TYPE_IPV6 = 0x86dd;
const bit<16> TYPE_MAC_CONTROL = 0x8808;
const bit<16> PAUSE_OPCODE = 0x0101;

const bit<8>  PROTO_TCP = 6;
const bit<8>  PROTO_UDP = 17;

const bit<16> UDP_ROCEV2 = 4791;
const bit<16> UDP_UET    = 4793;
const bit<16> UDP_VXLAN  = 4789;
// INT's specification leaves its port to be assigned; this one is reserved. Change it to that of your sources and sinks.
const bit<16> UDP_INT    = 49151;

// BTH opcodes that the fabric looks at (InfiniBand Architecture Specification, volume 1, section 9.2.1).
const bit<8> RC_SEND_FIRST      = 0x00;
const bit<8> RC_SEND_ONLY       = 0x04;
const bit<8> RC_SEND_ONLY_IMM   = 0x05;
const bit<8> RC_SEND_LAST       = 0x02;
const bit<8> RC_SEND_LAST_IMM   = 0x03;
const bit<8> RC_WRITE_FIRST     = 0x06;
const bit<8> RC_WRITE_LAST      = 0x08;
const bit<8> RC_WRITE_LAST_IMM  = 0x09;
const bit<8> RC_WRITE_ONLY      = 0x0a;
const bit<8> RC_WRITE_ONLY_IMM  = 0x0b;
const bit<8> RC_READ_REQUEST    = 0x0c;
const bit<8> RC_READ_RESP_FIRST = 0x0d;
const bit<8> RC_READ_RESP_LAST  = 0x0f;
const bit<8> RC_READ_RESP_ONLY  = 0x10;
const bit<8> RC_ACKNOWLEDGE     = 0x11;
const bit<8> UD_SEND_ONLY       = 0x64;
const bit<8> ROCE_CNP           = 0x81;

// The communication manager's class of management datagrams, and its request and reply.
const qpn_t   MANAGEMENT_QP = 1;
const bit<8>  CLASS_CM      = 0x07;
const bit<16> CM_REQUEST    = 0x0010;
const bit<16> CM_REPLY      = 0x0013;

// UET packet types (Ultra Ethernet 1.0, packet delivery sublayer).
const bit<5> PDS_RUD_REQUEST    = 2;
const bit<5> PDS_ROD_REQUEST    = 3;
const bit<5> PDS_ACK            = 7;
const bit<5> PDS_ACK_CC         = 8;
const bit<5> PDS_ACK_CCX        = 9;
const bit<5> PDS_NACK           = 10;
const bit<5> PDS_CONTROL        = 11;
const bit<5> PDS_NACK_CCX       = 12;
const bit<5> PDS_RUD_CC_REQUEST = 13;
const bit<5> PDS_ROD_CC_REQUEST = 14;

// Next headers of a UET request that are followed by the standard semantic header.
const bit<4> UET_NEXT_STANDARD  = 3;

// ECN codepoints (RFC 3168).
const bit<2> ECN_NOT_ECT = 0;
const bit<2> ECN_CE      = 3;

header ethernet_h {
    mac_t   dst;
    mac_t   src;
    bit<16> ether_type;
}

header vlan_h {
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

header vxlan_h {
    bit<8>  flags;
    bit<24> reserved1;
    bit<24> vni;
    bit<8>  reserved2;
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

// Immediate data; in a WRITE's last packet they tell the receiver that the message is whole.
header immdt_h {
    bit<32> data;
}

// Datagram extended transport header.
header deth_h {
    bit<32> queue_key;
    bit<8>  reserved;
    qpn_t   source_qp;
}

// Management datagram, its common part; and of the communication manager's request and reply what is before and at their
// sender's queue pair (InfiniBand Architecture Specification, volume 1, sections 13.4.3, 12.6.5 and 12.6.8).
header mad_h {
    bit<8>  base_version;
    bit<8>  class;
    bit<8>  class_version;
    bit<8>  method;
    bit<16> status;
    bit<16> class_specific;
    bit<64> transaction;
    bit<16> attribute;
    bit<16> reserved;
    bit<32> modifier;
}

header cm_request_h {
    bit<32> local_id;
    bit<32> reserved1;
    bit<64> service;
    bit<64> local_guid;
    bit<32> reserved2;
    bit<32> local_key;
    qpn_t   local_qp;
    bit<8>  resources;
}

header cm_reply_h {
    bit<32> local_id;
    bit<32> remote_id;
    bit<32> local_key;
    qpn_t   local_qp;
    bit<8>  reserved;
}

// UET packet delivery: type and what follows are common to all; `flags` differ by type.
header pds_h {
    bit<5>  type;
    bit<4>  next_header;
    bit<7>  flags;
    bit<16> offset;
    bit<32> psn;
    bit<16> source_context;
    bit<16> destination_context;
}

// What request types with congestion control add.
header pds_cc_h {
    bit<8>  congestion_context;
    bit<24> credit_target;
}

// The common part of UET's semantic header, up to the job.
header ses_h {
    bit<2>  reserved;
    bit<6>  opcode;
    bit<2>  version;
    bit<1>  delivery_complete;
    bit<1>  initiator_error;
    bit<1>  relative;
    bit<1>  header_data;
    bit<1>  end_of_message;
    bit<1>  start_of_message;
    bit<16> message_id;
    bit<8>  generation;
    bit<24> job;
}

// INT over UDP (In-band Network Telemetry 2.1, sections 5.6 and 5.7): what follows UDP, and what every hop is asked for.
header int_shim_h {
    bit<4>  type;
    bit<2>  next_kind;
    bit<2>  reserved;
    bit<8>  words;           // of all that follows this header
    bit<16> next;
}

header int_md_h {
    bit<4>  version;
    bit<1>  discard;
    bit<1>  exceeded;
    bit<1>  too_long;
    bit<12> reserved;
    bit<5>  hop_words;
    bit<8>  hops_left;
    bit<16> instructions;    // the most significant bit is instruction 0
    bit<16> domain;
    bit<16> domain_instructions;
    bit<16> domain_flags;
}

header int_node_h        { bit<32> id; }
header int_ports_h       { bit<16> ingress; bit<16> egress; }
header int_latency_h     { bit<32> ns; }
header int_queue_h       { bit<8> id; bit<24> bytes; }
header int_time_h        { bit<64> ns; }
header int_interfaces_h  { bit<32> ingress; bit<32> egress; }
header int_utilisation_h { bit<32> recent_bytes; }
header int_buffer_h      { bit<8> id; bit<24> bytes; }

// A telemetry report: what is common to all reports of a packet, and one of them (Telemetry Report Format 2.0).
header report_group_h {
    bit<4>  version;
    bit<6>  hardware;
    bit<22> number;
    bit<32> node;
}

header report_h {
    bit<4>  type;
    bit<4>  inner_type;
    bit<8>  words;           // of all that follows the first word of this header
    bit<8>  metadata_words;
    bit<4>  flags;           // dropped, congested queue, tracked flow, intermediate
    bit<4>  reserved;
    bit<16> bits;            // which figures follow
    bit<16> domain;
    bit<16> domain_bits;
    bit<16> domain_status;
}

header report_drop_h { bit<8> queue; bit<8> reason; bit<16> padding; }

// Priority flow control (IEEE 802.1Q, clause 36): bit i of `classes` says that `time`i counts, in quanta of 512 bits.
header pause_h {
    bit<16> opcode;
    bit<16> classes;
    bit<16> time0;
    bit<16> time1;
    bit<16> time2;
    bit<16> time3;
    bit<16> time4;
    bit<16> time5;
    bit<16> time6;
    bit<16> time7;
}

struct headers_t {
    // Only in reports, before the packet that they are about.
    ethernet_h     report_ethernet;
    ipv4_h         report_ipv4;
    udp_h          report_udp;
    report_group_h report_group;
    report_h       report;
    int_ports_h    report_ports;
    int_latency_h  report_latency;
    int_queue_h    report_queue;
    int_time_h     report_ingress_time;
    int_time_h     report_egress_time;
    report_drop_h  report_drop;
    ethernet_h  ethernet;
    pause_h     pause;
    vlan_h      outer_vlan;
    vlan_h      vlan;
    ipv4_h      ipv4;
    ipv6_h      ipv6;
    tcp_ports_h tcp;
    udp_h       udp;
    int_shim_h  int_shim;
    int_md_h    int_md;
    int_node_h  int_node;
    int_ports_h int_ports;
    int_latency_h     int_latency;
    int_queue_h       int_queue;
    int_time_h        int_ingress_time;
    int_time_h        int_egress_time;
    int_interfaces_h  int_interfaces;
    int_utilisation_h int_utilisation;
    int_buffer_h      int_buffer;
    vxlan_h     vxlan;
    ethernet_h  inner_ethernet;
    ipv4_h      inner_ipv4;
    ipv6_h      inner_ipv6;
    udp_h       inner_udp;
    bth_h       bth;
    reth_h      reth;
    aeth_h      aeth;
    immdt_h     immdt;
    deth_h      deth;
    mad_h       mad;
    cm_request_h cm_request;
    cm_reply_h  cm_reply;
    pds_h       pds;
    pds_cc_h    pds_cc;
    ses_h       ses;
}

// A path policy's number, as `job_policy` sets it.
const bit<4> PATH_ECMP     = 0;   // a hash of the five-tuple
const bit<4> PATH_QP       = 1;   // a hash of five-tuple and queue pair
const bit<4> PATH_MESSAGE  = 2;   // each message where the fewest bytes were put, from RETH.DMALen
const bit<4> PATH_PINNED   = 3;   // as the controller says
const bit<4> PATH_FLOWLET  = 4;   // anew after a pause
const bit<4> PATH_ADAPTIVE = 5;   // every packet to the one that has least to send
const bit<4> PATH_SPRAY    = 6;   // every packet to the next in turn
const bit<4> PATH_IN_ORDER = 7;   // like PATH_MESSAGE, and within a message when all of it is acknowledged and its queue is long

// Fields that a copy keeps to become a pause frame: `@field_list(1)`.
const bit<8> FIELDS_PAUSE = 1;
// Likewise a report: `@field_list(2)`.
const bit<8> FIELDS_REPORT = 2;

struct metadata_t {
    ipv6_t  src;             // of the outer IP header; IPv4 in the low 32 bits
    ipv6_t  dst;
    bit<8>  protocol;
    bit<16> src_port;        // of the UDP header that RoCE or UET rides on
    bit<16> dst_port;
    bit<16> job;             // 0: traffic of no known job
    bit<16> tenant;
    bool    is_control;      // acknowledgements, CNPs, trimmed headers
    bool    from_host;       // came by a port that a tenant is behind
    bool    starts_message;
    bool    may_trim;
    bit<3>  queue;           // of the job's data
    // What a copy that becomes a pause frame says.
    @field_list(1)
    bit<8>  pause_classes;
    @field_list(1)
    bit<16> pause_time;
    @field_list(1)
    bool    is_passed_on;    // to those who were told to pause, not to all
    bool    is_copied;       // in egress: it has become a pause frame already
    // What a copy that becomes a report says.
    bool    is_reported;     // the job's packets are
    @field_list(2)
    bit<4>  report;          // its D, Q, F and I; 0: the copy is none
    @field_list(2)
    bit<8>  report_reason;
    @field_list(2)
    bit<32> report_ports;    // ingress and egress, 16 bits each
    @field_list(2)
    bit<32> report_queue;    // its number, 8 bits, and the bytes that waited in it
    @field_list(2)
    bit<48> report_came;     // microseconds
    @field_list(2)
    bit<48> report_left;
    // Routing
    bool    to_host;
    bit<1>  grouped;         // the way goes by one of several ports
    bit<16> group_base;      // where its members begin in `group_port`
    bit<8>  group_count;
    bit<64> group_alive;     // bit i: member i reaches the destination, as far as the controller knows
    bit<12> remote;          // the leaf behind which the destination is
    bit<4>  policy;
    bit<32> flow_hash;
    bit<8>  first_choice;    // where the search for a living member begins
}

#endif
