// The switch of an AI fabric, leaf and spine alike: what a switch is follows from its tables.
//
//   who        tenant and job, by queue pair, UET job, VNI or endpoints           ai_fabric/classification.p4, learning.p4
//   whose      no packet crosses tenants or jobs; what tries is counted           ai_fabric/isolation.p4
//   where      routes to ports or groups, members chosen by the job's policy      ai_fabric/paths.p4
//   when       control first, jobs by weight, ECN marks, trimming                 ai_fabric/queues.p4
//   not now    priority flow control and its watchdog                             ai_fabric/pause.p4
//   how much   traffic and messages by job; figures in packets                    ai_fabric/telemetry.p4, int.p4, report.p4
//
// A leaf has routes to its hosts and a group of uplinks for the rest; a spine has a port or a group for each leaf.

#include <core.p4>
#include <v1model.p4>
#include "include/heddle.p4"
#include "ai_fabric/parser.p4"
#include "ai_fabric/classification.p4"
#include "ai_fabric/isolation.p4"
#include "ai_fabric/paths.p4"
#include "ai_fabric/queues.p4"
#include "ai_fabric/telemetry.p4"

// Why packets were refused or looked at no further: cells of `refused`, and the reasons in reports of drops.
const bit<8> NOT_IP      = 0;
const bit<8> MALFORMED   = 1;    // below IP: forwarded as plain traffic
const bit<8> CHECKSUM    = 2;
const bit<8> EXPIRED     = 3;
const bit<8> NO_ROUTE    = 4;
const bit<8> NO_PATH     = 5;    // no member of the group lives
const bit<8> NO_BUFFER   = 6;    // too much waits that came by the port, though it was told to pause
const bit<8> NOT_ALLOWED = 7;    // for others' job or tenant, or above the tenant's limit; isolation.p4 counts who

counter(8, CounterType.packets) refused;

control Refusal(inout metadata_t meta, inout standard_metadata_t std_meta, in bit<8> why) {
    DropReports() drop_reports;

    apply {
        refused.count((bit<32>) why);
        drop_reports.apply(meta, std_meta, why);
        mark_to_drop(std_meta);
        exit;
    }
}

control FabricIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta) {
    Classification() classification;
    Learning() learning;
    Isolation() isolation;
    Routing() routing;
    Paths() paths;
    Queues() queues;
    Pauses() pauses;
    Watchdog() watching;
    PauseSender() pause_sender;
    Telemetry() telemetry;
    Refusal() refusal;

    apply {
        if (!(hdr.ipv4.isValid() || hdr.ipv6.isValid())) {
            if (hdr.pause.isValid()) {
                pauses.apply(hdr, meta, std_meta);
                mark_to_drop(std_meta);
                exit;
            }
            refusal.apply(meta, std_meta, NOT_IP);
        }
        if (std_meta.checksum_error == 1) {
            refusal.apply(meta, std_meta, CHECKSUM);
        }
        if (std_meta.parser_error != error.NoError) {
            refused.count((bit<32>) MALFORMED);
        }
        classification.apply(hdr, meta);
        bool violates;
        isolation.apply(hdr, meta, std_meta, violates);
        if (violates) {
            refusal.apply(meta, std_meta, NOT_ALLOWED);
        }

        if (hdr.mad.isValid() || (hdr.ses.isValid() && hdr.pds.flags[2:2] == 1)) {
            learning.apply(hdr, meta);
        }
        if (hdr.ipv4.isValid()) {
            if (hdr.ipv4.ttl <= 1) {
                refusal.apply(meta, std_meta, EXPIRED);
            }
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        } else {
            if (hdr.ipv6.hop_limit <= 1) {
                refusal.apply(meta, std_meta, EXPIRED);
            }
            hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
        }

        bool found;
        routing.apply(hdr, meta, std_meta, found);
        if (!found) {
            refusal.apply(meta, std_meta, NO_ROUTE);
        }
        paths.apply(hdr, meta, std_meta, found);
        if (!found) {
            refusal.apply(meta, std_meta, NO_PATH);
        }
        queues.apply(hdr, meta, std_meta);
        watching.apply(meta, std_meta);
        bool overflows;
        pause_sender.apply(hdr, meta, std_meta, overflows);
        if (overflows) {
            refusal.apply(meta, std_meta, NO_BUFFER);
        }
        telemetry.apply(hdr, meta, std_meta);
    }
}

V1Switch(FabricParser(), FabricVerify(), FabricIngress(), FabricEgress(), FabricCompute(), FabricDeparser()) main;
