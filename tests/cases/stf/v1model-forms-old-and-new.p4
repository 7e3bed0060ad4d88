// v1model: the forms of 2020, with types for indices, beside the older ones that are deprecated.

#define V1MODEL_VERSION 20200408
#include <core.p4>
#include <v1model.p4>
header h_t { bit<8> kind; bit<8> n; bit<16> sum; }
struct headers_t { h_t h; }
struct meta_t { bit<8> m; PortId_t p; }
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { state start { packet.extract(hdr.h); transition accept; } }
control V(inout headers_t hdr, inout meta_t meta) { Checksum16() ck; apply { if (hdr.h.sum == ck.get({ hdr.h.kind, hdr.h.n })) { meta.m = 1; } } }
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
  counter<bit<8>>(256, CounterType.packets) c; register<bit<16>, bit<8>>(256) r; meter<bit<8>>(16, MeterType.bytes) m;
  apply { std.egress_spec = (PortId_t) 2; c.count(hdr.h.kind); bit<16> v; r.read(v, hdr.h.kind); r.write(hdr.h.kind, v + 1); bit<2> col; m.execute_meter(hdr.h.n, col);
    if (hdr.h.kind == 1) { clone3(CloneType.I2E, 3, { meta.m, std.ingress_port }); }
    if (hdr.h.kind == 2 && std.instance_type == 0) { resubmit({ meta.m }); }
    if (hdr.h.kind == 3) { mark_to_drop(); }
    hdr.h.n = meta.m; } }
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) { apply { if (hdr.h.kind == 4 && std.instance_type == 0) { recirculate({}); } } }
control C(inout headers_t hdr, inout meta_t meta) { Checksum16() ck; apply { hdr.h.sum = ck.get({ hdr.h.kind, hdr.h.n }); } }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(P(), V(), I(), E(), C(), D()) main;
