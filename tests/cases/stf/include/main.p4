struct headers_t {
    data_t x;
}

struct meta_t { }

parser CaseParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.x);
        transition accept;
    }
}

control CaseVerify(inout headers_t hdr, inout meta_t meta) { apply { } }

control CaseIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    Case() case;
    apply {
        std.egress_spec = 2;
        case.apply(hdr.x, std);
    }
}

control CaseEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }

control CaseCompute(inout headers_t hdr, inout meta_t meta) { apply { } }

control CaseDeparser(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.x); } }

V1Switch(CaseParser(), CaseVerify(), CaseIngress(), CaseEgress(), CaseCompute(), CaseDeparser()) main;
