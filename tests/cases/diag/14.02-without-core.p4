// Section 14.2: what the language takes from core.p4 is missing.

match_kind { exact }
control k(inout bit<8> x) {
    action a() { }
    table t {
        key = { x : exact; }
        actions = { a; }
    }
    apply { t.apply(); }
}
