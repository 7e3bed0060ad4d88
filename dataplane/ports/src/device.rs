//! Network interfaces as the kernel describes them: existence, MTU, flags, offloads, addresses.
//!
//! Invariant: everything here only asks, except [`Interface::bring_up`] and [`Interface::set_mtu`], which are
//! for interfaces that this process created, and [`set_receive_tag_offload`], whose caller puts it back.
#![allow(unsafe_code)] // ioctl(2), if_nameindex(3) and getifaddrs(3) have no safe face in the standard library.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::error::{Existing, OpenError};

/// `SIOCETHTOOL` commands that read one flag each (linux/ethtool.h).
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_GGRO: u32 = 0x2b;
/// `SIOCETHTOOL` commands that read and write a word of flags.
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
/// The device takes VLAN tags off what it receives.
const ETH_FLAG_RXVLAN: u32 = 1 << 8;
const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// An interface that existed when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index in this network namespace.
    pub index: i32,
    /// Largest frame without Ethernet header, in bytes.
    pub mtu_bytes: usize,
    /// Whether it is set up.
    pub is_up: bool,
    /// `ARPHRD_*`: 1 is Ethernet, 772 loopback.
    pub hardware_type: u16,
    /// Its Ethernet address.
    pub mac: [u8; 6],
}

/// Which offloads an interface had when it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Checksums are left to it.
    pub tx_checksum: bool,
    /// TCP segmentation is left to it.
    pub tcp_segmentation: bool,
    /// The stack segments late.
    pub generic_segmentation: bool,
    /// The stack merges what arrives.
    pub generic_receive: bool,
}

/// The names of all interfaces of this network namespace.
pub fn interface_names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: if_nameindex takes nothing and returns null or an array that ends with an entry of index zero
    // and a null name; each name is a C string. The array is freed below, once, after the last use.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return names;
        }
        let mut entry = list;
        while (*entry).if_index != 0 && !(*entry).if_name.is_null() {
            names.push(CStr::from_ptr((*entry).if_name).to_string_lossy().into_owned());
            entry = entry.add(1);
        }
        libc::if_freenameindex(list);
    }
    names
}

/// Checks that `name` can be an interface's.
///
/// # Errors
/// [`OpenError::Name`] with the rule that it breaks.
pub fn check_name(name: &str) -> Result<(), OpenError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() >= libc::IFNAMSIZ {
        "it is longer than 15 bytes"
    } else if name == "."
        || name == ".."
        || name.contains(['/', ':', '\0'])
        || name.contains(char::is_whitespace)
    {
        "it may not hold slashes, colons or blanks"
    } else {
        return Ok(());
    };
    Err(OpenError::Name { name: name.to_owned(), reason })
}

