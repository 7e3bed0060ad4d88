//! Whole frames, layer upon layer.
//!
//! Invariant: what [`FrameBuilder::payload`] returns has right lengths, protocol numbers, checksums and, for
//! RoCEv2, padding and invariant CRC.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::Sum;
use super::rocev2::{Aeth, BthFields, CNP_RESERVED_LEN, ICRC_LEN, Opcode, Reth, UDP_PORT, fill_icrc};
use super::{
    EtherType, IcmpEcho, Ipv4, Ipv6, Mac, Tcp, TcpFlags, Udp, arp, icmp, ipv4, ipv6, protocol, put, tcp, udp,
};

/// A frame under construction. Layers are added from the outermost to the innermost.
#[derive(Clone, Debug)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
    layers: Vec<Layer>,
    /// Where the innermost layer says what comes next.
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Layer {
    Ipv4 { at: usize },
    Ipv6 { at: usize },
    Udp { at: usize },
    Tcp { at: usize },
    Icmp { at: usize },
    Bth { at: usize },
}

#[derive(Clone, Copy, Debug)]
enum Next {
    EtherType { at: usize },
    Protocol { at: usize },
    Nothing,
}

/// What a TCP header says, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window, not scaled.
    pub window: u16,
    /// Options, at most 40 bytes; padded with zeros to a multiple of four.
    pub options: &'a [u8],
}

/// Time to live of packets that don't say otherwise.
const TTL: u8 = 64;

