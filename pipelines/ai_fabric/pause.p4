// Priority flow control (IEEE 802.1Q, clause 36): a switch that holds too much of what came by a port stops the neighbour
// there, and one that is stopped holds its own queue. A class is a queue.
//
// What came by a port and waits is above `pause_above` of the port: pause. Below `resume_below`: go on. What arrives in
// between, because the neighbour hears of it late, is the headroom: the controller sizes it by the cable's delay.
//
// A queue that stands still has nothing that could remind it of its neighbours, whose pauses run out meanwhile. What keeps it
// still does: every pause that is obeyed is passed on, as a copy to every port, to those neighbours that were told to pause.
//
// A queue that is held without an end starves those behind it. The watchdog counts by job who waits, and after too long
// lets the queue go on, counts by job whom it freed, and takes no pause from that neighbour until it has been quiet.

#ifndef AI_FABRIC_PAUSE_P4
#define AI_FABRIC_PAUSE_P4

// One cell for every port and queue.
#define PORT_QUEUES 4096

const bit<16> PAUSE_LONGEST = 0xffff;

// Clone session of a pause frame to a port: this and the port's number; its class of service is the highest queue.
const bit<32> PAUSE_SESSION = 1024;
// Clone session of a pause that is passed on: to all ports, in the same class of service.
const bit<32> PAUSE_ALL_SESSION = 1023;

// Bytes that came by a port and wait, above which its neighbour is told to pause (0: never), and below which to go on.
register<bit<32>>(512) pause_above;
register<bit<32>>(512) resume_below;
// What of it may wait at all, headroom and all; beyond it packets are refused.
register<bit<32>>(512) pause_buffer;
// When the neighbour was told to pause, in microseconds by port and queue; 0: it may send.
register<bit<48>>(PORT_QUEUES) paused_at;
// After how many microseconds it is told again, before a pause of the longest kind runs out.
register<bit<48>>(1) pause_again;

// In microseconds by port and queue: until when it is held, and since when without a break.
register<bit<48>>(PORT_QUEUES) held_until;
register<bit<48>>(PORT_QUEUES) held_since;
// Whose packet was the last to wait there.
register<bit<16>>(PORT_QUEUES) waiting_job;
// When the watchdog let it go on; 0: it did not have to, or the neighbour has been quiet since.
register<bit<48>>(PORT_QUEUES) freed_at;
// Microseconds, cell 0: how long a queue may be held without a break (0: as long as it takes), cell 1: for how long a
// neighbour has to be quiet then.
register<bit<48>>(2) watchdog;
counter(65536, CounterType.packets) freed_by_job;

