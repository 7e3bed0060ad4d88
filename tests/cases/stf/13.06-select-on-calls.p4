// Section 13.6: keysets that call something are evaluated in order, and only until one of them holds what is selected on.

#include "include/skeleton.p4"

struct headers_t {
    data_t x;
}

struct meta_t {
    bit<8> calls;
}

bit<8> counted(inout bit<8> calls, in bit<8> value) {
    calls = calls + 1;
    return value;
}

parser CaseParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.x);
        transition select(hdr.x.d, meta.calls) {
            (1, _): literal;
            (counted(meta.calls, 2), counted(meta.calls, 0)): called;
            (3, 0): literal;
            (counted(meta.calls, 0xf0) &&& counted(meta.calls, 0xf8), _): masked;
            (counted(meta.calls, 0x10) .. counted(meta.calls, hdr.x.e), _): ranged;
            (packet.lookahead<bit<8>>(), _): ahead;
        }
    }
    state literal {
        hdr.x.a = 1;
        transition accept;
    }
    state called {
        hdr.x.a = 2;
        transition accept;
    }
    state masked {
        hdr.x.a = 3;
        transition accept;
    }
    state ranged {
        hdr.x.a = 4;
        transition accept;
    }
    state ahead {
        hdr.x.a = 5;
        transition accept;
    }
}

control CaseVerify(inout headers_t hdr, inout meta_t meta) { apply { } }

control CaseIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.x.c[15:8] = meta.calls;
        if (std.parser_error == error.NoMatch) {
            hdr.x.a = 6;
        }
    }
}

control CaseEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }

control CaseCompute(inout headers_t hdr, inout meta_t meta) { apply { } }

control CaseDeparser(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.x); } }

V1Switch(CaseParser(), CaseVerify(), CaseIngress(), CaseEgress(), CaseCompute(), CaseDeparser()) main;
