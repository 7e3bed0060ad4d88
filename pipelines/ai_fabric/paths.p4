// Where does it go? A route gives a port, or a group of ports that all lead there; a group's member is chosen by the
// policy of the packet's job. Members that are dead here, or that the controller knows lead nowhere, are passed over.
//
// A flow (the two ends and the UDP source port, which is the same in both directions of a queue pair) has a slot in
// which a leaf remembers the path it is on, the last packet sent on it and the last one acknowledged. When these
// two are the same nothing is under way, and the flow may take another path without any chance of overtaking
// itself. There are two slots that it may have, so that hardly any two flows want the same. A flow takes one only from another
// that has nothing under way, and then begins on its hash, by which it went before; one that finds none stays on it. To
// change a job's policy while it sends may reorder once.
//
// A sender that goes back sends numbers again, and the first acknowledgement of them may be that of the originals. Such a
// flow has nothing under way only when besides it has been silent for as long as a packet can stay in the fabric.
//
// Links down to a leaf are filled by leaves that do not see each other. So a leaf counts the bytes that messages announce by
// the port that they come by, and tells in the acknowledgements that go back how much more or less than other ports the one has
// brought by which their flow comes: six reserved bits of the BTH, in a byte that the invariant CRC leaves out (InfiniBand
// Architecture Specification, annex A17). The leaf where the flow begins knows which member it is on, and clears the bits.

#ifndef AI_FABRIC_PATHS_P4
#define AI_FABRIC_PATHS_P4

#define FLOW_SLOTS 16384
#define GROUP_MEMBERS 4096
#define REMOTE_MEMBERS 262144    // 4096 leaves of 64 members
#define LAG_BYTES 40w0x400_0000  // and some messages: farther behind others a member has been dead

// No cell of a member.
const bit<32> NO_CELL = 0xffff_ffff;

struct flow_t {
    bit<16> owner;
    bit<8>  path;
    bit<24> sent;
    bit<16> seen_us;
}