// Obeys a neighbour's pause.
control Pauses(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    // By port, the time of one quantum (512 bits) in 1024ths of a nanosecond; 0: pauses are not obeyed.
    register<bit<32>>(512) pause_quantum;
    // When a pause was passed on last.
    register<bit<48>>(1) passed_on_at;
    counter(512, CounterType.packets) pauses_by_port;
    counter(512, CounterType.packets) pauses_ignored;

    bit<48> now = std_meta.ingress_global_timestamp;
    bit<8> held_classes = 0;

    action obey(bit<3> queue, bit<16> quanta) {
        bit<32> quantum;
        pause_quantum.read(quantum, (bit<32>) std_meta.ingress_port);
        bit<48> ns = ((bit<48>) quanta * (bit<48>) quantum) >> 10;
        bit<32> cell = 20w0 ++ std_meta.ingress_port ++ queue;
        bit<48> freed;
        bit<48> quiet;
        freed_at.read(freed, cell);
        watchdog.read(quiet, 1);
        if (freed != 0 && now - freed < quiet) {
            freed_at.write(cell, now);
            pauses_ignored.count((bit<32>) std_meta.ingress_port);
        } else if (quantum != 0) {
            if (freed != 0) {
                freed_at.write(cell, 0);
            }
            bit<48> until;
            held_until.read(until, cell);
            bit<48> since = now;
            if (until < now) {
                held_since.write(cell, now);
            } else {
                held_since.read(since, cell);
            }
            bit<48> longest;
            watchdog.read(longest, 0);
            if (quanta != 0 && longest != 0 && now - since > longest) {
                // Those before it may be held up as well, so that no packet comes that could notice.
                bit<16> who;
                waiting_job.read(who, cell);
                freed_by_job.count((bit<32>) who);
                held_until.write(cell, 0);
                freed_at.write(cell, now);
                ns = 0;
            } else if (quanta == 0) {
                held_until.write(cell, 0);
            } else {
                held_until.write(cell, now + (ns >> 10) + 1);
                held_classes = held_classes | (8w1 << queue);
            }
            hold_queue(std_meta.ingress_port, queue, ns[31:0]);
        }
    }

    apply {
        pauses_by_port.count((bit<32>) std_meta.ingress_port);
        if (hdr.pause.classes[0:0] == 1) { obey(0, hdr.pause.time0); }
        if (hdr.pause.classes[1:1] == 1) { obey(1, hdr.pause.time1); }
        if (hdr.pause.classes[2:2] == 1) { obey(2, hdr.pause.time2); }
        if (hdr.pause.classes[3:3] == 1) { obey(3, hdr.pause.time3); }
        if (hdr.pause.classes[4:4] == 1) { obey(4, hdr.pause.time4); }
        if (hdr.pause.classes[5:5] == 1) { obey(5, hdr.pause.time5); }
        if (hdr.pause.classes[6:6] == 1) { obey(6, hdr.pause.time6); }
        if (hdr.pause.classes[7:7] == 1) { obey(7, hdr.pause.time7); }
        bit<48> last;
        bit<48> again;
        passed_on_at.read(last, 0);
        pause_again.read(again, 0);
        if (held_classes != 0 && again != 0 && (last == 0 || now - last >= (again >> 1))) {
            passed_on_at.write(0, now | 1);
            meta.pause_classes = held_classes;
            meta.pause_time = PAUSE_LONGEST;
            meta.is_passed_on = true;
            clone_preserving_field_list(CloneType.I2E, PAUSE_ALL_SESSION, FIELDS_PAUSE);
        }
    }
}

// Says who waits in a queue that is held, and lets it go on when it has been held too long.
control Watchdog(in metadata_t meta, inout standard_metadata_t std_meta) {
    counter(65536, CounterType.packets) waited_by_job;

    bit<48> now = std_meta.ingress_global_timestamp;

    // A packet is about to wait in a held queue.
    action watch(bit<32> cell) {
        waited_by_job.count((bit<32>) meta.job);
        waiting_job.write(cell, meta.job);
        bit<48> since;
        bit<48> longest;
        held_since.read(since, cell);
        watchdog.read(longest, 0);
        if (longest != 0 && now - since > longest) {
            held_until.write(cell, 0);
            freed_at.write(cell, now);
            freed_by_job.count((bit<32>) meta.job);
            hold_queue(std_meta.egress_spec, std_meta.priority, 0);
        }
    }

    apply {
        bit<32> cell = 20w0 ++ std_meta.egress_spec ++ std_meta.priority;
        bit<48> until;
        held_until.read(until, cell);
        if (until > now) {
            watch(cell);
        }
    }
}

// Tells the neighbour a packet came from to pause, when the packet makes too much of what came from there.
control PauseSender(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta,
                    out bool overflows) {
    apply {
        overflows = false;
        bit<32> limit;
        pause_above.read(limit, (bit<32>) std_meta.ingress_port);
        if (limit != 0 && std_meta.priority < QUEUE_TRIMMED) {
            bit<32> held = held_bytes(std_meta.ingress_port, std_meta.priority) + std_meta.packet_length;
            bit<32> cell = 20w0 ++ std_meta.ingress_port ++ std_meta.priority;
            bit<48> now = std_meta.ingress_global_timestamp;
            bit<48> told;
            paused_at.read(told, cell);
            bit<32> most;
            pause_buffer.read(most, (bit<32>) std_meta.ingress_port);
            overflows = held > most;
            bit<48> again;
            pause_again.read(again, 0);
            if (held > limit && (told == 0 || now - told >= again)) {
                paused_at.write(cell, now | 1);
                meta.pause_classes = 8w1 << std_meta.priority;
                meta.pause_time = PAUSE_LONGEST;
                clone_preserving_field_list(CloneType.I2E, PAUSE_SESSION + (bit<32>) std_meta.ingress_port, FIELDS_PAUSE);
            }
        }
    }
}

