//! The port on which BMv2 serves Thrift: open, because scripts wait for it, and with a word to whoever connects.

use std::net::{Ipv4Addr, TcpListener};

/// Opens the port on the loopback interface, once the switch runs: scripts take it for a sign of that. Whoever connects is hung up on at once, and told where to turn, the first
/// time, on standard error. A port that is taken is a warning: nothing that Heddle does depends on it.
pub(crate) fn listen(port: u16) {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("warning: --thrift-port {port}: cannot be opened: {error}; nothing else depends on it");
            return;
        }
    };
    let answer = move || {
        let mut told = false;
        for stream in listener.incoming() {
            if stream.is_ok() && !told {
                eprintln!(
                    "warning: somebody connected to the Thrift port {port}; there is no Thrift here. Use P4Runtime, or \
                     `heddle table`, `heddle counter`, `heddle register` and their like in place of simple_switch_CLI"
                );
                told = true;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("thrift-port".to_owned()).spawn(answer) {
        eprintln!("warning: --thrift-port {port}: no thread for it: {error}");
    }
}
