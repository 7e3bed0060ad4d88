// What is known by job: traffic, messages with their times and the bytes that RETH announces, notifications, packets whose number is
// not beyond that of the one before, and for how long the job has been busy.
//
// Times are taken where packets come down to their host, so that a fabric's sum counts every message once. Several workers may
// lose an update of a time to each other; counters lose none.

#ifndef AI_FABRIC_TELEMETRY_P4
#define AI_FABRIC_TELEMETRY_P4

#define QUEUE_PAIR_SLOTS 16384
#define JOBS 65536

// What pauses for longer has been idle: microseconds.
const bit<48> IDLE_AFTER_US = 100;

control Telemetry(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    counter(JOBS, CounterType.packets_and_bytes) job_traffic;
    counter(JOBS, CounterType.packets) job_messages;
    counter(JOBS, CounterType.packets) job_notifications;   // CNPs
    // Sent again, or overtaken: a queue pair's numbers only go up otherwise.
    counter(JOBS, CounterType.packets) went_back;
    // The queue pair that was seen last in a slot, and its last packet's number.
    register<bit<48>>(QUEUE_PAIR_SLOTS) last_seen;
    // When the message began that the slot's queue pair is in, in microseconds; 0: in none that was seen to begin.
    register<bit<48>>(QUEUE_PAIR_SLOTS) message_began;
    // By job, of messages that were seen whole: how long they took together, the longest, and how many they are.
    register<bit<48>>(JOBS) message_us;
    register<bit<48>>(JOBS) message_longest_us;
    register<bit<48>>(JOBS) message_count;
    // Sender and receiver of the longest: low halves of their addresses, all of an IPv4 one. In a job that goes on in steps this is
    // who all the others wait for.
    register<bit<64>>(JOBS) message_longest_ends;
    // Bytes of messages as their first packets announce them.
    register<bit<48>>(JOBS) announced_bytes;
    // When something of the job came last; for how long it has been coming without a pause that is called idle, all in all.
    register<bit<48>>(JOBS) job_seen_us;
    register<bit<48>>(JOBS) job_busy_us;

    bit<48> now = std_meta.ingress_global_timestamp;

    action note_time(bit<32> job) {
        bit<48> seen;
        job_seen_us.read(seen, job);
        bit<48> since = now - seen;
        if (since != 0) {
            job_seen_us.write(job, now);
            if (since < IDLE_AFTER_US) {
                bit<48> busy;
                job_busy_us.read(busy, job);
                job_busy_us.write(job, busy + since);
            }
        }
    }

    action begin_message(bit<32> job, bit<32> slot) {
        message_began.write(slot, now | 1);
        if (hdr.reth.isValid()) {
            bit<48> announced;
            announced_bytes.read(announced, job);
            announced_bytes.write(job, announced + (bit<48>) hdr.reth.dma_length);
        }
    }

    action end_message(bit<32> job, bit<32> slot) {
        bit<48> began;
        message_began.read(began, slot);
        if (began != 0) {
            message_began.write(slot, 0);
            bit<48> took = (now | 1) - began;
            bit<48> sum;
            bit<48> longest;
            bit<48> count;
            message_us.read(sum, job);
            message_longest_us.read(longest, job);
            message_count.read(count, job);
            message_us.write(job, sum + took);
            message_count.write(job, count + 1);
            if (took >= longest) {
                message_longest_us.write(job, took);
                message_longest_ends.write(job, meta.src[31:0] ++ meta.dst[31:0]);
            }
        }
    }

    // A slot is shared by few: one that another queue pair has had in between tells nothing.
    action note_number(bit<32> job, bit<32> slot) {
        bit<48> seen;
        last_seen.read(seen, slot);
        bit<24> ahead = hdr.bth.psn - seen[23:0];
        if (seen[47:24] != hdr.bth.dest_qp) {
            message_began.write(slot, 0);
        } else if (ahead == 0 || ahead >= 24w0x80_0000) {
            went_back.count(job);
        }
        last_seen.write(slot, hdr.bth.dest_qp ++ hdr.bth.psn);
    }

    apply {
        bit<32> job = (bit<32>) meta.job;
        job_traffic.count(job);
        if (hdr.bth.isValid()) {
            bit<8> op = hdr.bth.opcode;
            bool ends = op == RC_WRITE_LAST || op == RC_WRITE_ONLY || op == RC_WRITE_LAST_IMM || op == RC_WRITE_ONLY_IMM
                || op == RC_SEND_LAST || op == RC_SEND_ONLY || op == RC_SEND_LAST_IMM || op == RC_SEND_ONLY_IMM;
            // Where it comes down to its host.
            if (meta.to_host && !meta.is_control) {
                bit<32> slot = 18w0 ++ (hdr.bth.dest_qp[13:0] ^ meta.dst[13:0]);
                note_number(job, slot);
                note_time(job);
                if (meta.starts_message) {
                    begin_message(job, slot);
                }
                if (ends) {
                    end_message(job, slot);
                }
            }
            if (ends) {
                job_messages.count(job);
            } else if (op == ROCE_CNP) {
                job_notifications.count(job);
            }
        } else if (hdr.ses.isValid()) {
            if (meta.to_host) {
                note_time(job);
            }
            if (hdr.ses.end_of_message == 1) {
                job_messages.count(job);
            }
        }
    }
}

#endif