impl FrameBuilder {
    /// Starts with an Ethernet header.
    pub fn ethernet(destination: Mac, source: Mac) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(destination.0);
        bytes.extend(source.0);
        bytes.extend([0, 0]);
        Self { bytes, layers: Vec::new(), next: Next::EtherType { at: 12 } }
    }

    /// Says in the layer before what comes now.
    fn announce(&mut self, ethertype: EtherType, protocol: u8) {
        match self.next {
            Next::EtherType { at } => put(&mut self.bytes, at, &ethertype.0.to_be_bytes()),
            Next::Protocol { at } => self.bytes[at] = protocol,
            Next::Nothing => {}
        }
    }

    /// Sets what an Ethernet header or tag carries, for payloads that have no method of their own.
    pub fn ethertype(mut self, ethertype: EtherType) -> Self {
        if let Next::EtherType { at } = self.next {
            put(&mut self.bytes, at, &ethertype.0.to_be_bytes());
        }
        self
    }

    /// Adds an 802.1Q tag with priority and identifier.
    pub fn vlan(mut self, priority: u8, vlan_id: u16) -> Self {
        self.announce(EtherType::VLAN, 0);
        let control = u16::from(priority & 7) << 13 | vlan_id & 0x0fff;
        self.bytes.extend(control.to_be_bytes());
        self.next = Next::EtherType { at: self.bytes.len() };
        self.bytes.extend([0, 0]);
        self
    }

    /// Adds an ARP packet.
    pub fn arp(mut self, operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Self {
        self.announce(EtherType::ARP, 0);
        self.bytes.extend(arp::emit(operation, sender, target));
        self.next = Next::Nothing;
        self
    }

    /// Adds an IPv4 header: time to live 64, not to be fragmented.
    pub fn ipv4(mut self, source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        const IP_IN_IP: u8 = 4;
        self.announce(EtherType::IPV4, IP_IN_IP);
        let at = self.bytes.len();
        self.bytes.extend([0x45, 0, 0, 0, 0, 0, 0x40, 0, TTL, 0, 0, 0]);
        self.bytes.extend(source.octets());
        self.bytes.extend(destination.octets());
        self.layers.push(Layer::Ipv4 { at });
        self.next = Next::Protocol { at: at + ipv4::field::PROTOCOL };
        self
    }

    /// Adds an IPv6 header: hop limit 64.
    pub fn ipv6(mut self, source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        const IPV6_IN_IP: u8 = 41;
        self.announce(EtherType::IPV6, IPV6_IN_IP);
        let at = self.bytes.len();
        self.bytes.extend([0x60, 0, 0, 0, 0, 0, 0, TTL]);
        self.bytes.extend(source.octets());
        self.bytes.extend(destination.octets());
        self.layers.push(Layer::Ipv6 { at });
        self.next = Next::Protocol { at: at + ipv6::field::NEXT_HEADER };
        self
    }

    /// The innermost IP header's offset, and whether it is IPv6.
    fn ip(&self) -> Option<(usize, bool)> {
        self.layers.iter().rev().find_map(|layer| match *layer {
            Layer::Ipv4 { at } => Some((at, false)),
            Layer::Ipv6 { at } => Some((at, true)),
            Layer::Udp { .. } | Layer::Tcp { .. } | Layer::Icmp { .. } | Layer::Bth { .. } => None,
        })
    }

    /// Sets time to live or hop limit of the innermost IP header.
    pub fn ttl(mut self, ttl: u8) -> Self {
        if let Some((at, is_ipv6)) = self.ip() {
            let field = if is_ipv6 { ipv6::field::HOP_LIMIT } else { ipv4::field::TTL };
            self.bytes[at + field] = ttl;
        }
        self
    }

    /// Sets DSCP and ECN of the innermost IP header.
    pub fn dscp_ecn(mut self, dscp: u8, ecn: u8) -> Self {
        let class = dscp << 2 | ecn & 3;
        match self.ip() {
            Some((at, true)) => {
                if let Ok(mut header) = Ipv6::new_checked(&mut self.bytes[at..]) {
                    header.set_traffic_class(class);
                }
            }
            Some((at, false)) => self.bytes[at + ipv4::field::TRAFFIC_CLASS] = class,
            None => {}
        }
        self
    }

    /// Sets the identification of the innermost header, if it is IPv4.
    pub fn identification(mut self, identification: u16) -> Self {
        if let Some((at, false)) = self.ip() {
            put(&mut self.bytes, at + ipv4::field::IDENTIFICATION, &identification.to_be_bytes());
        }
        self
    }

    /// Sets the flow label of the innermost header, if it is IPv6.
    pub fn flow_label(mut self, flow_label: u32) -> Self {
        if let Some((at, true)) = self.ip()
            && let Ok(mut header) = Ipv6::new_checked(&mut self.bytes[at..])
        {
            header.set_flow_label(flow_label);
        }
        self
    }

    /// Sets what an IP header carries, for payloads that have no method of their own.
    pub fn protocol(mut self, protocol: u8) -> Self {
        if let Next::Protocol { at } = self.next {
            self.bytes[at] = protocol;
        }
        self
    }

    /// Adds a UDP header.
    pub fn udp(mut self, source_port: u16, destination_port: u16) -> Self {
        self.announce(EtherType::IPV4, protocol::UDP);
        self.layers.push(Layer::Udp { at: self.bytes.len() });
        self.bytes.extend(source_port.to_be_bytes());
        self.bytes.extend(destination_port.to_be_bytes());
        self.bytes.extend([0; 4]);
        self.next = Next::Nothing;
        self
    }

    /// Adds a TCP header.
    pub fn tcp(mut self, segment: &TcpSegment<'_>) -> Self {
        self.announce(EtherType::IPV4, protocol::TCP);
        let at = self.bytes.len();
        let options = &segment.options[..segment.options.len().min(40)];
        let words = 5 + options.len().div_ceil(4);
        self.bytes.resize(at + 4 * words, 0);
        let header = &mut self.bytes[at..];
        put(header, tcp::field::SOURCE_PORT, &segment.source_port.to_be_bytes());
        put(header, tcp::field::DESTINATION_PORT, &segment.destination_port.to_be_bytes());
        put(header, tcp::field::SEQUENCE, &segment.sequence.to_be_bytes());
        put(header, tcp::field::ACKNOWLEDGMENT, &segment.acknowledgment.to_be_bytes());
        // At most 15 words.
        header[tcp::field::DATA_OFFSET] = (words as u8) << 4;
        header[tcp::field::FLAGS] = segment.flags.0;
        put(header, tcp::field::WINDOW, &segment.window.to_be_bytes());
        put(header, tcp::field::OPTIONS, options);
        self.layers.push(Layer::Tcp { at });
        self.next = Next::Nothing;
        self
    }

    /// Adds an ICMP or ICMPv6 echo request or reply, as the IP header before asks for.
    pub fn echo(mut self, is_reply: bool, echo: IcmpEcho) -> Self {
        type Message = super::Icmp<[u8; 0]>;
        let is_ipv6 = self.ip().is_some_and(|(_, is_ipv6)| is_ipv6);
        let (number, kind) = match (is_ipv6, is_reply) {
            (false, false) => (protocol::ICMP, Message::V4_ECHO_REQUEST),
            (false, true) => (protocol::ICMP, Message::V4_ECHO_REPLY),
            (true, false) => (protocol::ICMPV6, Message::V6_ECHO_REQUEST),
            (true, true) => (protocol::ICMPV6, Message::V6_ECHO_REPLY),
        };
        self.announce(EtherType::IPV4, number);
        self.layers.push(Layer::Icmp { at: self.bytes.len() });
        self.bytes.extend([kind, 0, 0, 0]);
        self.bytes.extend(echo.identifier.to_be_bytes());
        self.bytes.extend(echo.sequence.to_be_bytes());
        self.next = Next::Nothing;
        self
    }

    /// Adds a UDP header for RoCEv2 and a base transport header. The source port carries the flow's entropy; the
    /// UDP checksum is zero, as adapters send it.
    pub fn rocev2(self, source_port: u16, fields: &BthFields) -> Self {
        let mut builder = self.udp(source_port, UDP_PORT);
        builder.layers.push(Layer::Bth { at: builder.bytes.len() });
        builder.bytes.extend(fields.emit());
        builder
    }

    /// Adds an RDMA extended transport header.
    pub fn reth(mut self, reth: &Reth) -> Self {
        self.bytes.extend(reth.emit());
        self
    }

    /// Adds an acknowledgment extended transport header.
    pub fn aeth(mut self, aeth: &Aeth) -> Self {
        self.bytes.extend(aeth.emit());
        self
    }

    /// Adds immediate data.
    pub fn immediate(mut self, data: u32) -> Self {
        self.bytes.extend(data.to_be_bytes());
        self
    }

    /// Adds a congestion notification to a queue pair, the whole of it.
    pub fn cnp(self, source_port: u16, destination_qp: u32) -> Self {
        let fields = BthFields { is_becn: true, ..BthFields::new(Opcode::CNP, destination_qp, 0) };
        let mut builder = self.rocev2(source_port, &fields);
        builder.bytes.extend([0; CNP_RESERVED_LEN]);
        builder
    }

    /// Completes the frame with a payload. Frames are not padded to Ethernet's minimum.
    pub fn payload(mut self, payload: &[u8]) -> Vec<u8> {
        self.bytes.extend(payload);
        let base_transport = self.layers.iter().find_map(|layer| match *layer {
            Layer::Bth { at } => Some(at),
            Layer::Ipv4 { .. }
            | Layer::Ipv6 { .. }
            | Layer::Udp { .. }
            | Layer::Tcp { .. }
            | Layer::Icmp { .. } => None,
        });
        if let Some(at) = base_transport {
            let pad_bytes = (self.bytes.len() - at).next_multiple_of(4) - (self.bytes.len() - at);
            BthFields::set_pad(&mut self.bytes[at..], pad_bytes);
            self.bytes.extend([0; 3].iter().take(pad_bytes));
            self.bytes.extend([0; ICRC_LEN]);
        }
        self.set_lengths();
        if base_transport.is_some()
            && let Some((ip_at, _)) = self.ip()
        {
            // The layers are those of a RoCEv2 packet, and there is room for the CRC.
            let _complete = fill_icrc(&mut self.bytes[ip_at..]);
        }
        self.fill_checksums(base_transport.is_some());
        self.bytes
    }

    fn set_lengths(&mut self) {
        let end = self.bytes.len();
        // What is longer than a length field can say is the caller's to notice.
        let length = |from: usize| ((end - from) as u16).to_be_bytes();
        for layer in &self.layers {
            match *layer {
                Layer::Ipv4 { at } => put(&mut self.bytes, at + ipv4::field::TOTAL_LEN, &length(at)),
                Layer::Ipv6 { at } => {
                    put(&mut self.bytes, at + ipv6::field::PAYLOAD_LEN, &length(at + ipv6::field::PAYLOAD));
                }
                Layer::Udp { at } => put(&mut self.bytes, at + udp::field::LENGTH, &length(at)),
                Layer::Tcp { .. } | Layer::Icmp { .. } | Layer::Bth { .. } => {}
            }
        }
    }

    /// From the innermost outwards: an outer checksum covers the inner ones.
    fn fill_checksums(&mut self, is_rocev2: bool) {
        for index in (0..self.layers.len()).rev() {
            let pseudo = index.checked_sub(1).map_or(Sum::new(), |below| self.pseudo(self.layers[below]));
            match self.layers[index] {
                Layer::Ipv4 { at } => {
                    if let Ok(mut header) = Ipv4::new_checked(&mut self.bytes[at..]) {
                        header.fill_checksum();
                    }
                }
                Layer::Udp { at } if !is_rocev2 => {
                    if let Ok(mut header) = Udp::new_checked(&mut self.bytes[at..]) {
                        header.fill_checksum(pseudo);
                    }
                }
                Layer::Tcp { at } => {
                    if let Ok(mut header) = Tcp::new_checked(&mut self.bytes[at..]) {
                        header.fill_checksum(pseudo);
                    }
                }
                Layer::Icmp { at } => {
                    let is_ipv6 = self.ip().is_some_and(|(_, is_ipv6)| is_ipv6);
                    let pseudo = if is_ipv6 { pseudo } else { Sum::new() };
                    let checksum = pseudo.add_bytes(&self.bytes[at..]).checksum();
                    put(&mut self.bytes, at + icmp::field::CHECKSUM, &checksum.to_be_bytes());
                }
                Layer::Ipv6 { .. } | Layer::Udp { .. } | Layer::Bth { .. } => {}
            }
        }
    }

    fn pseudo(&self, layer: Layer) -> Sum {
        match layer {
            Layer::Ipv4 { at } => {
                Ipv4::new_checked(&self.bytes[at..]).map_or(Sum::new(), |header| header.pseudo_sum())
            }
            Layer::Ipv6 { at } => {
                Ipv6::new_checked(&self.bytes[at..]).map_or(Sum::new(), |header| header.pseudo_sum())
            }
            Layer::Udp { .. } | Layer::Tcp { .. } | Layer::Icmp { .. } | Layer::Bth { .. } => Sum::new(),
        }
    }
}
