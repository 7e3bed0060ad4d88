#include <core.p4>

header h_t { bit<8> a; }

parser P(packet_in packet, out h_t h) {
    state begin {
        packet.extract(h);
        transition somewhere;
    }
}
