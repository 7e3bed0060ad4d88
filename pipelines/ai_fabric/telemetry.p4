// What is counted by job: traffic, messages by their last packet, bytes announced by RETH.

#ifndef AI_FABRIC_TELEMETRY_P4
#define AI_FABRIC_TELEMETRY_P4

control Telemetry(inout headers_t hdr, inout metadata_t meta) {
    counter(65536, CounterType.packets_and_bytes) job_traffic;
    counter(65536, CounterType.packets) job_messages;
    counter(65536, CounterType.packets) job_notifications;   // CNPs

    apply {
        bit<32> job = (bit<32>) meta.job;
        job_traffic.count(job);
        if (hdr.bth.isValid()) {
            bit<8> op = hdr.bth.opcode;
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