impl Interface {
    /// Looks an interface up by name.
    ///
    /// # Errors
    /// [`OpenError::NoSuchInterface`] with what there is, or what else went wrong.
    pub fn find(name: &str) -> Result<Self, OpenError> {
        check_name(name)?;
        let system = |call| move |source| OpenError::System { name: name.to_owned(), call, source };
        let Ok(c_name) = CString::new(name) else {
            return Err(OpenError::Name { name: name.to_owned(), reason: "it holds a zero byte" });
        };
        // SAFETY: c_name is a C string that outlives the call.
        let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) };
        if index == 0 {
            let existing = Existing::near(name, interface_names());
            return Err(OpenError::NoSuchInterface { name: name.to_owned(), existing });
        }
        let control = control_socket().map_err(system("socket(AF_INET)"))?;
        let mut request = Request::new(name);
        request.ask(&control, libc::SIOCGIFFLAGS).map_err(system("SIOCGIFFLAGS"))?;
        let flags = request.flags();
        request.ask(&control, libc::SIOCGIFHWADDR).map_err(system("SIOCGIFHWADDR"))?;
        let (hardware_type, mac) = request.hardware_address();
        Ok(Self {
            name: name.to_owned(),
            index: i32::try_from(index).unwrap_or(i32::MAX),
            mtu_bytes: mtu_bytes(name).map_err(system("SIOCGIFMTU"))?,
            is_up: i32::from(flags) & libc::IFF_UP != 0,
            hardware_type,
            mac,
        })
    }

    /// Refuses what cannot carry Ethernet frames now.
    ///
    /// # Errors
    /// [`OpenError::NotEthernet`] or [`OpenError::Down`].
    pub fn check_usable(&self) -> Result<(), OpenError> {
        if ![libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK].contains(&self.hardware_type) {
            return Err(OpenError::NotEthernet {
                name: self.name.clone(),
                hardware_type: self.hardware_type,
            });
        }
        if !self.is_up {
            return Err(OpenError::Down { name: self.name.clone() });
        }
        Ok(())
    }

    /// Its offloads; what the driver doesn't tell counts as off.
    pub fn offloads(&self) -> Offloads {
        let Ok(control) = control_socket() else { return Offloads::default() };
        let ask = |command| ethtool_flag(&control, &self.name, command);
        Offloads {
            tx_checksum: ask(ETHTOOL_GTXCSUM),
            tcp_segmentation: ask(ETHTOOL_GTSO),
            generic_segmentation: ask(ETHTOOL_GGSO),
            generic_receive: ask(ETHTOOL_GGRO),
        }
    }

    /// Receive queues that the driver shows in sysfs; one if it shows none.
    pub fn receive_queues(&self) -> usize {
        self.queues("rx-")
    }

    /// Transmit queues, likewise.
    pub fn transmit_queues(&self) -> usize {
        self.queues("tx-")
    }

    fn queues(&self, prefix: &str) -> usize {
        let path = format!("/sys/class/net/{}/queues", self.name);
        let Ok(entries) = std::fs::read_dir(path) else { return 1 };
        let is_one = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
        entries.flatten().filter(is_one).count().max(1)
    }

    /// The driver's name, where it tells.
    pub fn driver(&self) -> Option<String> {
        driver_of(&self.name)
    }

    /// IP addresses that the host itself has on it, link-local ones left out.
    pub fn addresses(&self) -> Vec<std::net::IpAddr> {
        addresses_of(&self.name)
    }

    /// Sets it up.
    ///
    /// # Errors
    /// What the system said.
    pub fn bring_up(&self) -> io::Result<()> {
        let control = control_socket()?;
        let mut request = Request::new(&self.name);
        request.ask(&control, libc::SIOCGIFFLAGS)?;
        let flags = i32::from(request.flags()) | libc::IFF_UP;
        // The kernel's flags word is 16 bits wide in this request.
        request.set_flags(flags as libc::c_short);
        request.ask(&control, libc::SIOCSIFFLAGS)
    }

    /// Changes its MTU.
    ///
    /// # Errors
    /// What the system said.
    pub fn set_mtu(&self, mtu_bytes: usize) -> io::Result<()> {
        let mut request = Request::new(&self.name);
        request.set_int(i32::try_from(mtu_bytes).unwrap_or(i32::MAX));
        request.ask(&control_socket()?, libc::SIOCSIFMTU)
    }
}

/// The MTU of an interface now, in bytes.
///
/// # Errors
/// What the system said.
pub fn mtu_bytes(name: &str) -> io::Result<usize> {
    mtu_bytes_through(&control_socket()?, name)
}

/// Whether an interface is there and set up.
pub(crate) fn is_up(name: &str) -> bool {
    let mut request = Request::new(name);
    let asked = control_socket().and_then(|control| request.ask(&control, libc::SIOCGIFFLAGS));
    asked.is_ok() && i32::from(request.flags()) & libc::IFF_UP != 0
}

/// As [`mtu_bytes`], through a socket that is at hand.
pub(crate) fn mtu_bytes_through(socket: &impl AsRawFd, name: &str) -> io::Result<usize> {
    let mut request = Request::new(name);
    request.ask(socket, libc::SIOCGIFMTU)?;
    Ok(usize::try_from(request.int()).unwrap_or(0))
}

