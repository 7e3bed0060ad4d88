#![allow(unsafe_code)] // Groups and entries point to members that the writer owns.
//! Action profiles and selectors: actions with data that entries share as members, and groups that a member is picked
//! from by hash.
//!
//! Invariant: a member is freed only after every entry and group version that points to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heddle_ir::ActionId;

use crate::reclaim::Held;
use crate::update::{GroupMember, OneShotMember};
use crate::version::Versioned;

/// An action with the words of its data.
pub(crate) struct ActionData {
    pub(crate) action: ActionId,
    pub(crate) args: Box<[u64]>,
}

/// A member: what entries and groups point to while its action changes.
pub(crate) struct MemberCell {
    /// Its number; of no meaning in a one-shot group.
    pub(crate) number: u32,
    pub(crate) versions: Versioned<ActionData>,
}

/// A group: what entries point to while its members change.
pub(crate) struct GroupCell {
    /// Its number; of no meaning if it is a one-shot group.
    pub(crate) number: u32,
    pub(crate) versions: Versioned<GroupVersion>,
}

/// Whether a port works.
#[derive(Debug, Default)]
pub(crate) struct PortStatus {
    pub(crate) down: AtomicBool,
}

/// A member as a group refers to it.
pub(crate) struct Pick {
    pub(crate) member: Held<MemberCell>,
    pub(crate) weight: u32,
    pub(crate) watch: Option<Arc<PortStatus>>,
}

impl Pick {
    fn is_up(&self) -> bool {
        self.watch.as_ref().is_none_or(|port| !port.down.load(Ordering::Relaxed))
    }
}

/// The members of a group.
pub(crate) struct GroupVersion {
    picks: Box<[Pick]>,
    /// For each pick, the sum of weights up to and with it. Empty if all weights are 1.
    sums: Box<[u64]>,
    total: u64,
}

impl GroupVersion {
    /// A group of these, in the order that hashes map to.
    pub(crate) fn new(picks: Box<[Pick]>) -> GroupVersion {
        let mut total = 0;
        let mut sums: Box<[u64]> = picks
            .iter()
            .map(|pick| {
                total += u64::from(pick.weight);
                total
            })
            .collect();
        if picks.iter().all(|pick| pick.weight == 1) {
            sums = Box::default();
        }
        GroupVersion { picks, sums, total }
    }

    /// The action of the member that a hash picks, in shares by weight; of those whose watch port works.
    ///
    /// A hash whose member's port fails is spread over the others; no other hash moves.
    pub(crate) fn pick(&self, generation: u64, hash: u64) -> Option<&ActionData> {
        let at = hash.checked_rem(self.total)?;
        let index =
            if self.sums.is_empty() { at as usize } else { self.sums.partition_point(|sum| *sum <= at) };
        let picked =
            self.picks.get(index).filter(|pick| pick.is_up()).or_else(|| self.pick_up(hash / self.total));
        // SAFETY: members outlive the groups that point to them.
        picked.map(|pick| unsafe { pick.member.get() }.versions.get(generation))
    }

    /// A pick by hash among those whose port works.
    fn pick_up(&self, hash: u64) -> Option<&Pick> {
        let up = || self.picks.iter().filter(|pick| pick.is_up());
        let mut at = hash.checked_rem(up().map(|pick| u64::from(pick.weight)).sum())?;
        // A port may fail between the two passes: then the first that is up has to do.
        up().find(|pick| {
            let here = at < u64::from(pick.weight);
            at = at.saturating_sub(u64::from(pick.weight));
            here
        })
        .or_else(|| up().next())
    }
}

/// A group made for one entry alone, which owns it.
pub(crate) struct OneShot {
    /// As it was given.
    pub(crate) spec: Vec<OneShotMember>,
    pub(crate) group: Held<GroupCell>,
    pub(crate) members: Vec<Held<MemberCell>>,
}

