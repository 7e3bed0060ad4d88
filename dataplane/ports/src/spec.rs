//! `PORT@WHAT`, the way ports are named on the command line, as BMv2 has it.
//!
//! Invariant: a [`PortSpec`] is well formed; whether what it names exists is found out when it is opened.

use std::fmt;
use std::path::Path;

use heddle_packet::PortId;

use crate::af_packet::AfPacketPort;
use crate::af_xdp::{self, XdpOptions};
use crate::datagram::DatagramPort;
use crate::device::{Interface, check_name};
use crate::error::OpenError;
use crate::pcap::PcapPort;
use crate::port::Port;
use crate::tap::{TapOptions, TapPort};

/// What kind of port is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// A bare interface name: `AF_PACKET`.
    AfPacket,
    /// `xdp:NAME`: `AF_XDP`, or `AF_PACKET` where that cannot be.
    Xdp,
    /// `tap:NAME`.
    Tap,
    /// `pnet:NAME`.
    Datagram,
    /// `pcap:FILE`, or a bare name where files are expected.
    Pcap,
}

/// What a name without a prefix means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BareName {
    /// An interface, to `heddle run`.
    Interface,
    /// A capture file, to `heddle replay`.
    File,
}

/// A port that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortSpec {
    /// Its number.
    pub id: PortId,
    /// Its kind.
    pub kind: PortKind,
    /// Interface or file.
    pub name: String,
}

/// How ports are opened that have a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// Queues at most, one for each worker; `xdp:` has as many as the interface.
    pub queues: usize,
    /// Whether `xdp:` ports drive their device instead of waiting for its interrupts.
    pub busy_poll: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { queues: 1, busy_poll: false }
    }
}

/// What is wrong with a `PORT@WHAT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`, column {column}: {fault}")]
pub struct SpecError {
    /// What was given.
    pub text: String,
    /// Where it is wrong, counted in characters from 1.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub fault: SpecFault,
}

/// What is wrong with a `PORT@WHAT`, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecFault {
    /// There is no `@`.
    #[error("expected PORT@INTERFACE, such as `1@veth1`, `2@tap:tap0` or `3@pcap:in.pcap`")]
    NoAt,
    /// The port is no number.
    #[error("expected a port number before `@`, from 0 to 4294967295, found `{0}`")]
    Number(String),
    /// There is nothing behind the `@` or the prefix.
    #[error("expected {0}")]
    NoName(&'static str),
    /// The prefix is none of ours.
    #[error(
        "unknown kind of port `{0}:`; there are `xdp:`, `tap:`, `pnet:` and `pcap:`, and the bare name of an interface"
    )]
    UnknownKind(String),
    /// The name cannot be an interface's.
    #[error("{0}")]
    Name(String),
}

