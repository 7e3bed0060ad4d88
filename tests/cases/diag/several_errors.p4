#include <core.p4>
#include <v1model.p4>

struct headers_t { }
struct meta_t { bit<8> x; }

control C(inout headers_t hdr, inout meta_t meta) {
    action set(bit<8> value) { meta.y = value; }
    table t {
        key = { meta.x : exct; }
        actions = { set; unknown; }
        default_action = set();
    }
    apply {
        t.apply();
        t.aply();
        if (meta.x) { }
    }
}
