// What the engine tells a program about its ports, beyond v1model, and what a program may ask of it. A program includes
// this after v1model.p4.
//
// Each function but the last reads a cell that the engine keeps up to date (for a program that asks), so a call costs a
// load. Ports beyond 511 read as idle, and as up.

#ifndef HEDDLE_P4
#define HEDDLE_P4

// Bytes that wait in all queues of a port, the packet being sent not counted.
extern bit<32> queue_depth_bytes(in bit<9> port);

// Bytes that wait in one queue of a port.
extern bit<32> queue_bytes(in bit<9> port, in bit<3> queue);

// Bytes that came by a port and wait in the queue of that number at whatever port they leave by: what a neighbour has to
// be stopped by before it fills the switch. Modulo 4 GiB.
extern bit<32> held_bytes(in bit<9> port, in bit<3> queue);

// How much a port has sent lately: bytes, each counted with a weight that halves every 8 microseconds.
extern bit<32> link_recent_bytes(in bit<9> port);

// 1 while the port is attached and has a link.
extern bit<1> port_is_up(in bit<9> port);

// In ingress: lets nothing begin to leave a queue for so many nanoseconds from now; 0 lets it go on. Of several calls for
// queues of one number a packet's last one counts.
extern void hold_queue(in bit<9> port, in bit<3> queue, in bit<32> ns);

#endif
