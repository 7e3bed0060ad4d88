// Section 8.18: push_front and pop_front in a parser move `next`, `last` and `lastIndex` along.

#include <core.p4>
#include <v1model.p4>

header kind_t { bit<8> kind; }
header e_t { bit<8> v; }
header r_t { bit<8> last; bit<8> last_index; bit<8> valid; }
struct headers_t { kind_t k; e_t[3] s; r_t r; }
struct meta_t { bit<8> last; bit<8> last_index; }

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.k);
        packet.extract(hdr.s.next);
        packet.extract(hdr.s.next);
        transition select(hdr.k.kind) {
            0: pop;
            1: push;
            2: pop_all;
            default: push_too_far;
        }
    }
    state pop {
        hdr.s.pop_front(1);
        packet.extract(hdr.s.next);
        transition look;
    }
    state push {
        hdr.s.push_front(1);
        transition look;
    }
    state pop_all {
        hdr.s.pop_front(3);
        packet.extract(hdr.s.next);
        transition look;
    }
    state push_too_far {
        // The stack is full then: there is no next.
        hdr.s.push_front(3);
        packet.extract(hdr.s.next);
        transition accept;
    }
    state look {
        meta.last = hdr.s.last.v;
        meta.last_index = (bit<8>) hdr.s.lastIndex;
        transition accept;
    }
}
control V(inout headers_t hdr, inout meta_t meta) { apply { } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        std.egress_spec = 2;
        hdr.r = { meta.last, meta.last_index, 0 };
        hdr.r.valid = (bit<8>) ((bit<1>) hdr.s[0].isValid() ++ (bit<1>) hdr.s[1].isValid()
                                ++ (bit<1>) hdr.s[2].isValid());
        if (std.parser_error == error.StackOutOfBounds) {
            hdr.r.last = 0xee;
        }
    }
}
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { } }
control C(inout headers_t hdr, inout meta_t meta) { apply { } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
