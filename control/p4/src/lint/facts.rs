//! What is known of variables and headers at a place in a body.
//!
//! Facts at different places differ in few slots, however many there are: copies share all parts in which they are the
//! same, and where paths meet only the other parts are looked at.

use std::ops::Range;
use std::sync::Arc;

/// What is known of a scalar or header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Fact {
    /// Nothing that matters: a scalar with a value, a header of which nothing is known.
    #[default]
    Fine,
    /// A scalar without a value on some path.
    Unset,
    /// A header that is valid.
    Valid,
    /// A header that is not.
    Invalid,
    /// A header that is on some paths.
    Doubtful,
}

impl Fact {
    /// What holds where two paths meet.
    fn join(self, other: Fact) -> Fact {
        match (self, other) {
            (a, b) if a == b => a,
            (Fact::Unset, Fact::Fine) | (Fact::Fine, Fact::Unset) => Fact::Unset,
            // Where a header comes from elsewhere on one path, nothing is known of it behind.
            (Fact::Fine, _) | (_, Fact::Fine) => Fact::Fine,
            (_, _) => Fact::Doubtful,
        }
    }

    /// What holds where the two ways to a condition's outcome meet: nothing is known of a header that is valid on one of
    /// them.
    fn doubt_less(self, other: Fact) -> Fact {
        match self.join(other) {
            Fact::Doubtful if self != Fact::Doubtful && other != Fact::Doubtful => Fact::Fine,
            joined => joined,
        }
    }
}

const BRANCHES: usize = 16;

/// Facts of a run of slots: of as many as a node has branches, or of that many such runs.
#[derive(Clone, Debug)]
enum Node {
    Facts([Fact; BRANCHES]),
    Parts([Part; BRANCHES]),
}

/// Slots of which all are [`Fact::Fine`] need no node.
type Part = Option<Arc<Node>>;

impl Node {
    fn fine(height: u32) -> Node {
        match height {
            0 => Node::Facts([Fact::Fine; BRANCHES]),
            _ => Node::Parts(Default::default()),
        }
    }
}

/// Slots of a node's branch, if so many nodes lie below it.
fn slots_of_branch(height: u32) -> usize {
    BRANCHES.saturating_pow(height)
}

/// The facts at a place.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Whether a path leads here.
    pub(super) live: bool,
    /// Whether the packet is marked to be dropped on every path.
    pub(super) dropped: bool,
    root: Part,
    /// Nodes below the root, on every way down.
    height: u32,
}

impl Facts {
    pub(super) fn new() -> Facts {
        Facts { live: true, dropped: false, root: None, height: 0 }
    }

    /// Where no path leads.
    pub(super) fn dead() -> Facts {
        Facts { live: false, ..Facts::new() }
    }

    pub(super) fn get(&self, slot: usize) -> Fact {
        let (mut part, mut height, mut slot) = (&self.root, self.height, slot);
        while let Some(node) = part {
            let below = slots_of_branch(height);
            let branch = slot / below;
            match &**node {
                Node::Facts(facts) => return facts.get(branch).copied().unwrap_or_default(),
                Node::Parts(parts) => {
                    let Some(next) = parts.get(branch) else { break };
                    (part, height, slot) = (next, height - 1, slot % below);
                }
            }
        }
        Fact::Fine
    }

    pub(super) fn set(&mut self, slot: usize, fact: Fact) {
        if fact == Fact::Fine {
            return self.clear(slot..slot + 1);
        }
        while slot / slots_of_branch(self.height) >= BRANCHES {
            self.grow();
        }
        let (mut part, mut height, mut slot) = (&mut self.root, self.height, slot);
        loop {
            let node = Arc::make_mut(part.get_or_insert_with(|| Arc::new(Node::fine(height))));
            let below = slots_of_branch(height);
            match node {
                Node::Facts(facts) => {
                    facts[slot] = fact;
                    return;
                }
                Node::Parts(parts) => {
                    (part, height, slot) = (&mut parts[slot / below], height - 1, slot % below);
                }
            }
        }
    }

    fn grow(&mut self) {
        if let Some(root) = self.root.take() {
            let mut parts: [Part; BRANCHES] = Default::default();
            parts[0] = Some(root);
            self.root = Some(Arc::new(Node::Parts(parts)));
        }
        self.height += 1;
    }

    /// Forgets what is known of slots.
    pub(super) fn clear(&mut self, slots: Range<usize>) {
        clear(&mut self.root, self.height, slots);
    }

    /// Forgets what is known of slots from this one on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.clear(len..usize::MAX);
    }

    /// What holds where two paths meet.
    pub(super) fn join(mut self, other: Facts) -> Facts {
        self.meet(other, Fact::join);
        self
    }

    /// What holds where the two ways to a condition's outcome meet.
    pub(super) fn doubt_less(mut self, other: Facts) -> Facts {
        self.meet(other, Fact::doubt_less);
        self
    }

    /// Takes in what holds on another path that leads here. Whether anything is new by that.
    pub(super) fn absorb(&mut self, other: Facts) -> bool {
        self.meet(other, Fact::join)
    }

    /// `both` makes of equal facts the same again, so that shared parts need not be looked at.
    fn meet(&mut self, mut other: Facts, both: fn(Fact, Fact) -> Fact) -> bool {
        if !other.live {
            return false;
        }
        if !self.live {
            *self = other;
            return true;
        }
        while self.height < other.height {
            self.grow();
        }
        while other.height < self.height {
            other.grow();
        }
        let dropped = self.dropped && other.dropped;
        let changed = meet(&mut self.root, &other.root, self.height, both) | (dropped != self.dropped);
        self.dropped = dropped;
        changed
    }
}

