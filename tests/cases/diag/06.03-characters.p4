// Section 6.3: characters and literals that are none of P4's.

const bit<8> a = $;
const bit<8> b = 0b12;
const bit<8> c = 0x;
const bit<8> d = 12ab;
const bit<8> e = “8”;
x = 1;
control k(inout bit<8> v) {
    apply {
        if (v = 1) { v == 2; }
    }
}
const bool s = static_assert(true, "never closed);
