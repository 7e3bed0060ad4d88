// What comes by port 1 leaves by port 2 as long as that works, and by port 3 otherwise; all else leaves by port 1.
#include <core.p4>
#include <v1model.p4>
#include "../../../pipelines/include/heddle.p4"

struct headers_t {}
struct metadata_t {}

parser Whole(packet_in packet, out headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        transition accept;
    }
}

control Checks(inout headers_t headers, inout metadata_t meta) {
    apply {}
}

control Paths(inout headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        if (standard.ingress_port != 1) {
            standard.egress_spec = 1;
        } else if (port_is_up(2) == 1) {
            standard.egress_spec = 2;
        } else {
            standard.egress_spec = 3;
        }
    }
}

control Leaving(inout headers_t headers, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {}
}

control Sums(inout headers_t headers, inout metadata_t meta) {
    apply {}
}

control Emits(packet_out packet, in headers_t headers) {
    apply {}
}

V1Switch(Whole(), Checks(), Paths(), Leaving(), Sums(), Emits()) main;