// Tells it to go on when a packet of it leaves and little enough is left; or again to pause, while there is not.
control PauseRelease(inout metadata_t meta, inout standard_metadata_t std_meta) {
    apply {
        bit<32> cell = 20w0 ++ std_meta.ingress_port ++ std_meta.priority;
        bit<48> told;
        paused_at.read(told, cell);
        if (told != 0) {
            bit<32> low;
            bit<48> again;
            resume_below.read(low, (bit<32>) std_meta.ingress_port);
            pause_again.read(again, 0);
            bit<48> now = std_meta.egress_global_timestamp;
            bool is_low = held_bytes(std_meta.ingress_port, std_meta.priority) <= low;
            if (is_low || now - told >= again) {
                meta.pause_classes = 8w1 << std_meta.priority;
                if (is_low) {
                    meta.pause_time = 0;
                    paused_at.write(cell, 0);
                } else {
                    meta.pause_time = PAUSE_LONGEST;
                    paused_at.write(cell, now | 1);
                }
                meta.is_copied = true;
                clone_preserving_field_list(CloneType.E2E, PAUSE_SESSION + (bit<32>) std_meta.ingress_port, FIELDS_PAUSE);
            }
        }
    }
}

// Makes a pause frame of a copy.
control PauseFrame(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    // Copies for neighbours that were not told to pause.
    counter(1, CounterType.packets) not_passed_on;
    // Of the classes that a pause is passed on for, those in which the neighbour by this port was told to pause.
    bit<8> told_classes = 0;

    action tell_again(bit<3> queue) {
        bit<32> cell = 20w0 ++ std_meta.egress_port ++ queue;
        bit<48> told;
        paused_at.read(told, cell);
        if (told != 0) {
            paused_at.write(cell, std_meta.egress_global_timestamp | 1);
            told_classes = told_classes | (8w1 << queue);
        }
    }

    apply {
        if (meta.is_passed_on) {
            if (meta.pause_classes[0:0] == 1) { tell_again(0); }
            if (meta.pause_classes[1:1] == 1) { tell_again(1); }
            if (meta.pause_classes[2:2] == 1) { tell_again(2); }
            if (meta.pause_classes[3:3] == 1) { tell_again(3); }
            if (meta.pause_classes[4:4] == 1) { tell_again(4); }
            if (meta.pause_classes[5:5] == 1) { tell_again(5); }
            meta.pause_classes = told_classes;
            if (told_classes == 0) {
                not_passed_on.count(0);
                mark_to_drop(std_meta);
                return;
            }
        }
        hdr.outer_vlan.setInvalid();
        hdr.vlan.setInvalid();
        hdr.ipv4.setInvalid();
        hdr.ipv6.setInvalid();
        hdr.tcp.setInvalid();
        hdr.udp.setInvalid();
        hdr.int_shim.setInvalid();
        hdr.int_md.setInvalid();
        hdr.vxlan.setInvalid();
        hdr.inner_ethernet.setInvalid();
        hdr.inner_ipv4.setInvalid();
        hdr.inner_ipv6.setInvalid();
        hdr.inner_udp.setInvalid();
        hdr.bth.setInvalid();
        hdr.reth.setInvalid();
        hdr.aeth.setInvalid();
        hdr.immdt.setInvalid();
        hdr.deth.setInvalid();
        hdr.mad.setInvalid();
        hdr.cm_request.setInvalid();
        hdr.cm_reply.setInvalid();
        hdr.pds.setInvalid();
        hdr.pds_cc.setInvalid();
        hdr.ses.setInvalid();
        hdr.ethernet.dst = 0x0180c2000001;
        hdr.ethernet.src = 0x020000000001;
        hdr.ethernet.ether_type = TYPE_MAC_CONTROL;
        hdr.pause.setValid();
        hdr.pause.opcode = PAUSE_OPCODE;
        hdr.pause.classes = (bit<16>) meta.pause_classes;
        hdr.pause.time0 = meta.pause_time;
        hdr.pause.time1 = meta.pause_time;
        hdr.pause.time2 = meta.pause_time;
        hdr.pause.time3 = meta.pause_time;
        hdr.pause.time4 = meta.pause_time;
        hdr.pause.time5 = meta.pause_time;
        hdr.pause.time6 = meta.pause_time;
        hdr.pause.time7 = meta.pause_time;
        // 26 bytes of whatever the packet carried pad it to the least that Ethernet has.
        truncate(60);
    }
}

#endif
