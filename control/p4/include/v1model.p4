// The v1model architecture, as BMv2's simple_switch defines it
// (https://github.com/p4lang/behavioral-model/blob/main/docs/simple_switch.md).
//
// V1MODEL_VERSION, a date, selects the revision of the interface. From 20200408 on, ports have a type of their
// own name and arrays of counters, meters and registers take an index type.

#ifndef _V1_MODEL_P4_
#define _V1_MODEL_P4_

#include "core.p4"

#ifndef V1MODEL_VERSION
#define V1MODEL_VERSION 20180101
#endif

match_kind {
    range,      // between the entry's bounds, both inclusive
    optional,   // equal, or any value
    selector    // no match: an input to the hash of the table's action selector
}

const bit<32> __v1model_version = V1MODEL_VERSION;

#if V1MODEL_VERSION >= 20200408
typedef bit<9> PortId_t;
#endif

// What the switch and the program tell each other about a packet.
@metadata @name("standard_metadata")
struct standard_metadata_t {
#if V1MODEL_VERSION >= 20200408
    PortId_t ingress_port;
    PortId_t egress_spec;
    PortId_t egress_port;
#else
    // Where the packet came in.
    bit<9>   ingress_port;
    // Where ingress wants it to go; 511 drops it.
    bit<9>   egress_spec;
    // Where it goes; only in egress.
    bit<9>   egress_port;
#endif
    // How the packet came to be: received, cloned, replicated, recirculated or resubmitted.
    bit<32>  instance_type;
    // Bytes.
    bit<32>  packet_length;

    // Time of entering the queue, in microseconds; only in egress, like all of the queue's.
    @alias("queueing_metadata.enq_timestamp")
    bit<32>  enq_timestamp;
    // Packets in the queue on entering.
    @alias("queueing_metadata.enq_qdepth")
    bit<19>  enq_qdepth;
    // Time spent in the queue, in microseconds.
    @alias("queueing_metadata.deq_timedelta")
    bit<32>  deq_timedelta;
    // Packets in the queue on leaving.
    @alias("queueing_metadata.deq_qdepth")
    bit<19>  deq_qdepth;

    // Time of beginning ingress, in microseconds.
    @alias("intrinsic_metadata.ingress_global_timestamp")
    bit<48>  ingress_global_timestamp;
    // Time of beginning egress, in microseconds.
    @alias("intrinsic_metadata.egress_global_timestamp")
    bit<48>  egress_global_timestamp;
    // Multicast group to replicate to after ingress; 0 for none.
    @alias("intrinsic_metadata.mcast_grp")
    bit<16>  mcast_grp;
    // Which replica this is.
    @alias("intrinsic_metadata.egress_rid")
    bit<16>  egress_rid;
    // 1 if a verify_checksum did not hold.
    bit<1>   checksum_error;
    // How parsing ended.
    error    parser_error;
    // Which queue of the port, where it has several.
    @alias("intrinsic_metadata.priority")
    bit<3>   priority;
}

enum CounterType {
    packets,
    bytes,
    packets_and_bytes
}

enum MeterType {
    packets,
    bytes
}

// An array of `size` counters, which the control plane reads. Counting beyond it does nothing.
extern counter
#if V1MODEL_VERSION >= 20200408
<I>
#endif
{
    counter(bit<32> size, CounterType type);
#if V1MODEL_VERSION >= 20200408
    void count(in I index);
#else
    void count(in bit<32> index);
#endif
}

// A counter for every entry of the one table whose property `counters` names it. A hit counts by itself.
extern direct_counter {
    direct_counter(CounterType type);
    void count();
}

#define V1MODEL_METER_COLOR_GREEN  0
#define V1MODEL_METER_COLOR_YELLOW 1
#define V1MODEL_METER_COLOR_RED    2

// An array of `size` two-rate three-colour meters (RFC 2698). `result` is one of the colours above; beyond the
// array it is not specified.
extern meter
#if V1MODEL_VERSION >= 20200408
<I>
#endif
{
    meter(bit<32> size, MeterType type);
#if V1MODEL_VERSION >= 20200408
    void execute_meter<T>(in I index, out T result);
#else
    void execute_meter<T>(in bit<32> index, out T result);
#endif
}

// A meter for every entry of the one table whose property `meters` names it, executed by each hit; `read` says
// with what colour.
extern direct_meter<T> {
    direct_meter(MeterType type);
    void read(out T result);
}

// An array of `size` values of type T, which both packets and the control plane read and write. Beyond it, `read`
// gives an unspecified value and `write` does nothing.
#if V1MODEL_VERSION >= 20200408
extern register<T, I>
#else
extern register<T>
#endif
{
    register(bit<32> size);
    @noSideEffects
#if V1MODEL_VERSION >= 20200408
    void read(out T result, in I index);
#else
    void read(out T result, in bit<32> index);
#endif
#if V1MODEL_VERSION >= 20200408
    void write(in I index, in T value);
#else
    void write(in bit<32> index, in T value);
#endif
}

