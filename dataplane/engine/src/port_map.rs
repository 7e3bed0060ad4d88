//! Ports by number: what all workers know of them and may read at any time.
//!
//! Invariant: positions are dense, their number fixed at start, and the same for all workers. A position that has
//! been given to a port's number stays that number's.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
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
    dense: Box<[AtomicU16]>,
    /// The others, by number.
    sparse: Vec<(u32, u16)>,
    /// The first position that was vacant at start.
    spare_from: usize,
}

/// A port.
#[derive(Debug)]
pub(crate) struct MappedPort {
    /// None while the position is vacant.
    id: OnceLock<PortId>,
    is_controller: bool,
    /// None for the controller, and where no port is.
    description: ArcSwapOption<PortDescription>,
    pub(crate) config: PortConfig,
    attached: AtomicBool,
    /// Whether something answers at the other end, as far as anybody has said.
    link: AtomicBool,
}

impl PortMap {
    /// Maps ports to their positions, and leaves room for others.
    ///
    /// # Errors
    /// The number that two of them have.
    pub(crate) fn new(
        ports: impl IntoIterator<Item = (PortId, Option<PortDescription>, PortConfig)>,
        spare: usize,
        spare_config: PortConfig,
    ) -> Result<Self, PortId> {
        let mut ports: Vec<_> = ports
            .into_iter()
            .map(|(id, description, config)| MappedPort {
                id: OnceLock::from(id),
                is_controller: description.is_none(),
                description: ArcSwapOption::from_pointee(description),
                config,
                attached: AtomicBool::new(true),
                link: AtomicBool::new(true),
            })
            .take(PORTS_MAX)
            .collect();
        let ids: Vec<_> = ports.iter().filter_map(MappedPort::id).collect();
        let dense_len = match spare {
            0 => ids.iter().map(|id| id.0).filter(|&id| id < DENSE_NUMBERS).max().map_or(0, |max| max + 1),
            _ => DENSE_NUMBERS,
        };
        let dense: Box<[_]> = (0..dense_len).map(|_| AtomicU16::new(NONE)).collect();
        let mut sparse = Vec::new();
        for (position, id) in ids.into_iter().enumerate() {
            match dense.get(id.0 as usize) {
                Some(slot) if slot.swap(position as u16, Ordering::Relaxed) != NONE => return Err(id),
                Some(_) => {}
                None => sparse.push((id.0, position as u16)),
            }
        }
        sparse.sort_unstable();
        if let Some(pair) = sparse.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(PortId(pair[0].0));
        }
        let spare_from = ports.len();
        ports.extend((0..spare.min(PORTS_MAX - spare_from)).map(|_| MappedPort {
            id: OnceLock::new(),
            is_controller: false,
            description: ArcSwapOption::empty(),
            config: spare_config,
            attached: AtomicBool::new(false),
            link: AtomicBool::new(true),
        }));
        Ok(Self { ports, dense, sparse, spare_from })
    }

    /// Position of a port.
    #[inline]
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize).map(|position| position.load(Ordering::Acquire)) {
            Some(NONE) => None,
            Some(position) => Some(usize::from(position)),
            None => match self.sparse.binary_search_by_key(&number, |entry| entry.0) {
                Ok(found) => Some(usize::from(self.sparse[found].1)),
                // Numbers that came later are few, and large ones hardly ever among them.
                Err(_) => {
                    let mut spare = self.ports.iter().enumerate().skip(self.spare_from);
                    let is_it = |port: &MappedPort| port.id() == Some(PortId(number));
                    spare.find(|(_, port)| is_it(port)).map(|(position, _)| position)
                }
            },
        }
    }

    /// The position of a number, a vacant one if it has none yet. Only one caller at a time.
    pub(crate) fn occupy(&self, id: PortId) -> Option<usize> {
        if let Some(position) = self.position(id.0) {
            return Some(position);
        }
        let position = self.ports.iter().position(|port| port.id.get().is_none())?;
        self.ports[position].id.set(id).ok()?;
        if let Some(slot) = self.dense.get(id.0 as usize) {
            slot.store(position as u16, Ordering::Release);
        }
        Some(position)
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
    /// Its number; none while the position is vacant.
    pub(crate) fn id(&self) -> Option<PortId> {
        self.id.get().copied()
    }

    /// What attaching it did.
    pub(crate) fn description(&self) -> Option<Arc<PortDescription>> {
        self.description.load_full()
    }

    /// Notes what attaching it again did.
    pub(crate) fn describe(&self, description: PortDescription) {
        self.description.store(Some(Arc::new(description)));
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::SeqCst)
    }

    /// Whether it is attached and has a link.
    pub(crate) fn is_up(&self) -> bool {
        self.is_attached() && self.link.load(Ordering::SeqCst)
    }

    /// Marks it as attached. True the first time.
    pub(crate) fn bring_up(&self) -> bool {
        !self.attached.swap(true, Ordering::SeqCst)
    }

    /// Marks it as gone. True the first time.
    pub(crate) fn take_down(&self) -> bool {
        self.attached.swap(false, Ordering::SeqCst)
    }

    /// Notes whether it has a link. True if that is new.
    pub(crate) fn set_link(&self, has_link: bool) -> bool {
        self.link.swap(has_link, Ordering::SeqCst) != has_link
    }

    pub(crate) fn is_controller(&self) -> bool {
        self.is_controller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(numbers: &[u32]) -> Result<PortMap, PortId> {
        PortMap::new(
            numbers.iter().map(|&n| (PortId(n), None, PortConfig::default())),
            2,
            PortConfig::default(),
        )
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
    fn later_numbers_take_vacant_positions_for_good() {
        let map = map(&[7]).expect("distinct");
        assert_eq!((map.position(9), map.occupy(PortId(9))), (None, Some(1)));
        assert_eq!((map.occupy(PortId(70_000)), map.occupy(PortId(8))), (Some(2), None));
        assert_eq!([7, 9, 70_000, 8].map(|number| map.position(number)), [Some(0), Some(1), Some(2), None]);
        assert_eq!((map.occupy(PortId(7)), map.occupy(PortId(9))), (Some(0), Some(1)));
        assert!(!map.is_up(9) && map.ports()[1].bring_up() && !map.ports()[1].bring_up() && map.is_up(9));
    }

    #[test]
    fn a_port_goes_down_once() {
        let map = map(&[3]).expect("distinct");
        assert!(map.is_up(3) && !map.is_up(4));
        assert!(map.ports()[0].take_down());
        assert!(!map.ports()[0].take_down() && !map.is_up(3));
    }

    #[test]
    fn a_port_without_a_link_is_attached_and_does_not_work() {
        let map = map(&[3]).expect("distinct");
        let port = &map.ports()[0];
        assert!(port.set_link(false) && !port.set_link(false) && !map.is_up(3) && port.is_attached());
        assert!(port.take_down() && port.bring_up() && !map.is_up(3));
        assert!(port.set_link(true) && map.is_up(3));
    }
}