impl Drop for OneShot {
    fn drop(&mut self) {
        // SAFETY: only the entry that owns this points to them, and it is freed after its readers are gone.
        unsafe {
            self.group.free();
            self.members.drain(..).for_each(|member| member.free());
        }
    }
}

/// What the writer knows of a profile.
#[derive(Default)]
pub(crate) struct ProfileWriter {
    pub(crate) members: BTreeMap<u32, MemberRecord>,
    pub(crate) groups: BTreeMap<u32, GroupRecord>,
    /// Members of one-shot groups, which take room as well.
    pub(crate) one_shot_members: usize,
}

/// What the writer knows of a member.
pub(crate) struct MemberRecord {
    pub(crate) cell: Held<MemberCell>,
    /// Entries and groups that point to it.
    pub(crate) users: usize,
}

/// What the writer knows of a group.
pub(crate) struct GroupRecord {
    pub(crate) cell: Held<GroupCell>,
    /// Entries that point to it.
    pub(crate) users: usize,
    pub(crate) max_size: Option<u32>,
    /// By member.
    pub(crate) members: Vec<GroupMember>,
}

impl MemberRecord {
    /// What entries and groups point to.
    pub(crate) fn cell(&self) -> &MemberCell {
        // SAFETY: freed after its record was taken out of the profile.
        unsafe { self.cell.get() }
    }
}

impl GroupRecord {
    /// What entries point to.
    pub(crate) fn cell(&self) -> &GroupCell {
        // SAFETY: freed after its record was taken out of the profile.
        unsafe { self.cell.get() }
    }
}

impl Drop for ProfileWriter {
    fn drop(&mut self) {
        // SAFETY: dropped with the state, which has no readers left; what was deleted is no longer listed.
        unsafe {
            std::mem::take(&mut self.groups).into_values().for_each(|group| group.cell.free());
            std::mem::take(&mut self.members).into_values().for_each(|member| member.cell.free());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(weights: &[u32]) -> (GroupVersion, Vec<Arc<PortStatus>>, Vec<Held<MemberCell>>) {
        let ports: Vec<Arc<PortStatus>> = weights.iter().map(|_| Arc::default()).collect();
        let members: Vec<Held<MemberCell>> = (0..weights.len() as u64)
            .map(|i| {
                let data = ActionData { action: ActionId::from_u32(0), args: Box::new([i]) };
                Held::new(MemberCell { number: i as u32, versions: Versioned::new(data) })
            })
            .collect();
        let picks = weights.iter().zip(&ports).zip(&members).map(|((weight, port), member)| Pick {
            member: *member,
            weight: *weight,
            watch: Some(Arc::clone(port)),
        });
        (GroupVersion::new(picks.collect()), ports, members)
    }

    fn histogram(group: &GroupVersion, hashes: std::ops::Range<u64>) -> Vec<u64> {
        let mut counts = vec![0; group.picks.len()];
        for hash in hashes {
            if let Some(data) = group.pick(0, hash) {
                counts[data.args[0] as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn shares_follow_weights_and_ports() {
        let (even, _, even_members) = group(&[1, 1, 1, 1]);
        assert_eq!(histogram(&even, 0..400), [100, 100, 100, 100]);
        let (weighted, ports, members) = group(&[1, 2, 5]);
        assert_eq!(histogram(&weighted, 0..800), [100, 200, 500]);
        ports[2].down.store(true, Ordering::Relaxed);
        let counts = histogram(&weighted, 0..2_400);
        assert_eq!(counts[2], 0);
        assert_eq!(counts[0] + counts[1], 2_400);
        assert!(counts[0] > 700 && counts[1] > 1_500, "{counts:?}");
        for port in &ports {
            port.down.store(true, Ordering::Relaxed);
        }
        assert_eq!(histogram(&weighted, 0..100), [0, 0, 0]);
        let (empty, _, _) = group(&[]);
        assert!(empty.pick(0, 7).is_none());
        drop((even, weighted));
        for member in members.into_iter().chain(even_members) {
            // SAFETY: the groups are gone.
            unsafe { member.free() }
        }
    }
}