/// A socket to ask questions through.
fn control_socket() -> io::Result<OwnedFd> {
    // SAFETY: socket takes no pointers; a descriptor that is not negative is ours alone.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// An `ifreq` about one interface.
pub(crate) struct Request(libc::ifreq);

impl Request {
    /// Longer names are cut; [`check_name`] comes first.
    pub(crate) fn new(name: &str) -> Self {
        // SAFETY: ifreq is plain data for which all zeros is a value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
            *to = from as libc::c_char;
        }
        Self(request)
    }

    /// Does an ioctl whose argument is an `ifreq`.
    pub(crate) fn ask(&mut self, fd: &impl AsRawFd, call: libc::Ioctl) -> io::Result<()> {
        // SAFETY: the callers pass only requests whose argument is an ifreq, which self.0 is, and whose data
        // pointer, where they use it, points to what they keep alive over the call.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), call, &raw mut self.0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(crate) fn flags(&self) -> libc::c_short {
        // SAFETY: every bit pattern of the union is a short.
        unsafe { self.0.ifr_ifru.ifru_flags }
    }

    pub(crate) fn set_flags(&mut self, flags: libc::c_short) {
        self.0.ifr_ifru.ifru_flags = flags;
    }

    fn int(&self) -> i32 {
        // SAFETY: every bit pattern of the union is an int.
        unsafe { self.0.ifr_ifru.ifru_mtu }
    }

    fn set_int(&mut self, value: i32) {
        self.0.ifr_ifru.ifru_mtu = value;
    }

    fn hardware_address(&self) -> (u16, [u8; 6]) {
        // SAFETY: every bit pattern of the union is a sockaddr, which is plain data.
        let address = unsafe { self.0.ifr_ifru.ifru_hwaddr };
        let mut mac = [0; 6];
        for (to, from) in mac.iter_mut().zip(address.sa_data) {
            *to = from as u8;
        }
        (address.sa_family, mac)
    }
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// The beginning of `struct ethtool_drvinfo`, and room for the rest of it.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

fn driver_of(name: &str) -> Option<String> {
    const ETHTOOL_GDRVINFO: u32 = 0x03;
    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    let mut request = Request::new(name);
    request.0.ifr_ifru.ifru_data = (&raw mut info).cast();
    request.ask(&control_socket().ok()?, SIOCETHTOOL).ok()?;
    CStr::from_bytes_until_nul(&info.driver).ok()?.to_str().ok().map(str::to_owned)
}

/// Has a device take VLAN tags off what it receives, or leave them. Returns whether that is a change.
///
/// # Errors
/// What the system said. A device without the offload is no error.
pub(crate) fn set_receive_tag_offload(name: &str, is_on: bool) -> io::Result<bool> {
    let control = control_socket()?;
    let mut value = EthtoolValue { command: ETHTOOL_GFLAGS, data: 0 };
    let mut request = Request::new(name);
    request.0.ifr_ifru.ifru_data = (&raw mut value).cast();
    match request.ask(&control, SIOCETHTOOL) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(false),
        outcome => outcome?,
    }
    if (value.data & ETH_FLAG_RXVLAN != 0) == is_on {
        return Ok(false);
    }
    (value.command, value.data) = (ETHTOOL_SFLAGS, value.data ^ ETH_FLAG_RXVLAN);
    request.0.ifr_ifru.ifru_data = (&raw mut value).cast();
    request.ask(&control, SIOCETHTOOL).map(|()| true)
}

fn ethtool_flag(control: &OwnedFd, name: &str, command: u32) -> bool {
    let mut value = EthtoolValue { command, data: 0 };
    let mut request = Request::new(name);
    request.0.ifr_ifru.ifru_data = (&raw mut value).cast();
    request.ask(control, SIOCETHTOOL).is_ok() && value.data != 0
}

fn addresses_of(name: &str) -> Vec<std::net::IpAddr> {
    let mut found = Vec::new();
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: getifaddrs fills in `list`, a linked list whose strings and addresses stay valid until
    // freeifaddrs, called below after the last use. A sockaddr of family AF_INET or AF_INET6 is a sockaddr_in
    // or sockaddr_in6.
    unsafe {
        if libc::getifaddrs(&raw mut list) != 0 {
            return found;
        }
        let mut entry = list;
        while let Some(item) = entry.as_ref() {
            entry = item.ifa_next;
            let Some(address) = item.ifa_addr.as_ref() else { continue };
            if CStr::from_ptr(item.ifa_name).to_bytes() != name.as_bytes() {
                continue;
            }
            match i32::from(address.sa_family) {
                libc::AF_INET => {
                    let v4 = item.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned();
                    found.push(std::net::Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into());
                }
                libc::AF_INET6 => {
                    let v6 = item.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                    let v6 = std::net::Ipv6Addr::from(v6.sin6_addr.s6_addr);
                    if !v6.is_unicast_link_local() {
                        found.push(v6.into());
                    }
                }
                _ => {}
            }
        }
        libc::freeifaddrs(list);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_are_refused_before_the_kernel_is_asked() {
        for (name, reason) in [
            ("", "it is empty"),
            ("a-name-of-16-bytes", "it is longer than 15 bytes"),
            ("a/b", "it may not hold slashes, colons or blanks"),
            ("..", "it may not hold slashes, colons or blanks"),
        ] {
            let error = Interface::find(name).unwrap_err();
            assert_eq!(error.to_string(), format!("`{name}` cannot be an interface's name: {reason}"));
        }
    }

    #[test]
    fn a_missing_interface_is_reported_with_what_there_is() {
        let error = Interface::find("no-such-if").unwrap_err();
        assert!(matches!(error, OpenError::NoSuchInterface { .. }), "{error}");
        assert!(error.to_string().contains("no such interface here; "), "{error}");
    }

    #[test]
    fn every_interface_that_is_listed_is_found() {
        // Interfaces may come and go while the test runs.
        for (name, interface) in
            interface_names().into_iter().map(|name| (name.clone(), Interface::find(&name)))
        {
            let Ok(interface) = interface else { continue };
            assert_eq!(interface.name, name);
            assert!(interface.index > 0 && interface.mtu_bytes > 0 && interface.receive_queues() > 0);
        }
    }
}
