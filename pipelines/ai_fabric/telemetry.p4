// What is counted by job: traffic, messages by their last packet, bytes announced by RETH, notifications, and packets whose
// number is not beyond that of the one before.

#ifndef AI_FABRIC_TELEMETRY_P4
#define AI_FABRIC_TELEMETRY_P4

#define QUEUE_PAIR_SLOTS 16384

control Telemetry(inout headers_t hdr, inout metadata_t meta) {
    counter(65536, CounterType.packets_and_bytes) job_traffic;
    counter(65536, CounterType.packets) job_messages;
    counter(65536, CounterType.packets) job_notifications;   // CNPs
    // Sent again, or overtaken: a queue pair's numbers only go up otherwise.
    counter(65536, CounterType.packets) went_back;
    // The queue pair that was seen last in a slot, and its last packet's number.
    register<bit<48>>(QUEUE_PAIR_SLOTS) last_seen;

    // A slot is shared by few: one that another queue pair has had in between tells nothing.
    action note_number(bit<32> job) {
        bit<32> slot = 18w0 ++ (hdr.bth.dest_qp[13:0] ^ meta.dst[13:0]);
        bit<48> seen;
        last_seen.read(seen, slot);
        bit<24> ahead = hdr.bth.psn - seen[23:0];
        if (seen[47:24] == hdr.bth.dest_qp && (ahead == 0 || ahead >= 24w0x80_0000)) {
            went_back.count(job);
        }
        last_seen.write(slot, hdr.bth.dest_qp ++ hdr.bth.psn);
    }

    apply {
        bit<32> job = (bit<32>) meta.job;
        job_traffic.count(job);
        if (hdr.bth.isValid()) {
            bit<8> op = hdr.bth.opcode;
            // Where it comes down to its host.
            if (meta.to_host && !meta.is_control) {
                note_number(job);
            }
            if (op == RC_WRITE_LAST || op == RC_WRITE_ONLY || op == RC_WRITE_LAST_IMM || op == RC_WRITE_ONLY_IMM
                || op == RC_SEND_LAST || op == RC_SEND_ONLY || op == RC_SEND_LAST_IMM || op == RC_SEND_ONLY_IMM) {
                job_messages.count(job);
            } else if (op == ROCE_CNP) {
                job_notifications.count(job);
            }
        } else if (hdr.ses.isValid() && hdr.ses.end_of_message == 1) {
            job_messages.count(job);
        }
    }
}

#endif
