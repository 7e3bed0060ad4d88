// Whose packet is this? Tenant and job, from the most telling thing the packet has.

#ifndef AI_FABRIC_CLASSIFICATION_P4
#define AI_FABRIC_CLASSIFICATION_P4

#include "learning.p4"

control Classification(inout headers_t hdr, inout metadata_t meta) {
    action set_job(bit<16> job, bit<16> tenant) {
        meta.job = job;
        meta.tenant = tenant;
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

    table job_by_uet {
        key = { hdr.ses.job : exact @name("uet_job"); }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 4096;
    }

    // UET answers carry no job: by their endpoints, as NCCL and Gloo over TCP.
    table job_by_hosts {
        key = {
            meta.src : ternary @name("src");
            meta.dst : ternary @name("dst");
        }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    table job_by_vni {
        key = { hdr.vxlan.vni : exact @name("vni"); }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 4096;
    }

    // The service that a request to connect asks for at a host: what it is, and all that comes of it, is that job's.
    table job_by_service {
        key = {
            meta.dst               : exact   @name("dst");
            hdr.cm_request.service : ternary @name("service");
        }
        actions = { set_job; NoAction; }
        const default_action = NoAction();
        size = 4096;
    }

    Learned() learned_before;

    apply {
        bool found = false;
        bool may_be_learned = false;
        if (hdr.bth.isValid()) {
            found = job_by_qp.apply().hit;
            if (!found) {
                if (hdr.cm_request.isValid()) {
                    found = job_by_service.apply().hit;
                } else {
                    may_be_learned = true;
                }
            }
        } else if (hdr.ses.isValid()) {
            found = job_by_uet.apply().hit;
        } else if (hdr.pds.isValid()) {
            may_be_learned = true;
        }
        if (may_be_learned) {
            learned_before.apply(hdr, meta, found);
        }
        if (!found && hdr.vxlan.isValid()) {
            found = job_by_vni.apply().hit;
        }
        if (!found) {
            job_by_hosts.apply();
        }

        if (hdr.bth.isValid()) {
            bit<8> op = hdr.bth.opcode;
            meta.is_control = op == RC_ACKNOWLEDGE || op == ROCE_CNP;
            meta.starts_message = op == RC_SEND_FIRST || op == RC_SEND_ONLY || op == RC_SEND_ONLY_IMM
                || op == RC_WRITE_FIRST || op == RC_WRITE_ONLY || op == RC_WRITE_ONLY_IMM;
        } else if (hdr.pds.isValid()) {
            meta.is_control = hdr.pds.type >= PDS_ACK && hdr.pds.type <= PDS_NACK_CCX;
            meta.starts_message = hdr.ses.isValid() && hdr.ses.start_of_message == 1;
            meta.may_trim = hdr.ses.isValid();
        }
    }
}

#endif
