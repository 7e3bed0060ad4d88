//! Ports by number: what all workers know of them and may read at any time.
//!
//! Invariant: positions are dense, fixed at start, and the same for all workers.

use std::sync::atomic::{AtomicBool, Ordering};

use heddle_packet::PortId;
use heddle_ports::PortDescription;

use crate::config::PortConfig;

/// Numbers below this are found by one load.
const DENSE_NUMBERS: u32 = 1_024;

/// No port.
const NONE: u16 = u16::MAX;

/// Most ports of a switch.
pub(crate) const PORTS_MAX: usize = NONE as usize - 1;

/// All ports of a switch.
#[derive(Debug)]
pub(crate) struct PortMap {
    ports: Vec<MappedPort>,
    dense: Box<[u16]>,
    /// The others, by number.
    sparse: Vec<(u32, u16)>,
}

/// A port.
#[derive(Debug)]
pub(crate) struct MappedPort {
    pub(crate) id: PortId,
    /// None for the controller.
    pub(crate) description: Option<PortDescription>,
    pub(crate) config: PortConfig,
    up: AtomicBool,
}

impl PortMap {
    /// Maps ports to their positions.
    ///
    /// # Errors
    /// The number that two of them have.
    pub(crate) fn new(
        ports: impl IntoIterator<Item = (PortId, Option<PortDescription>, PortConfig)>,
    ) -> Result<Self, PortId> {
        let ports: Vec<_> = ports
            .into_iter()
            .map(|(id, description, config)| MappedPort {
                id,
                description,
                config,
                up: AtomicBool::new(true),
            })
            .take(PORTS_MAX)
            .collect();
        let dense_len = ports.iter().map(|port| port.id.0).filter(|&id| id < DENSE_NUMBERS).max();
        let mut dense = vec![NONE; dense_len.map_or(0, |max| max as usize + 1)].into_boxed_slice();
        let mut sparse = Vec::new();
        for (position, port) in ports.iter().enumerate() {
            match dense.get_mut(port.id.0 as usize) {
                Some(slot) if *slot == NONE => *slot = position as u16,
                Some(_) => return Err(port.id),
                None => sparse.push((port.id.0, position as u16)),
            }
        }
        sparse.sort_unstable();
        match sparse.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(PortId(pair[0].0)),
            None => Ok(Self { ports, dense, sparse }),
        }
    }

    /// Position of a port.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(&NONE) => None,
            Some(&position) => Some(usize::from(position)),
            None => {
                let found = self.sparse.binary_search_by_key(&number, |entry| entry.0).ok()?;
                Some(usize::from(self.sparse[found].1))
            }
        }
    }

    /// All of them by position.
    pub(crate) fn ports(&self) -> &[MappedPort] {
        &self.ports
    }

    /// Whether a port exists and works.
    pub(crate) fn is_up(&self, number: u32) -> bool {
        self.position(number).is_some_and(|position| self.ports[position].is_up())
    }
}

impl MappedPort {
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Marks it as gone. True the first time.
    pub(crate) fn take_down(&self) -> bool {
        self.up.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_controller(&self) -> bool {
        self.description.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(numbers: &[u32]) -> Result<PortMap, PortId> {
        PortMap::new(numbers.iter().map(|&n| (PortId(n), None, PortConfig::default())))
    }

    #[test]
    fn small_and_large_numbers_are_found() {
        let map = map(&[7, u32::MAX, 0, 5_000]).expect("distinct");
        let positions: Vec<_> =
            [7, u32::MAX, 0, 5_000, 1, 1_023, 6_000].map(|number| map.position(number)).into();
        assert_eq!(positions, [Some(0), Some(1), Some(2), Some(3), None, None, None]);
    }

    #[test]
    fn a_number_given_twice_is_refused() {
        assert_eq!(map(&[1, 2, 1]).map(|_| ()), Err(PortId(1)));
        assert_eq!(map(&[9_999, 2, 9_999]).map(|_| ()), Err(PortId(9_999)));
    }

    #[test]
    fn a_port_goes_down_once() {
        let map = map(&[3]).expect("distinct");
        assert!(map.is_up(3) && !map.is_up(4));
        assert!(map.ports()[0].take_down());
        assert!(!map.ports()[0].take_down() && !map.is_up(3));
    }
}