impl PortSpec {
    /// Reads `PORT@WHAT`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, bare: BareName) -> Result<Self, SpecError> {
        let fail = |at: usize, fault| SpecError {
            text: text.to_owned(),
            column: 1 + text[..at].chars().count(),
            fault,
        };
        let Some((number, what)) = text.split_once('@') else { return Err(fail(0, SpecFault::NoAt)) };
        let is_decimal = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let id = match number.parse() {
            Ok(id) if is_decimal => PortId(id),
            _ => return Err(fail(0, SpecFault::Number(number.to_owned()))),
        };
        let what_at = number.len() + 1;
        let (kind, name) = match what.split_once(':') {
            Some(("tap", name)) => (PortKind::Tap, name),
            Some(("pnet", name)) => (PortKind::Datagram, name),
            Some(("pcap", name)) => (PortKind::Pcap, name),
            Some(("xdp", name)) => (PortKind::Xdp, name),
            Some(_) | None if bare == BareName::File => (PortKind::Pcap, what),
            Some((kind, _)) => return Err(fail(what_at, SpecFault::UnknownKind(kind.to_owned()))),
            None => (PortKind::AfPacket, what),
        };
        let name_at = text.len() - name.len();
        if name.is_empty() {
            let expected = if kind == PortKind::Pcap {
                "the name of a capture file"
            } else {
                "the name of an interface"
            };
            return Err(fail(name_at, SpecFault::NoName(expected)));
        }
        if kind != PortKind::Pcap
            && let Err(error) = check_name(name)
        {
            return Err(fail(name_at, SpecFault::Name(error.to_string())));
        }
        Ok(Self { id, kind, name: name.to_owned() })
    }

    /// Whether what it names is there and can be opened, as far as can be told without doing so. A TAP interface that
    /// is not there could be made, but whoever took it away had a reason.
    pub fn is_there(&self) -> bool {
        match self.kind {
            PortKind::AfPacket | PortKind::Xdp | PortKind::Tap | PortKind::Datagram => {
                Interface::find(&self.name).is_ok_and(|interface| interface.check_usable().is_ok())
            }
            PortKind::Pcap => Path::new(&self.name).exists(),
        }
    }

    /// Opens it. What a capture port sends is not recorded; [`PcapPort::open`] can.
    ///
    /// # Errors
    /// What is missing and how to mend it.
    pub fn open(&self, options: &OpenOptions) -> Result<Box<dyn Port>, OpenError> {
        let OpenOptions { queues, busy_poll } = *options;
        Ok(match self.kind {
            PortKind::Xdp => return af_xdp::open(self.id, &self.name, &XdpOptions { queues, busy_poll }),
            PortKind::AfPacket => Box::new(AfPacketPort::open(self.id, &self.name, queues)?),
            PortKind::Tap => {
                let options = TapOptions { queues, ..TapOptions::default() };
                Box::new(TapPort::open(self.id, &self.name, &options)?)
            }
            PortKind::Datagram => Box::new(DatagramPort::open(self.id, &self.name)?),
            PortKind::Pcap => Box::new(PcapPort::open(self.id, Some(Path::new(&self.name)), None)?),
        })
    }
}

impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.kind {
            PortKind::AfPacket => "",
            PortKind::Xdp => "xdp:",
            PortKind::Tap => "tap:",
            PortKind::Datagram => "pnet:",
            PortKind::Pcap => "pcap:",
        };
        write!(f, "{}@{prefix}{}", self.id, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_is_read_and_written_again() {
        for (text, id, kind, name) in [
            ("1@veth1", 1, PortKind::AfPacket, "veth1"),
            ("0@tap:tap0", 0, PortKind::Tap, "tap0"),
            ("3@xdp:veth3", 3, PortKind::Xdp, "veth3"),
            ("511@pnet:eth0", 511, PortKind::Datagram, "eth0"),
            ("4294967295@pcap:dir/in.pcap", u32::MAX, PortKind::Pcap, "dir/in.pcap"),
        ] {
            let spec = PortSpec::parse(text, BareName::Interface).unwrap();
            assert_eq!(spec, PortSpec { id: PortId(id), kind, name: name.to_owned() });
            assert_eq!(spec.to_string(), text);
        }
        let file = PortSpec::parse("2@C:in.pcap", BareName::File).unwrap();
        assert_eq!((file.kind, file.name.as_str()), (PortKind::Pcap, "C:in.pcap"));
    }

    #[test]
    fn errors_are_located() {
        for (text, expected) in [
            ("veth1", "`veth1`, column 1: expected PORT@INTERFACE, such as"),
            (
                "@veth1",
                "`@veth1`, column 1: expected a port number before `@`, from 0 to 4294967295, found ``",
            ),
            ("+1@veth1", "`+1@veth1`, column 1: expected a port number"),
            ("4294967296@veth1", "`4294967296@veth1`, column 1: expected a port number"),
            ("1@", "`1@`, column 3: expected the name of an interface"),
            ("1@pcap:", "`1@pcap:`, column 8: expected the name of a capture file"),
            ("1@dpdk:0", "`1@dpdk:0`, column 3: unknown kind of port `dpdk:`; there are"),
            ("7@xdp:", "`7@xdp:`, column 7: expected the name of an interface"),
            (
                "1@tap:a/b",
                "`1@tap:a/b`, column 7: `a/b` cannot be an interface's name: it may not hold slashes",
            ),
        ] {
            let error = PortSpec::parse(text, BareName::Interface).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", is_file: bool) {
            let bare = if is_file { BareName::File } else { BareName::Interface };
            if let Ok(spec) = PortSpec::parse(&text, bare) {
                prop_assert_eq!(PortSpec::parse(&spec.to_string(), BareName::Interface), Ok(spec));
            }
        }
    }
}
