//! Why a port could not be opened, in words that say what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No interface of that name is in this network namespace.
    #[error("{name}: no such interface here; {existing}")]
    NoSuchInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        existing: Existing,
    },
    /// The interface is set down.
    #[error("{name}: the interface is down; bring it up with `ip link set {name} up`")]
    Down {
        /// Interface.
        name: String,
    },
    /// The interface carries something other than Ethernet frames.
    #[error(
        "{name}: not an Ethernet interface (hardware type {hardware_type}); attach one that carries Ethernet \
         frames, such as a veth, a TAP or a physical NIC"
    )]
    NotEthernet {
        /// Interface.
        name: String,
        /// `ARPHRD_*` of the kernel.
        hardware_type: u16,
    },
    /// The name cannot be an interface's.
    #[error("`{name}` cannot be an interface's name: {reason}")]
    Name {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The process may not do this.
    #[error(
        "{name}: {call} was not permitted; it needs {capability}: run with sudo, or grant it once with `sudo \
         setcap cap_net_raw,cap_net_admin+ep $(command -v heddle)`"
    )]
    Permission {
        /// Interface.
        name: String,
        /// Which call.
        call: &'static str,
        /// Which capability allows it.
        capability: &'static str,
    },
    /// The TAP device exists and someone else is attached to it.
    #[error(
        "{name}: the TAP device is in use by another process; stop that process, or use another name, or \
         create it with `ip tuntap add {name} mode tap multi_queue` so that several can attach"
    )]
    TapBusy {
        /// Interface.
        name: String,
    },
    /// An interface of that name exists and is no TAP device.
    #[error(
        "{name}: exists and is no TAP device; attach it as it is with `@{name}` instead of `@tap:{name}`, or \
         use another name"
    )]
    NotTap {
        /// Interface.
        name: String,
    },
    /// There is no TUN/TAP driver.
    #[error(
        "{name}: cannot open /dev/net/tun: {source}; load the driver with `modprobe tun`, or in a container \
         pass the device in (`--device /dev/net/tun`)"
    )]
    NoTapDriver {
        /// Interface.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A system call failed otherwise.
    #[error("{name}: {call} failed: {source}")]
    System {
        /// Interface or file.
        name: String,
        /// Which call.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be opened or created.
    #[error("{}: cannot {action}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `open it` or `create it`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A capture could not be read.
    #[error(transparent)]
    Capture(#[from] crate::capture::CaptureError),
}

impl OpenError {
    /// Tells a refusal from other failures of a call.
    pub(crate) fn of_call(
        name: &str,
        call: &'static str,
        capability: &'static str,
        source: io::Error,
    ) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Permission { name: name.to_owned(), call, capability },
            _ => Self::System { name: name.to_owned(), call, source },
        }
    }
}

/// The interfaces that exist, shown with the nearest name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    nearest: Option<String>,
    all: Vec<String>,
}

impl Existing {
    /// Ranks `all` by likeness to `wanted`.
    pub(crate) fn near(wanted: &str, mut all: Vec<String>) -> Self {
        all.sort();
        let nearest = all
            .iter()
            .map(|name| (distance(wanted, name), name))
            .min()
            .filter(|&(distance, name)| distance <= 2 && distance < name.len())
            .map(|(_, name)| name.clone());
        Self { nearest, all }
    }
}

impl fmt::Display for Existing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = &self.nearest {
            write!(f, "did you mean `{nearest}`? ")?;
        }
        if self.all.is_empty() {
            write!(f, "there are none in this network namespace")
        } else {
            write!(f, "there are: {}", self.all.join(", "))
        }
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let existing = Existing::near("vteh1", ["lo", "eth0", "veth1"].map(str::to_owned).to_vec());
        let error = OpenError::NoSuchInterface { name: "vteh1".to_owned(), existing };
        assert_eq!(
            error.to_string(),
            "vteh1: no such interface here; did you mean `veth1`? there are: eth0, lo, veth1"
        );
    }

    #[test]
    fn nothing_near_nothing_offered() {
        let existing = Existing::near("uplink", ["lo", "eth0"].map(str::to_owned).to_vec());
        assert_eq!(existing.to_string(), "there are: eth0, lo");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn refusal_names_the_capability_and_the_remedy() {
        let source = io::Error::from_raw_os_error(libc::EPERM);
        let error = OpenError::of_call("veth1", "socket(AF_PACKET)", "CAP_NET_RAW", source);
        let text = error.to_string();
        assert!(
            text.starts_with("veth1: socket(AF_PACKET) was not permitted; it needs CAP_NET_RAW"),
            "{text}"
        );
        assert!(text.contains("sudo setcap"), "{text}");
    }
}
