// Section 6.1: a line that begins like a directive and is none is passed over.

# TODO: counters
const bool HOLDS = 1 == 1;
