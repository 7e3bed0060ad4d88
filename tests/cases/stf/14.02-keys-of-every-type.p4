// Section 14.2: keys that are booleans, enums, errors, expressions, validity.

#include "include/skeleton.p4"

enum bit<8> Code { A = 1, B = 2 }

control Case(inout data_t x, inout standard_metadata_t std) {
    action set(bit<8> v) { x.e = v; }
    table t {
        key = {
            x.d == 1 : exact @name("is_one");
            (Code) x.c[7:0] : exact @name("code");
            x.isValid() : exact @name("valid");
            x.a + x.b : exact @name("sum");
            (int<8>) x.d : exact @name("signed");
        }
        actions = { set; }
        default_action = set(0);
    }
    apply { t.apply(); }
}

#include "include/main.p4"