// Lets entries of a table share actions; given as the table's property `implementation`.
extern action_profile {
    action_profile(bit<32> size);
}

// A value between `lo` and `hi`, both inclusive.
extern void random<T>(out T result, in T lo, in T hi);

// Sends `data`, as it is now, to the control plane. Only in ingress.
extern void digest<T>(in bit<32> receiver, in T data);

enum HashAlgorithm {
    crc32,
    crc32_custom,
    crc16,
    crc16_custom,
    random,
    identity,
    csum16,
    xor16
}

@deprecated("write mark_to_drop(standard_metadata)")
extern void mark_to_drop();

// Sets egress_spec to the port that drops and mcast_grp to 0. Later writes to these fields undo it.
@pure
extern void mark_to_drop(inout standard_metadata_t standard_metadata);

// A hash of `data` in the range from `base` to base + max - 1; `base` itself if `max` is 0.
@pure
extern void hash<O, T, D, M>(out O result, in HashAlgorithm algo, in T base, in D data, in M max);

// An action profile that chooses one member of a group by a hash over the key fields of kind `selector`.
extern action_selector {
    action_selector(HashAlgorithm algorithm, bit<32> size, bit<32> outputWidth);
}

enum CloneType {
    I2E,    // from ingress to egress
    E2E     // from egress to egress
}

@deprecated("write verify_checksum or update_checksum")
extern Checksum16 {
    Checksum16();
    bit<16> get<D>(in D data);
}

// Checks that `checksum` is that of `data`, if `condition` holds; if it is not, checksum_error is 1 in ingress.
// Only in VerifyChecksum.
extern void verify_checksum<T, O>(in bool condition, in T data, in O checksum, HashAlgorithm algo);

// Sets `checksum` to that of `data`, if `condition` holds. Only in ComputeChecksum.
@pure
extern void update_checksum<T, O>(in bool condition, in T data, inout O checksum, HashAlgorithm algo);

// The same two with the payload, all that the parser did not extract, behind `data`.
extern void verify_checksum_with_payload<T, O>(in bool condition, in T data, in O checksum, HashAlgorithm algo);
@noSideEffects
extern void update_checksum_with_payload<T, O>(in bool condition, in T data, inout O checksum, HashAlgorithm algo);

// Makes copies of the packet that begin egress, as the control plane has configured the session. Metadata of the
// user is not kept.
extern void clone(in CloneType type, in bit<32> session);

@deprecated("write resubmit_preserving_field_list")
extern void resubmit<T>(in T data);

// After ingress, parses the packet again as it came in. The fields of user metadata that carry
// @field_list(index) are kept. Only in ingress; the last call counts.
extern void resubmit_preserving_field_list(bit<8> index);

@deprecated("write recirculate_preserving_field_list")
extern void recirculate<T>(in T data);

// After egress, parses the packet again as it was deparsed. Metadata as above. Only in egress; the last call
// counts.
extern void recirculate_preserving_field_list(bit<8> index);

@deprecated("write clone_preserving_field_list")
extern void clone3<T>(in CloneType type, in bit<32> session, in T data);

// `clone`, with metadata kept as above.
extern void clone_preserving_field_list(in CloneType type, in bit<32> session, bit<8> index);

// Cuts the packet to `length` bytes when it leaves the deparser.
extern void truncate(in bit<32> length);

// State that something holds, of the program or of the packets it will see.
extern void assert(in bool check);
extern void assume(in bool check);

// Writes to the log; each {} in `msg` stands for a value in `data`.
extern void log_msg(string msg);
extern void log_msg<T>(string msg, in T data);

// The blocks, in the order in which a packet meets them. M is a struct; H is a struct of headers, header stacks
// and header unions.

parser Parser<H, M>(packet_in b,
                    out H parsedHdr,
                    inout M meta,
                    inout standard_metadata_t standard_metadata);

control VerifyChecksum<H, M>(inout H hdr, inout M meta);

@pipeline
control Ingress<H, M>(inout H hdr, inout M meta, inout standard_metadata_t standard_metadata);

@pipeline
control Egress<H, M>(inout H hdr, inout M meta, inout standard_metadata_t standard_metadata);

control ComputeChecksum<H, M>(inout H hdr, inout M meta);

@deparser
control Deparser<H>(packet_out b, in H hdr);

package V1Switch<H, M>(Parser<H, M> p,
                       VerifyChecksum<H, M> vr,
                       Ingress<H, M> ig,
                       Egress<H, M> eg,
                       ComputeChecksum<H, M> ck,
                       Deparser<H> dep);

#endif