fn clear(part: &mut Part, height: u32, slots: Range<usize>) {
    let Some(node) = part else { return };
    let below = slots_of_branch(height);
    if slots.is_empty() || slots.start / below >= BRANCHES {
        return;
    }
    if slots.start == 0 && slots.end / below >= BRANCHES {
        *part = None;
        return;
    }
    match Arc::make_mut(node) {
        Node::Facts(facts) => facts[slots.start..slots.end.min(BRANCHES)].fill(Fact::Fine),
        Node::Parts(parts) => {
            for (branch, part) in parts.iter_mut().enumerate() {
                let first = branch * below;
                let end = slots.end.saturating_sub(first).min(below);
                clear(part, height - 1, slots.start.saturating_sub(first)..end);
            }
        }
    }
}

fn meet(part: &mut Part, other: &Part, height: u32, both: fn(Fact, Fact) -> Fact) -> bool {
    match (&*part, other) {
        (None, None) => return false,
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => return false,
        _ => {}
    }
    let fine = Node::fine(height);
    let other = other.as_deref().unwrap_or(&fine);
    match (Arc::make_mut(part.get_or_insert_with(|| Arc::new(Node::fine(height)))), other) {
        (Node::Facts(facts), Node::Facts(others)) => {
            let mut changed = false;
            for (fact, other) in facts.iter_mut().zip(others) {
                let met = both(*fact, *other);
                changed |= met != *fact;
                *fact = met;
            }
            changed
        }
        (Node::Parts(parts), Node::Parts(others)) => parts
            .iter_mut()
            .zip(others)
            .fold(false, |changed, (part, other)| meet(part, other, height - 1, both) | changed),
        // Nodes of one height are of one kind.
        (Node::Facts(_), Node::Parts(_)) | (Node::Parts(_), Node::Facts(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Fact; 5] = [Fact::Fine, Fact::Unset, Fact::Valid, Fact::Invalid, Fact::Doubtful];

    /// Facts, and the same as a plain list.
    fn made(slots: usize, step: usize) -> (Facts, Vec<Fact>) {
        let mut facts = Facts::new();
        let mut plain = vec![Fact::Fine; slots];
        for slot in (0..slots).step_by(step) {
            let fact = KINDS[slot * 7 % 31 % KINDS.len()];
            facts.set(slot, fact);
            plain[slot] = fact;
        }
        (facts, plain)
    }

    fn listed(facts: &Facts, slots: usize) -> Vec<Fact> {
        (0..slots).map(|slot| facts.get(slot)).collect()
    }

    #[test]
    fn slots_keep_what_is_known_of_them() {
        for (slots, step) in [(1, 1), (16, 1), (17, 3), (300, 7), (5000, 11)] {
            let (facts, plain) = made(slots, step);
            assert_eq!(listed(&facts, slots), plain);
            assert_eq!(facts.get(slots * 20), Fact::Fine);
        }
    }

    #[test]
    fn copies_do_not_see_what_is_learnt_later() {
        let (before, plain) = made(5000, 11);
        let mut after = before.clone();
        after.set(22, Fact::Doubtful);
        after.truncate(1000);
        assert_eq!(listed(&before, 5000), plain);
        assert_eq!(after.get(22), Fact::Doubtful);
        assert_eq!(listed(&after, 5000)[23..1000], plain[23..1000]);
        assert!(listed(&after, 5000)[1000..].iter().all(|fact| *fact == Fact::Fine));
    }

    #[test]
    fn clearing_leaves_what_lies_around() {
        for range in [0..1, 5..5, 15..17, 3..400, 256..512, 0..5000, 4999..9000] {
            let (mut facts, mut plain) = made(5000, 3);
            facts.clear(range.clone());
            plain
                .iter_mut()
                .enumerate()
                .filter(|(slot, _)| range.contains(slot))
                .for_each(|(_, f)| *f = Fact::Fine);
            assert_eq!(listed(&facts, 5000), plain, "{range:?}");
        }
    }

    #[test]
    fn paths_meet_slot_by_slot() {
        for (a, b) in [((5000, 3), (40, 1)), ((40, 1), (5000, 3)), ((300, 2), (300, 5))] {
            let ((facts, plain), (other, other_plain)) = (made(a.0, a.1), made(b.0, b.1));
            let at = |list: &[Fact], slot: usize| list.get(slot).copied().unwrap_or_default();
            let wanted: Vec<Fact> =
                (0..5000).map(|slot| at(&plain, slot).join(at(&other_plain, slot))).collect();
            assert_eq!(listed(&facts.clone().join(other.clone()), 5000), wanted);
            let mut joined = facts;
            assert!(joined.absorb(other.clone()));
            assert!(!joined.absorb(other), "nothing new comes of the same path again");
            assert!(!joined.absorb(Facts::dead()));
        }
    }
}
