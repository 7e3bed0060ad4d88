// A leaf of an AI fabric that knows the job behind a packet.
//
//   who      `job_by_qp`, `job_by_hosts`: a packet's job, from its destination queue pair, or from its endpoints
//            where queue pairs are not known (TCP)
//   where    `host`: destinations attached here; everything else goes up by `uplink`
//   spread   `job_policy` says how a job's packets choose among the uplinks: by the flow's five-tuple like any
//            ECMP switch, or by the destination queue pair. Collectives open several queue pairs to the same
//            peer and number them consecutively; taken modulo the number of uplinks they fall on different
//            ones, where a hash would let some collide.
//   first    acknowledgements and congestion notifications leave before any data: a late one stalls a sender
//   marked   ECN from the depth of the queue a packet went into (FabricEgress)
//   counted  packets and bytes by job (`job_traffic`), and how many were spread each way (`spread`)

#include "include/fabric.p4"

// Queues of a port: the higher, the sooner served.
const bit<3> QUEUE_DATA    = 0;
const bit<3> QUEUE_CONTROL = 7;

control LeafIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    counter(1024, CounterType.packets_and_bytes) job_traffic;
    counter(2, CounterType.packets) spread;

    action drop() {
        mark_to_drop(std_meta);
    }

    // --- Whose packet is this?

    action set_job(bit<16> job) {
        meta.job = job;
    }

    // Queue pair numbers are the destination's own, so they mean something only together with it.
    table job_by_qp {
        key = {
            meta.dst        : exact   @name("dst");
            hdr.bth.dest_qp : ternary @name("dest_qp");
        }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    table job_by_hosts {
        key = {
            meta.src : ternary @name("src");
            meta.dst : ternary @name("dst");
        }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 4096;
    }

    action policy(bit<1> by_qp) {
        meta.spread_by_qp = by_qp;
    }

    table job_policy {
        key = { meta.job : exact @name("job"); }
        actions = { policy; }
        default_action = policy(0);
        size = 1024;
    }

    // --- Where does it go?

    action to_host(port_t port, mac_t mac) {
        meta.to_host = true;
        std_meta.egress_spec = port;
        hdr.ethernet.dst = mac;
    }

    table host {
        key = { meta.dst : exact @name("dst"); }
        actions = { to_host; NoAction; }
        const default_action = NoAction();
        size = 1024;
    }

    action to_uplink(port_t port) {
        std_meta.egress_spec = port;
    }

    // `path_hash` is the whole choice: the selector takes it modulo the number of uplinks.
    @max_group_size(64)
    action_selector(HashAlgorithm.identity, 256, 32) uplinks;

    table uplink {
        key = {
            hdr.ethernet.isValid() : exact @name("any");
            meta.path_hash         : selector;
        }
        actions = { to_uplink; drop; }
        const default_action = drop();
        implementation = uplinks;
        size = 2;
    }

    apply {
        if (std_meta.parser_error != error.NoError || std_meta.checksum_error == 1
            || !(hdr.ipv4.isValid() || hdr.ipv6.isValid())) {
            drop();
            return;
        }

        if (!hdr.bth.isValid() || !job_by_qp.apply().hit) {
            job_by_hosts.apply();
        }
        job_traffic.count((bit<32>) meta.job);

        host.apply();
        if (!meta.to_host) {
            job_policy.apply();
            if (hdr.bth.isValid() && meta.spread_by_qp == 1) {
                meta.path_hash = (bit<32>) hdr.bth.dest_qp;
                spread.count(1);
            } else {
                hash(meta.path_hash, HashAlgorithm.crc32, 32w0,
                     { meta.src, meta.dst, meta.protocol, meta.src_port, meta.dst_port }, 33w0x1_0000_0000);
                spread.count(0);
            }
            uplink.apply();
        }

        if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.ttl <= 1) {
                drop();
                return;
            }
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        } else {
            if (hdr.ipv6.hop_limit <= 1) {
                drop();
                return;
            }
            hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
        }

        std_meta.priority = QUEUE_DATA;
        if (hdr.bth.isValid() && (hdr.bth.opcode == RC_ACKNOWLEDGE || hdr.bth.opcode == CNP)) {
            std_meta.priority = QUEUE_CONTROL;
        }
    }
}

V1Switch(FabricParser(), FabricVerify(), LeafIngress(), FabricEgress(), FabricCompute(), FabricDeparser()) main;
