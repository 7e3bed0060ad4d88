//! Real TCP through a switch without privileges: two user-space hosts (smoltcp) on memory ports, on virtual time.

use std::collections::VecDeque;
use std::sync::Arc;

use heddle_engine::{Config, Switch};
use heddle_exec::{Executor, Interpreter};
use heddle_p4::{CompileOptions, DiskFiles};
use heddle_packet::PortId;
use heddle_ports::Port;
use heddle_ports::memory::{MemoryOptions, MemoryPeer, pair};
use heddle_runtime::file;
use heddle_runtime::learning::Agent;
use heddle_state::State;
use heddle_tests::top;
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

const MTU_BYTES: usize = 1_500;

/// A network card whose wire is the switch's memory port.
#[derive(Default)]
struct Card {
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

struct Receive(Vec<u8>);
struct Send<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Receive {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Send<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Card {
    type RxToken<'a> = Receive;
    type TxToken<'a> = Send<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Receive, Send<'_>)> {
        let frame = self.received.pop_front()?;
        Some((Receive(frame), Send(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Send<'_>> {
        Some(Send(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU_BYTES + 14;
        // Every checksum is computed and verified: a wrong one from the switch stops the connection.
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }
}

struct Host {
    card: Card,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
}

impl Host {
    fn new(mac: [u8; 6], address: IpCidr, gateway: Option<IpAddress>) -> Host {
        let mut card = Card::default();
        let config = InterfaceConfig::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
        let mut interface = Interface::new(config, &mut card, Instant::ZERO);
        interface.update_ip_addrs(|addresses| addresses.push(address).expect("room for one address"));
        match gateway {
            Some(IpAddress::Ipv4(gateway)) => {
                interface.routes_mut().add_default_ipv4_route(gateway).expect("room for one route");
            }
            Some(IpAddress::Ipv6(gateway)) => {
                interface.routes_mut().add_default_ipv6_route(gateway).expect("room for one route");
            }
            None => {}
        }
        let buffer = || tcp::SocketBuffer::new(vec![0; 65_536]);
        let mut sockets = SocketSet::new(Vec::new());
        let tcp = sockets.add(tcp::Socket::new(buffer(), buffer()));
        Host { card, interface, sockets, tcp }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.tcp)
    }

    /// Lets the host think, and exchanges frames with its port.
    fn turn(&mut self, peer: &mut MemoryPeer, now_ns: u64) {
        self.card.received.extend(peer.collect_frames());
        let now = Instant::from_micros((now_ns / 1_000) as i64);
        self.interface.poll(now, &mut self.card, &mut self.sockets);
        for frame in self.card.sent.drain(..) {
            peer.inject(&frame, now_ns);
        }
    }
}

fn switch(program: &str, tables: Option<&str>) -> (Switch, Arc<State>, Option<Agent>, Vec<MemoryPeer>) {
    let path = top().join("pipelines").join(program);
    let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
    let verified = compilation.output.expect("a shipped program compiles").verified;
    let state = Arc::new(State::new(&verified, 1).expect("a shipped program fits"));
    let agent = Agent::for_program(&verified);
    if let Some(agent) = &agent {
        state.write(&[agent.initial([1, 2])]).expect("the agent knows its program");
    }
    if let Some(tables) = tables {
        let updates = file::parse(tables, &verified).expect("the tables fit the program");
        state.write(&updates).expect("the tables fit the program");
    }
    let executor: Arc<dyn Executor> = Arc::new(Interpreter::new(verified));
    let (mut ports, mut peers): (Vec<Box<dyn Port>>, _) = (Vec::new(), Vec::new());
    for number in [1, 2] {
        let (port, peer) = pair(PortId(number), &MemoryOptions::default());
        ports.push(Box::new(port));
        peers.push(peer);
    }
    let switch =
        Switch::new(Config::default(), executor, Arc::clone(&state), ports).expect("a switch of two ports");
    (switch, state, agent, peers)
}

/// Sends `bytes` from a to b and as many back, and checks every one of them.
fn transfer(
    (mut switch, state, mut agent, mut peers): (Switch, Arc<State>, Option<Agent>, Vec<MemoryPeer>),
    mut a: Host,
    mut b: Host,
    to: IpAddress,
    bytes: usize,
) {
    b.socket().listen(7).expect("a free port");
    let (interface, sockets, handle) = (&mut a.interface, &mut a.sockets, a.tcp);
    let client = sockets.get_mut::<tcp::Socket<'_>>(handle);
    client.connect(interface.context(), (to, 7), 50_000).expect("a way to go");

    let pattern = |at: usize| (at * 31 % 251) as u8;
    let (mut sent, mut echoed, mut came_back) = (0, 0, 0);
    let mut now_ns = 0;
    while came_back < bytes {
        now_ns += 50_000;
        assert!(now_ns < 120_000_000_000, "stuck after {came_back} of {bytes} bytes");
        a.turn(&mut peers[0], now_ns);
        b.turn(&mut peers[1], now_ns);
        switch.run_until_quiet(now_ns);
        while let Some(digest) = switch.digest() {
            if let Some(agent) = &mut agent {
                state.write(&agent.learn(digest.digest, &digest.values)).expect("it is an ordinary write");
            }
        }

        while sent < bytes && a.socket().can_send() {
            let chunk: Vec<u8> = (sent..bytes.min(sent + 4_096)).map(pattern).collect();
            sent += a.socket().send_slice(&chunk).expect("the connection is open");
        }
        let room = b.socket().send_capacity() - b.socket().send_queue();
        if room > 0 && b.socket().can_recv() {
            let mut chunk = vec![0; room.min(4_096)];
            let count = b.socket().recv_slice(&mut chunk).expect("the connection is open");
            assert_eq!(b.socket().send_slice(&chunk[..count]).expect("there was room"), count);
            echoed += count;
        }
        if a.socket().can_recv() {
            let mut chunk = [0; 4_096];
            let count = a.socket().recv_slice(&mut chunk).expect("the connection is open");
            for (offset, byte) in chunk[..count].iter().enumerate() {
                assert_eq!(*byte, pattern(came_back + offset), "byte {}", came_back + offset);
            }
            came_back += count;
        }
    }
    assert_eq!((sent, echoed), (bytes, bytes));
    let stats = switch.stats();
    assert_eq!(stats.received, stats.transmitted + stats.drops.total() - stats.copies + stats.in_flight());
}

#[test]
fn through_the_learning_switch() {
    let cidr = |last| IpCidr::new(IpAddress::v4(10, 0, 0, last), 24);
    let a = Host::new([2, 0, 0, 0, 0, 1], cidr(1), None);
    let b = Host::new([2, 0, 0, 0, 0, 2], cidr(2), None);
    transfer(switch("l2_switch.p4", None), a, b, IpAddress::v4(10, 0, 0, 2), 1 << 20);
}

fn routes(family: &str) -> String {
    let (route, key, prefix, local, local_key, answer) = match family {
        "v4" => (
            "ipv4_route",
            "hdr.ipv4.dst",
            ["10.0.1.0", "10.0.2.0"],
            "local_ipv4",
            "hdr.arp.target_ip",
            "answer_arp",
        ),
        _ => (
            "ipv6_route",
            "hdr.ipv6.dst",
            ["fd00:1::", "fd00:2::"],
            "local_ipv6",
            "hdr.neighbour.target",
            "answer_solicitation",
        ),
    };
    let (len, gateways) = match family {
        "v4" => (24, ["10.0.1.254", "10.0.2.254"]),
        _ => (64, ["fd00:1::fe", "fd00:2::fe"]),
    };
    let mut entries = Vec::new();
    for side in [0, 1] {
        let port = side + 1;
        let own = format!("02:00:00:00:aa:0{port}");
        entries.push(serde_json::json!({ "table": route, "match": { key: [prefix[side], len] },
            "action_name": "to_group", "action_params": { "group": port } }));
        entries.push(
            serde_json::json!({ "table": "next_hop", "match": { "meta.group": port }, "action_name": "via",
            "action_params": { "port": port, "own": own, "next": format!("02:00:00:00:00:0{port}") } }),
        );
        entries.push(serde_json::json!({ "table": local, "match": { local_key: gateways[side] },
            "action_name": answer, "action_params": { "mac": own } }));
    }
    serde_json::json!({ "table_entries": entries }).to_string()
}

#[test]
fn through_the_router_by_ipv4() {
    let host = |n: u8| {
        let cidr = IpCidr::new(IpAddress::v4(10, 0, n, 1), 24);
        Host::new([2, 0, 0, 0, 0, n], cidr, Some(IpAddress::v4(10, 0, n, 254)))
    };
    let to = IpAddress::v4(10, 0, 2, 1);
    transfer(switch("l3_router.p4", Some(&routes("v4"))), host(1), host(2), to, 1 << 20);
}

#[test]
fn through_the_router_by_ipv6() {
    let address = |n: u16, last: u16| IpAddress::v6(0xfd00, n, 0, 0, 0, 0, 0, last);
    let host = |n: u8| {
        let cidr = IpCidr::new(address(n.into(), 1), 64);
        Host::new([2, 0, 0, 0, 0, n], cidr, Some(address(n.into(), 0xfe)))
    };
    transfer(switch("l3_router.p4", Some(&routes("v6"))), host(1), host(2), address(2, 1), 1 << 20);
}