control Routing(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta, out bool routed) {
    action to_host(port_t port, mac_t mac) {
        std_meta.egress_spec = port;
        hdr.ethernet.dst = mac;
        meta.to_host = true;
    }

    action to_port(port_t port) {
        std_meta.egress_spec = port;
    }

    action to_group(bit<16> base, bit<8> count, bit<64> alive, bit<12> remote) {
        meta.grouped = 1;
        meta.group_base = base;
        meta.group_count = count;
        meta.group_alive = alive;
        meta.remote = remote;
    }

    table route_v4 {
        key = { hdr.ipv4.dst : lpm @name("dst"); }
        actions = { to_host; to_port; to_group; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    table route_v6 {
        key = { hdr.ipv6.dst : lpm @name("dst"); }
        actions = { to_host; to_port; to_group; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    apply {
        if (hdr.ipv4.isValid()) {
            routed = route_v4.apply().hit;
        } else {
            routed = route_v6.apply().hit;
        }
    }
}

control Paths(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta, out bool found) {
    // Ports of all groups, a weight of n standing there n times.
    register<port_t>(GROUP_MEMBERS) group_port;
    // What a byte takes by each, in 16ths of what it takes by the fastest, less one.
    register<bit<8>>(GROUP_MEMBERS) member_byte_time;
    // Cell 0: the hash's seed, which tiers must not share; in microseconds, cell 1: the pause that ends a flowlet, cell 2:
    // the longest that a packet can be on its way through all queues. Cell 3: how far an excess is shifted right to be told.
    // Cell 4: bytes that make a port's queues long.
    register<bit<32>>(5) path_config;
    register<flow_t>(FLOW_SLOTS) flow;
    register<bit<24>>(FLOW_SLOTS) flow_acknowledged;
    // The slot's queue pair; bit 24: acknowledgements do not tell what is under way, since another pair has been seen with the
    // same ends and source port, or since it is a flowlet's, so nothing moves; bit 25: it has gone back.
    register<bit<32>>(FLOW_SLOTS) flow_queue_pair;
    // Bytes of messages put on a group's member so far.
    register<bit<40>>(GROUP_MEMBERS) assigned_bytes;
    // Likewise by the leaf that they go to and the member of the group. Each leaf spreads evenly what it sends to another, and
    // begins with a member of its own (`turn`).
    // Counts of bytes may wrap: only how far they are apart matters, and what was dead is brought up before they are too far.
    register<bit<40>>(REMOTE_MEMBERS) assigned_to;
    // By how much a member has brought more to a leaf than others, as last heard from there, and what was put on it since: signed,
    // in 256 bytes.
    register<bit<24>>(REMOTE_MEMBERS) excess_there;
    // The cell of both for the message that the slot's flow is in, if it has not left the member that it began on.
    register<bit<32>>(FLOW_SLOTS) flow_cell;
    // Where flows to this leaf's hosts come by, with their owner's mark.
    register<bit<32>>(FLOW_SLOTS) came_by;
    // Bytes announced by messages to this leaf's hosts, by the port that they came by, each times what `came_scale` has for the
    // port in 256ths, so that ports which bring what they should are alike (0: nothing is told of what comes by it); and about
    // where all ports are.
    register<bit<40>>(512) came_bytes;
    register<bit<16>>(512) came_scale;
    register<bit<40>>(1) came_mean;
    // Whose turn it is, by the leaf that packets go to.
    register<bit<8>>(4096) turn;
    counter(8, CounterType.packets) chosen_by_policy;
    counter(1, CounterType.packets) reroutes;

    // How the job's packets choose their path, and the queue that they wait in.
    action set_policy(bit<4> policy, bit<3> queue) {
        meta.policy = policy;
        meta.queue = queue;
    }

    // Likewise, and the switch reports on the job's packets (INT-XD).
    action set_policy_and_report(bit<4> policy, bit<3> queue) {
        meta.policy = policy;
        meta.queue = queue;
        meta.is_reported = true;
    }

    table job_policy {
        key = { meta.job : exact @name("job"); }
        actions = { set_policy; set_policy_and_report; }
        default_action = set_policy(PATH_ECMP, 0);
        size = 65536;
    }

    bit<8> second_choice = 0;

    action set_path(bit<8> path, bit<8> backup) {
        meta.first_choice = path;
        second_choice = backup;
    }

    // The controller's choice for a flow, and another one for when that is dead.
    table pinned {
        key = {
            meta.src        : exact   @name("src");
            meta.dst        : exact   @name("dst");
            hdr.bth.dest_qp : ternary @name("dest_qp");
        }
        actions = { set_path; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    // Looks through the members from the first choice on; takes the one of the smallest cost, which is the time that
    // its bytes queued and lately sent take, or just the first that lives.
    bit<8> best = 0;
    port_t best_port = 0;
    bit<40> lag = 0;    // of the best behind the worst

    action search(bool by_load, bool by_assigned) {
        bit<40> least = 0;
        bit<40> most = 0;
        bit<8> member = meta.first_choice;
        found = false;
        for (bit<8> i in 8w0 .. 63) {
            if (i >= meta.group_count) {
                break;
            }
            port_t port;
            group_port.read(port, (bit<32>) (meta.group_base + (bit<16>) member));
            if (((meta.group_alive >> member) & 1) == 1 && port_is_up(port) == 1) {
                bit<40> cost = 0;
                if (by_load) {
                    bit<8> byte_time;
                    member_byte_time.read(byte_time, (bit<32>) (meta.group_base + (bit<16>) member));
                    cost = (bit<40>) (queue_depth_bytes(port) ++ 4w0) + (bit<40>) link_recent_bytes(port);
                    cost = cost * ((bit<40>) byte_time + 1);
                } else if (by_assigned) {
                    bit<40> there;
                    bit<24> excess;
                    assigned_bytes.read(cost, (bit<32>) (meta.group_base + (bit<16>) member));
                    assigned_to.read(there, 14w0 ++ meta.remote ++ member[5:0]);
                    excess_there.read(excess, 14w0 ++ meta.remote ++ member[5:0]);
                    // Heard of by all at once, an excess counts less than what is known here, or all would leave together.
                    cost = (cost << 1) + (there << 3) + ((bit<40>) (int<40>) (int<24>) excess << 8);
                }
                if (!found || (most - cost)[39:39] == 1) {
                    most = cost;
                }
                if (!found || (cost - least)[39:39] == 1) {
                    found = true;
                    least = cost;
                    best = member;
                    best_port = port;
                }
                if (!by_load && !by_assigned) {
                    break;
                }
            }
            member = member + 1;
            if (member >= meta.group_count) {
                member = 0;
            }
        }
        lag = most - least;
    }

    // Leaves a choice that cannot be made for another one drawn by the flow, so that not all go to the next.
    action search_again() {
        bit<32> other = (bit<32>) meta.flow_hash[31:16];
        meta.first_choice = (bit<8>) ((other * (bit<32>) meta.group_count) >> 16);
        search(false, false);
    }

    action take_turn() {
        bit<8> mine;
        turn.read(mine, (bit<32>) meta.remote);
        mine = mine + 1;
        if (mine >= meta.group_count) {
            mine = 0;
        }
        turn.write((bit<32>) meta.remote, mine);
        meta.first_choice = mine;
    }

    // Takes the first choice while it lives; then the controller's second one, if there is one; then any.
    action search_first(bool is_pinned) {
        bit<8> wanted = meta.first_choice;
        search(false, false);
        if (found && best != wanted) {
            if (is_pinned) {
                meta.first_choice = second_choice;
                search(false, false);
            }
            if (!is_pinned || best != second_choice) {
                search_again();
            }
        }
    }

    // Both ends, folded to what an IPv4 address has: a hash over less is cheaper.
    bit<32> src = 0;
    bit<32> dst = 0;

    action fold_ends() {
        src = meta.src[127:96] ^ meta.src[95:64] ^ meta.src[63:32] ^ meta.src[31:0];
        dst = meta.dst[127:96] ^ meta.dst[95:64] ^ meta.dst[63:32] ^ meta.dst[31:0];
    }

    // The first of the two hashes of a flow decides its slots and its owner's mark.
    bit<32> slot = 0;
    bit<16> owner = 0;
    bit<32> slot_hash = 0;
    flow_t state;

    action hash_flow(bit<32> here, bit<32> there) {
        hash(slot_hash, HashAlgorithm.crc32, 32w0, { 8w0x5a, here, there, meta.src_port }, 33w0x1_0000_0000);
        slot = slot_hash & (FLOW_SLOTS - 1);
        owner = slot_hash[31:16] | 1;
    }

    // The slot that is the flow's, or else a free one, or else the first, and what is in it.
    action find_slot(bit<32> here, bit<32> there) {
        hash_flow(here, there);
        flow.read(state, slot);
        if (state.owner != owner && state.owner != 0) {
            flow_t other;
            bit<32> other_slot = slot ^ (slot_hash >> 18);
            flow.read(other, other_slot);
            if (other.owner == owner || other.owner == 0) {
                slot = other_slot;
                state = other;
            }
        }
    }

    // What an acknowledgement is to say, or (0) that it says nothing; and whether this switch decides that.
    bit<6> told = 0;
    bool tells = false;

    // The innermost of UDP's checksums that there are counts it (RFC 1624); one around it counts that one too, and stays.
    action say() {
        bool is_inner = hdr.inner_udp.isValid() && hdr.inner_udp.checksum != 0;
        bit<16> checksum = is_inner ? hdr.inner_udp.checksum : hdr.udp.checksum;
        if (checksum != 0) {
            bit<32> sum = (bit<32>) ~checksum + 0xffff + (18w0 ++ told ++ 8w0) - (18w0 ++ hdr.bth.reserved1 ++ 8w0);
            sum = (sum & 0xffff) + (sum >> 16);
            sum = (sum & 0xffff) + (sum >> 16);
            checksum = sum[15:0] == 0xffff ? 16w0xffff : ~sum[15:0];
            if (is_inner) {
                hdr.inner_udp.checksum = checksum;
            } else {
                hdr.udp.checksum = checksum;
            }
        }
        hdr.bth.reserved1 = told;
    }

    // An acknowledgement on its way back tells what is no longer under way.
    action note_acknowledgement() {
        find_slot(dst, src);
        if (state.owner == owner) {
            bit<24> acknowledged;
            flow_acknowledged.read(acknowledged, slot);
            bit<24> psn = hdr.bth.psn;
            if (hdr.aeth.syndrome[6:5] != 0) {
                psn = psn - 1;      // a NAK asks for this one: only those before it have arrived
            }
            if (psn - acknowledged < 24w0x80_0000) {
                flow_acknowledged.write(slot, psn);
            }
            if (hdr.bth.reserved1 != 0 && meta.to_host) {
                bit<32> cell;
                bit<32> shift;
                flow_cell.read(cell, slot);
                path_config.read(shift, 3);
                excess_there.write(cell, ((18w0 ++ hdr.bth.reserved1) - 32) << (bit<8>) shift);
            }
        }
    }

    // A message begins that has come to a host of this leaf.
    action note_arrival() {
        bit<16> scale;
        bit<32> port = (bit<32>) std_meta.ingress_port;
        came_scale.read(scale, port);
        if (scale != 0) {
            hash_flow(src, dst);
            came_by.write(slot, owner ++ port[15:0]);
            if (hdr.reth.isValid()) {
                bit<40> bytes;
                bit<40> mean;
                came_bytes.read(bytes, port);
                came_mean.read(mean, 0);
                bytes = bytes + (bit<40>) (((bit<48>) hdr.reth.dma_length * (bit<48>) scale) >> 8);
                // One that was dead for long has not to bring all that it has missed.
                bit<40> lag_max = LAG_BYTES + ((bit<40>) hdr.reth.dma_length << 3);
                if ((bytes + lag_max - mean)[39:39] == 1) {
                    bytes = mean - lag_max;
                }
                came_bytes.write(port, bytes);
                came_mean.write(0, mean + (bit<40>) ((int<40>) (bytes - mean) >> 4));
            }
        }
    }

    // An acknowledgement leaves this leaf. What it tells, 1 to 63, is the excess and 32; 0 says nothing.
    action tell_excess() {
        hash_flow(dst, src);
        bit<32> mark_and_port;
        came_by.read(mark_and_port, slot);
        if (mark_and_port[31:16] == owner) {
            bit<40> bytes;
            bit<40> mean;
            bit<32> shift;
            came_bytes.read(bytes, mark_and_port & 0x1ff);
            came_mean.read(mean, 0);
            path_config.read(shift, 3);
            int<40> excess = ((int<40>) (bytes - mean) >> (bit<8>) (shift + 8)) + 32;
            if (excess < 1) {
                excess = 1;
            } else if (excess > 63) {
                excess = 63;
            }
            told = ((bit<40>) excess)[5:0];
            tells = true;
        } else {
            tells = meta.from_host;
        }
    }

    action place_flow() {
        find_slot(src, dst);
        bit<24> acknowledged;
        bit<32> pair;
        flow_acknowledged.read(acknowledged, slot);
        flow_queue_pair.read(pair, slot);
        bit<16> now_us = std_meta.ingress_global_timestamp[15:0];
        bit<32> longest_us;
        path_config.read(longest_us, 2);
        bool is_silent = (bit<32>) (now_us - state.seen_us) > longest_us;
        bool is_idle = state.owner == 0 || (pair[24:24] == 1
            ? is_silent : state.sent == acknowledged && (pair[25:25] == 0 || is_silent));
        bool may_move = false;
        bool moved = false;
        bool keeps = true;
        bit<24> psn = 0;
        bit<24> qp = 0;
        if (hdr.bth.isValid()) {
            psn = hdr.bth.psn;
            qp = hdr.bth.dest_qp;
        }
        // Nothing has ever gone through a slot without an owner, so nothing of its flows is under way.
        bool is_fresh = state.owner == 0;
        bool mine = state.owner == owner;
        if (meta.policy == PATH_FLOWLET) {
            bit<32> pause_us;
            path_config.read(pause_us, 1);
            may_move = !mine || (bit<32>) (now_us - state.seen_us) >= pause_us;
            keeps = mine || is_idle;
        } else {
            bit<32> pair_was = pair;
            if (mine && is_idle) {
                pair[25:24] = 0;
            }
            if (mine && pair[23:0] != qp) {
                // Of two that cannot be told apart the one that came later goes by its hash.
                pair[24:24] = (bit<1>) !is_idle;
                mine = false;
            }
            bit<24> ahead = psn - state.sent;
            if (mine && (ahead == 0 || ahead >= 24w0x80_0000)) {
                pair[25:25] = 1;
                is_idle = false;
            }
            if (pair != pair_was) {
                flow_queue_pair.write(slot, pair);
            }
            keeps = mine || is_idle;
            bool is_slow = false;
            if (meta.policy == PATH_IN_ORDER && mine && is_idle) {
                port_t port;
                bit<32> long_bytes;
                group_port.read(port, (bit<32>) (meta.group_base + (bit<16>) state.path));
                path_config.read(long_bytes, 4);
                is_slow = queue_depth_bytes(port) > long_bytes;
            }
            may_move = is_fresh || (mine && is_idle && pair[24:24] == 0 && (is_slow || meta.starts_message));
        }
        if (keeps) {
            if (!mine) {
                // What this flow sent before went by its hash, and may still be under way: it starts there.
                state.owner = owner;
                state.path = meta.first_choice;
                state.sent = psn;
                flow_acknowledged.write(slot, psn - 1);
                flow_queue_pair.write(slot, 7w0 ++ (bit<1>) (meta.policy == PATH_FLOWLET) ++ qp);
            } else if (psn - state.sent < 24w0x80_0000) {
                state.sent = psn;
            }
            if (may_move) {
                // What is queued at the moment draws all who look at the same moment; what has been put where does not.
                if (meta.policy == PATH_FLOWLET) {
                    take_turn();
                    search(true, false);
                } else {
                    turn.read(meta.first_choice, (bit<32>) meta.remote);
                    search(false, true);
                }
                if (found && !is_fresh && best != state.path) {
                    reroutes.count(0);
                    moved = true;
                }
            } else {
                // A member that died is left at once: what was on it is lost, so nothing is overtaken.
                meta.first_choice = state.path;
                search_first(false);
            }
            if (meta.starts_message) {
                flow_cell.write(slot, 14w0 ++ meta.remote ++ best[5:0]);
            } else if (best != state.path) {
                flow_cell.write(slot, NO_CELL);
            }
            state.path = best;
            state.seen_us = now_us;
            flow.write(slot, state);
        } else {
            search_first(false);
        }
        bit<32> put = 0;
        if (meta.starts_message && hdr.reth.isValid()) {
            put = hdr.reth.dma_length;
        } else if (moved && meta.policy == PATH_IN_ORDER) {
            // The rest of its message comes along: the next one that leaves a long queue goes elsewhere.
            path_config.read(put, 4);
        } else if (hdr.bth.opcode[4:0] < RC_WRITE_FIRST[4:0] || hdr.bth.opcode[4:0] > RC_WRITE_ONLY_IMM[4:0]) {
            put = std_meta.packet_length;      // of a message that has not said how long it is
        }
        if (put != 0 && found && meta.policy != PATH_FLOWLET) {
            bit<40> assigned;
            bit<32> here = (bit<32>) (meta.group_base + (bit<16>) best);
            assigned_bytes.read(assigned, here);
            assigned_bytes.write(here, assigned + (bit<40>) put);
            bit<32> cell = 14w0 ++ meta.remote ++ best[5:0];
            assigned_to.read(assigned, cell);
            bit<40> lag_max = LAG_BYTES + ((bit<40>) put << 6);
            if (lag > lag_max) {
                assigned = assigned + ((lag - lag_max) >> 3);
            }
            assigned_to.write(cell, assigned + (bit<40>) put);
            // Where nothing is heard it stays below what it can hold.
            bit<24> excess;
            excess_there.read(excess, cell);
            if (excess[23:22] != 1 && put[31:30] == 0) {
                excess_there.write(cell, excess + put[31:8]);
            }
        }
    }

    apply {
        found = false;
        job_policy.apply();
        bool by_message = meta.policy == PATH_MESSAGE || meta.policy == PATH_IN_ORDER;
        bool is_acknowledgement = by_message && hdr.aeth.isValid() && hdr.bth.opcode == RC_ACKNOWLEDGE;
        if (meta.grouped == 0) {
            found = true;
            if (is_acknowledgement) {
                fold_ends();
                note_acknowledgement();
                tells = meta.to_host || meta.from_host;
            } else if (by_message && meta.to_host && meta.starts_message) {
                fold_ends();
                note_arrival();
            }
        } else {
            fold_ends();
            bit<32> seed;
            path_config.read(seed, 0);
            bit<24> qp = 0;
            if (hdr.bth.isValid() && (meta.policy == PATH_QP || meta.policy == PATH_MESSAGE)) {
                qp = hdr.bth.dest_qp;
            }
            hash(meta.flow_hash, HashAlgorithm.crc32, 32w0,
                 { seed, src, dst, meta.protocol, meta.src_port, meta.dst_port, qp }, 33w0x1_0000_0000);
            // Both halves: the low bits of a CRC of almost the same bytes are alike.
            bit<32> mixed = (meta.flow_hash ^ (meta.flow_hash >> 16)) & 0xffff;
            meta.first_choice = (bit<8>) ((mixed * (bit<32>) meta.group_count) >> 16);
            chosen_by_policy.count((bit<32>) (meta.policy & 7));

            if (meta.policy == PATH_SPRAY) {
                take_turn();
                search(false, false);
                // The next turn is that of the next one that lives, not again of the one that stood in.
                turn.write((bit<32>) meta.remote, best);
            } else if (meta.policy == PATH_ADAPTIVE) {
                take_turn();
                search(true, false);
            } else if (meta.policy == PATH_PINNED) {
                bool is_pinned = pinned.apply().hit;
                search_first(is_pinned);
            } else if (!meta.is_control
                       && (meta.policy == PATH_FLOWLET
                           || (hdr.bth.isValid() && by_message))) {
                place_flow();
            } else {
                search_first(false);
                if (is_acknowledgement) {
                    tell_excess();
                }
            }
            if (found) {
                std_meta.egress_spec = best_port;
            }
        }
        if (tells && hdr.bth.reserved1 != told) {
            say();
        }
    }
}

#endif
