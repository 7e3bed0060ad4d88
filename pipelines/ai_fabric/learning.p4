// Jobs learned from connection set-up, for queue pairs that no table names.
//
// RoCEv2: the communication manager's request tells its sender's queue pair, and its reply the other one (InfiniBand Architecture
// Specification, volume 1, section 12.6; RoCEv2 carries them to queue pair 1). The request's job is that of the service it asks for
// (`job_by_service`), or else that of its two ends; the reply's is the request's. UET: the first request of a context names
// the job and its own number, and all that answers it is sent to that number.
//
// Only what isolation has let through teaches anything. A slot is taken by whoever comes last; its owner's mark tells others that it is not
// theirs, and they are then known by their ends, as if nothing had been learned.

#ifndef AI_FABRIC_LEARNING_P4
#define AI_FABRIC_LEARNING_P4

#define LEARNED_SLOTS 65536

// Connections by the number that packets to an end carry, and requests by the number that replies repeat: in the upper 16 bits of
// a slot the owner's mark, then job and tenant.
register<bit<48>>(LEARNED_SLOTS) learned;
register<bit<48>>(LEARNED_SLOTS) asked;
// Cell 0: 1 to learn, and to look at what was learned.
register<bit<1>>(1) learn;

// What an end's number means: queue pairs, contexts and requests are numbered apart.
const bit<8> QUEUE_PAIR = 0;
const bit<8> CONTEXT    = 1;
const bit<8> REQUEST    = 2;

control Learned(inout headers_t hdr, inout metadata_t meta, out bool found) {
    apply {
        found = false;
        bit<1> wanted;
        learn.read(wanted, 0);
        if (wanted == 1) {
            bit<8> kind = QUEUE_PAIR;
            bit<32> number = 8w0 ++ hdr.bth.dest_qp;
            if (hdr.pds.isValid()) {
                kind = CONTEXT;
                number = 16w0 ++ hdr.pds.destination_context;
            }
            bit<32> hashed;
            hash(hashed, HashAlgorithm.crc32, 32w0, { kind, meta.dst, number }, 33w0x1_0000_0000);
            bit<48> slot;
            learned.read(slot, hashed & (LEARNED_SLOTS - 1));
            if (slot[31:0] != 0 && slot[47:32] == hashed[31:16]) {
                found = true;
                meta.job = slot[31:16];
                meta.tenant = slot[15:0];
            }
        }
    }
}

control Learning(inout headers_t hdr, inout metadata_t meta) {
    counter(2, CounterType.packets) connections_learned;    // of RoCEv2, of UET

    action remember(bit<8> kind, bit<32> number, bit<16> job, bit<16> tenant) {
        bit<32> hashed;
        hash(hashed, HashAlgorithm.crc32, 32w0, { kind, meta.src, number }, 33w0x1_0000_0000);
        learned.write(hashed & (LEARNED_SLOTS - 1), hashed[31:16] ++ job ++ tenant);
    }

    apply {
        bit<1> wanted;
        learn.read(wanted, 0);
        if (wanted == 1) {
            bit<32> hashed;
            if (hdr.cm_request.isValid() && meta.job != 0) {
                remember(QUEUE_PAIR, 8w0 ++ hdr.cm_request.local_qp, meta.job, meta.tenant);
                hash(hashed, HashAlgorithm.crc32, 32w0, { REQUEST, meta.src, hdr.cm_request.local_id }, 33w0x1_0000_0000);
                asked.write(hashed & (LEARNED_SLOTS - 1), hashed[31:16] ++ meta.job ++ meta.tenant);
                connections_learned.count(0);
            } else if (hdr.cm_reply.isValid()) {
                bit<48> slot;
                hash(hashed, HashAlgorithm.crc32, 32w0, { REQUEST, meta.dst, hdr.cm_reply.remote_id }, 33w0x1_0000_0000);
                asked.read(slot, hashed & (LEARNED_SLOTS - 1));
                if (slot[31:0] != 0 && slot[47:32] == hashed[31:16]) {
                    remember(QUEUE_PAIR, 8w0 ++ hdr.cm_reply.local_qp, slot[31:16], slot[15:0]);
                    connections_learned.count(0);
                }
            } else if (hdr.ses.isValid() && meta.job != 0) {
                remember(CONTEXT, 16w0 ++ hdr.pds.source_context, meta.job, meta.tenant);
                connections_learned.count(1);
            }
        }
    }
}

#endif
