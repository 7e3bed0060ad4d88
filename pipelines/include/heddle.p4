// What the engine tells a program about its ports, beyond v1model. A program includes this after v1model.p4.
//
// Each function reads a cell that the engine keeps up to date (for a program that asks), so a call costs a load.
// Ports beyond 511 read as idle, and as up.

#ifndef HEDDLE_P4
#define HEDDLE_P4

// Bytes that wait in all queues of a port, the packet being sent not counted.
extern bit<32> queue_depth_bytes(in bit<9> port);

// How much a port has sent lately: bytes, each counted with a weight that halves every 8 microseconds.
extern bit<32> link_recent_bytes(in bit<9> port);

// 1 while the port works.
extern bit<1> port_is_up(in bit<9> port);

#endif
