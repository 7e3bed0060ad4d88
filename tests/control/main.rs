//! A switch as its controllers see it: the binary serving P4Runtime on loopback, without ports and without privileges.

mod crash;
mod limits;
mod served;
mod shim;
mod slow;
mod state;
mod tls;
mod tools;
