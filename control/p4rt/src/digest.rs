//! Digests: gathered in lists, sent once, and not again before they are acknowledged or their time is out (section 9.8).
//!
//! Invariant: no digest is in a buffer that is in the same buffer, or in a list that is neither acknowledged nor out of
//! time.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use heddle_ir::Bits;
use heddle_p4rt_proto::v1::digest_entry::Config;

/// Digests of a list that has no limit of its own.
const LIST_MAX: usize = 1_024;
/// Digests that are remembered as sent; older lists are forgotten first.
const CACHE_MAX: usize = 65_536;

/// What a digest carries.
pub(crate) type Values = Vec<Bits>;

#[derive(Debug, Default)]
struct Sent {
    list_id: u64,
    sent_ns: u64,
    values: Vec<Values>,
}

#[derive(Debug, Default)]
struct Digests {
    config: Config,
    buffer: Vec<Values>,
    /// What is in the buffer or in the cache.
    known: HashSet<Values>,
    /// When the buffer's first came.
    since_ns: u64,
    /// Lists that are not acknowledged, oldest first.
    cache: VecDeque<Sent>,
}

/// A list that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) digest_id: u32,
    pub(crate) list_id: u64,
    pub(crate) values: Vec<Values>,
}

/// All digests that are sent, by id.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    digests: BTreeMap<u32, Digests>,
    next_list: u64,
}

fn nanoseconds(given: i64) -> u64 {
    u64::try_from(given).unwrap_or(0)
}

impl Lists {
    /// Goes by what is configured now. Digests that are sent no more are forgotten.
    pub(crate) fn configure(&mut self, configs: &HashMap<u32, Config>) {
        self.digests.retain(|id, _| configs.contains_key(id));
        for (id, config) in configs {
            self.digests.entry(*id).or_default().config = *config;
        }
    }

    /// A digest was made. A list, if it is time for one.
    pub(crate) fn add(&mut self, now_ns: u64, digest_id: u32, values: Values) -> Option<List> {
        let digests = self.digests.get_mut(&digest_id)?;
        if !digests.known.insert(values.clone()) {
            return None;
        }
        if digests.buffer.is_empty() {
            digests.since_ns = now_ns;
        }
        digests.buffer.push(values);
        let wanted = usize::try_from(digests.config.max_list_size).unwrap_or(0);
        let is_full = digests.buffer.len() >= if wanted == 0 { LIST_MAX } else { wanted };
        (is_full || digests.config.max_timeout_ns <= 0).then(|| self.list(now_ns, digest_id)).flatten()
    }

    fn list(&mut self, now_ns: u64, digest_id: u32) -> Option<List> {
        let digests = self.digests.get_mut(&digest_id)?;
        let values = std::mem::take(&mut digests.buffer);
        self.next_list += 1;
        let list_id = self.next_list;
        if digests.config.ack_timeout_ns <= 0 {
            digests.forget(&values);
        } else {
            digests.cache.push_back(Sent { list_id, sent_ns: now_ns, values: values.clone() });
            while digests.known.len() > CACHE_MAX && digests.forget_oldest() {}
        }
        Some(List { digest_id, list_id, values })
    }

    /// A list has arrived.
    pub(crate) fn acknowledge(&mut self, digest_id: u32, list_id: u64) {
        let Some(digests) = self.digests.get_mut(&digest_id) else { return };
        if let Some(at) = digests.cache.iter().position(|sent| sent.list_id == list_id)
            && let Some(sent) = digests.cache.remove(at)
        {
            digests.forget(&sent.values);
        }
    }

    /// Lists whose time has come; lists that were not acknowledged in time are forgotten.
    pub(crate) fn due(&mut self, now_ns: u64) -> Vec<List> {
        let mut due = Vec::new();
        for (id, digests) in &mut self.digests {
            let limit_ns = nanoseconds(digests.config.ack_timeout_ns);
            while digests.cache.front().is_some_and(|sent| now_ns.saturating_sub(sent.sent_ns) >= limit_ns) {
                digests.forget_oldest();
            }
            if digests.flush_ns().is_some_and(|flush_ns| flush_ns <= now_ns) {
                due.push(*id);
            }
        }
        due.into_iter().filter_map(|id| self.list(now_ns, id)).collect()
    }

    /// When [`Lists::due`] has something to do.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        let times = self.digests.values().flat_map(|digests| {
            let forget = digests.cache.front();
            let forget =
                forget.map(|sent| sent.sent_ns.saturating_add(nanoseconds(digests.config.ack_timeout_ns)));
            digests.flush_ns().into_iter().chain(forget)
        });
        times.min()
    }

    /// Whoever was sent lists is not there any more: the next may be sent all of it again.
    pub(crate) fn forget_sent(&mut self) {
        self.digests.values_mut().for_each(|digests| while digests.forget_oldest() {});
    }
}

impl Digests {
    fn flush_ns(&self) -> Option<u64> {
        (!self.buffer.is_empty())
            .then(|| self.since_ns.saturating_add(nanoseconds(self.config.max_timeout_ns)))
    }

    fn forget(&mut self, all: &[Values]) {
        for values in all {
            self.known.remove(values);
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(sent) = self.cache.pop_front() else { return false };
        self.forget(&sent.values);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(number: u128) -> Values {
        vec![Bits::new(48, number)]
    }

    fn lists(max_timeout_ns: i64, max_list_size: i32, ack_timeout_ns: i64) -> Lists {
        let mut lists = Lists::default();
        let config = Config { max_timeout_ns, max_list_size, ack_timeout_ns };
        lists.configure(&HashMap::from([(7, config)]));
        lists
    }

    #[test]
    fn a_list_goes_out_when_it_is_full_or_its_time_is_out() {
        let mut lists = lists(100, 2, 1_000);
        assert_eq!(lists.add(10, 7, value(1)), None);
        assert_eq!(lists.next_ns(), Some(110));
        assert_eq!(lists.add(20, 7, value(1)), None, "it is in the buffer already");
        let list = lists.add(30, 7, value(2)).expect("full");
        assert_eq!((list.list_id, list.values), (1, vec![value(1), value(2)]));
        assert_eq!(lists.add(40, 7, value(3)), None);
        assert!(lists.due(139).is_empty());
        assert_eq!(lists.due(140).len(), 1);
    }

    #[test]
    fn what_was_sent_is_not_sent_again_before_it_is_acknowledged_or_late() {
        let mut lists = lists(0, 0, 1_000);
        let list = lists.add(0, 7, value(1)).expect("at once");
        assert_eq!(lists.add(1, 7, value(1)), None);
        lists.acknowledge(7, list.list_id + 1);
        assert_eq!(lists.add(2, 7, value(1)), None, "another list was acknowledged");
        lists.acknowledge(7, list.list_id);
        assert!(lists.add(3, 7, value(1)).is_some());
        assert_eq!(lists.next_ns(), Some(1_003));
        assert!(lists.due(1_003).is_empty());
        assert!(lists.add(1_004, 7, value(1)).is_some(), "late");
        lists.forget_sent();
        assert!(lists.add(1_005, 7, value(1)).is_some(), "nobody has it");
    }

    #[test]
    fn without_a_time_for_acknowledgement_nothing_is_remembered() {
        let mut lists = lists(0, 1, 0);
        assert!(lists.add(0, 7, value(1)).is_some());
        assert!(lists.add(0, 7, value(1)).is_some());
        assert_eq!(lists.add(0, 8, value(1)), None, "not configured");
    }
}
