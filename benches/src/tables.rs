//! Tables of every kind, filled with as many entries as asked for, and keys that match them.
//!
//! Invariant: what is drawn depends on the kind and the size alone.

use heddle_ir::{Bits, Expr, KeyMatch, MatchKind, Place, ProgramBuilder, TableId};
use heddle_state::{ActionSpec, EntryAction, EntryKey, EntrySpec, State, Update};

/// What is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An exact key of a word.
    Exact32,
    /// A MAC address and a VLAN, exact.
    Exact60,
    /// An exact IPv6 pair of addresses, protocol and ports.
    Exact296,
    /// IPv4 prefixes, most of them of 24 bits.
    Ipv4,
    /// IPv6 prefixes, most of them of 48 bits.
    Ipv6,
    /// A virtual network and an IPv4 prefix.
    VrfIpv4,
    /// A word under one of eight masks.
    TernaryFew,
    /// A word under masks drawn at random: 300 of them.
    TernaryMany,
    /// Five-tuples of an access list: prefixes, a protocol or any, port ranges.
    AccessList,
    /// A range of ports-like numbers, none within another.
    Range,
    /// Two words, either of which may be anything.
    Optional,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 11] = [
        Kind::Exact32,
        Kind::Exact60,
        Kind::Exact296,
        Kind::Ipv4,
        Kind::Ipv6,
        Kind::VrfIpv4,
        Kind::TernaryFew,
        Kind::TernaryMany,
        Kind::AccessList,
        Kind::Range,
        Kind::Optional,
    ];

    /// What results are filed under.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Exact32 => "exact-32",
            Kind::Exact60 => "exact-48+12",
            Kind::Exact296 => "exact-296",
            Kind::Ipv4 => "lpm-32",
            Kind::Ipv6 => "lpm-128",
            Kind::VrfIpv4 => "exact-16+lpm-32",
            Kind::TernaryFew => "ternary-32-8-masks",
            Kind::TernaryMany => "ternary-32-300-masks",
            Kind::AccessList => "access-list",
            Kind::Range => "range-32",
            Kind::Optional => "optional-32+32",
        }
    }

    /// Widths and kinds of the keys.
    fn keys(self) -> &'static [(u32, MatchKind)] {
        match self {
            Kind::Exact32 => &[(32, MatchKind::Exact)],
            Kind::Exact60 => &[(48, MatchKind::Exact), (12, MatchKind::Exact)],
            Kind::Exact296 => &[
                (128, MatchKind::Exact),
                (128, MatchKind::Exact),
                (8, MatchKind::Exact),
                (16, MatchKind::Exact),
                (16, MatchKind::Exact),
            ],
            Kind::Ipv4 => &[(32, MatchKind::Lpm)],
            Kind::Ipv6 => &[(128, MatchKind::Lpm)],
            Kind::VrfIpv4 => &[(16, MatchKind::Exact), (32, MatchKind::Lpm)],
            Kind::TernaryFew | Kind::TernaryMany => &[(32, MatchKind::Ternary)],
            Kind::AccessList => &[
                (32, MatchKind::Ternary),
                (32, MatchKind::Ternary),
                (8, MatchKind::Optional),
                (16, MatchKind::Range),
                (16, MatchKind::Range),
            ],
            Kind::Range => &[(32, MatchKind::Range)],
            Kind::Optional => &[(32, MatchKind::Optional), (32, MatchKind::Optional)],
        }
    }

    fn has_priority(self) -> bool {
        self.keys().iter().any(|(_, kind)| !matches!(kind, MatchKind::Exact | MatchKind::Lpm))
    }

    /// An entry by number, with values that satisfy it.
    fn entry(self, number: u64, seed: u64) -> (Vec<KeyMatch>, Vec<Bits>) {
        let mut draw = Draw(number.wrapping_mul(2) ^ seed.rotate_left(32));
        // A bijection, so that no two numbers are the same.
        let scattered = |bits: u32| {
            let mask = (1u64 << bits) - 1;
            let mixed = (number.wrapping_mul(0x9e37_79b1) ^ seed.wrapping_mul(0x5bd1_e995)) & mask;
            (mixed ^ mixed >> (bits / 2)).wrapping_mul(0x85eb_ca6b) & mask
        };
        let exact = |width: u32, value: u128| {
            let value = Bits::new(width, value);
            (KeyMatch::Exact(value.clone()), value)
        };
        let prefix = |width: u32, value: u128, len: u32| {
            let value = Bits::new(width, value);
            let prefix = value.and(&Bits::mask_prefix(width, len));
            (KeyMatch::Lpm { value: prefix, prefix_len: len }, value)
        };
        let ternary = |width: u32, value: u128, mask: u128| {
            let (value, mask) = (Bits::new(width, value), Bits::new(width, mask));
            (KeyMatch::Ternary { value: value.and(&mask), mask }, value)
        };
        let range = |width: u32, low: u128, len: u128| {
            let (low_bits, high) = (Bits::new(width, low), Bits::new(width, low + len - 1));
            (KeyMatch::Range { low: low_bits, high }, Bits::new(width, low + len / 2))
        };
        let any = |width: u32, value: u128| (KeyMatch::Any, Bits::new(width, value));
        let pairs = match self {
            Kind::Exact32 => vec![exact(32, scattered(32).into())],
            Kind::Exact60 => vec![exact(48, scattered(48).into()), exact(12, draw.next() % 4_096)],
            Kind::Exact296 => vec![
                exact(128, draw.next() << 64 | u128::from(scattered(40))),
                exact(128, draw.next() << 64 | draw.next()),
                exact(8, 17),
                exact(16, draw.next() & 0xffff),
                exact(16, draw.next() & 0xffff),
            ],
            Kind::Ipv4 => {
                let len = if number % 8 == 7 { 32 } else { 24 };
                vec![prefix(32, u128::from(scattered(24)) << 8 | draw.next() & 0xff, len)]
            }
            Kind::Ipv6 => {
                let len = if number % 8 == 7 { 64 } else { 48 };
                let host = draw.next() & 0xffff;
                vec![prefix(128, 0x2001 << 112 | u128::from(scattered(32)) << 80 | host << 64, len)]
            }
            Kind::VrfIpv4 => {
                let value = u128::from(scattered(30));
                vec![exact(16, value & 0x3f), prefix(32, value >> 6 << 8 | draw.next() & 0xff, 24)]
            }
            Kind::TernaryFew => {
                vec![ternary(32, scattered(32).into(), 0xffff_ffff_u128 & !(1 << (3 * (number % 8))))]
            }
            Kind::TernaryMany => {
                let mut mask = Draw(number % 300);
                let mask = (mask.next() | mask.next() >> 7) & 0xffff_ffff;
                vec![ternary(32, scattered(32).into(), mask)]
            }
            Kind::AccessList => {
                let len = |draw: u128| [0, 8, 16, 20, 22, 24, 27, 28, 30, 32, 32][draw as usize % 11];
                let ip = |draw: &mut Draw, value: u64| {
                    let mask = Bits::mask_prefix(32, len(draw.next())).low_u64();
                    ternary(32, value.into(), mask.into())
                };
                let port = |draw: &mut Draw| match draw.next() % 8 {
                    0..3 => any(16, draw.next() & 0xffff),
                    3..6 => range(16, draw.next() & 0x3fff, 1),
                    6 => range(16, 1_024, 64_512),
                    _ => range(16, draw.next() & 0x7fff, 1 + (draw.next() & 0xfff)),
                };
                let source = ip(&mut draw, scattered(32));
                let destination = ternary(32, scattered(32).rotate_left(16).into(), 0xffff_ff00);
                let protocol = match draw.next() % 3 {
                    0 => any(8, 6),
                    1 => exact(8, 17),
                    _ => exact(8, 6),
                };
                vec![source, destination, protocol, port(&mut draw), port(&mut draw)]
            }
            Kind::Range => vec![range(32, u128::from(scattered(22)) << 10 | 3, 1_000)],
            Kind::Optional => match number % 3 {
                0 => vec![exact(32, scattered(32).into()), any(32, draw.next() & 0xffff_ffff)],
                1 => vec![any(32, draw.next() & 0xffff_ffff), exact(32, scattered(32).into())],
                _ => vec![exact(32, scattered(32).into()), exact(32, draw.next() & 0xffff_ffff)],
            },
        };
        pairs.into_iter().unzip()
    }
}

/// Numbers that a seed decides (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u128 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(mixed ^ mixed >> 31)
    }
}

/// Updates of one write while a table is filled.
const FILLED_AT_ONCE: usize = 4_096;
/// Changes that [`Changes`] goes round.
const CHANGES: u64 = 65_536;

/// A table with entries.
pub struct Loaded {
    /// The state that has it, for one worker.
    pub state: State,
    /// The table.
    pub table: TableId,
    kind: Kind,
    size: u64,
    action: heddle_ir::ActionId,
}

impl Loaded {
    /// A table with so many entries.
    ///
    /// # Panics
    /// If the state refuses them.
    pub fn new(kind: Kind, size: usize) -> Loaded {
        let mut builder = ProgramBuilder::new("table");
        let value = builder.var("value", 32);
        let action = builder.action("set", &[("value", value)], Vec::new());
        let vars: Vec<_> = kind.keys().iter().map(|(width, _)| builder.var("key", *width)).collect();
        let mut table = builder.table("table").action(action);
        for ((_, match_kind), var) in kind.keys().iter().zip(vars) {
            table = table.key("key", *match_kind, Expr::Read(Place::Var(var)));
        }
        let table = table.default_action(action, vec![Bits::zero(32)]).size(0).finish();
        builder.ingress(Vec::new());
        let program = heddle_ir::verify(builder.finish()).expect("a valid program");
        let state = State::new(&program, 1).expect("a small state");
        let loaded = Loaded { state, table, kind, size: size as u64, action };
        let numbers: Vec<u64> = (0..loaded.size).collect();
        for some in numbers.chunks(FILLED_AT_ONCE) {
            let inserts: Vec<Update> = some.iter().map(|n| loaded.insert(*n, 1)).collect();
            // Entries that are drawn twice are left out.
            let _ = loaded.state.write_each(&inserts);
        }
        loaded
    }

    /// Words of a key.
    pub fn key_words(&self) -> usize {
        self.kind.keys().iter().map(|(width, _)| width.div_ceil(64) as usize).sum()
    }

    /// So many keys, one after the other, each of which an entry matches.
    pub fn keys(&self, count: usize) -> Vec<u64> {
        let mut draw = Draw(self.size);
        let mut keys = Vec::with_capacity(count * self.key_words());
        for _ in 0..count {
            let number = draw.next() as u64 % self.size;
            let (_, values) = self.kind.entry(number, 1);
            keys.extend(values.iter().flat_map(|value| value.limbs()));
        }
        keys
    }

    /// What each of its entries matches.
    pub fn matches(&self) -> impl Iterator<Item = Vec<KeyMatch>> + '_ {
        (0..self.size).map(|number| self.key(number, 1).matches)
    }

    fn key(&self, number: u64, seed: u64) -> EntryKey {
        let (matches, _) = self.kind.entry(number, seed);
        let priority = self.kind.has_priority().then_some(1 + (number % 1_000) as u32);
        EntryKey { table: self.table, matches, priority }
    }

    fn insert(&self, number: u64, seed: u64) -> Update {
        let args = vec![Bits::new(32, u128::from(number & 0xffff_ffff))];
        Update::InsertEntry(EntrySpec {
            key: self.key(number, seed),
            action: EntryAction::Action(ActionSpec { action: self.action, args }),
            idle_timeout_ns: 0,
            metadata: Vec::new(),
        })
    }

    /// Entries that are not there, to be inserted and deleted again.
    pub fn changes(&self) -> Changes {
        let numbers = (0..CHANGES).map(|n| self.size + n);
        let changes = numbers.map(|n| (self.insert(n, 1), Update::DeleteEntry(self.key(n, 1)))).filter(
            |(insert, _)| match insert {
                Update::InsertEntry(spec) => self.state.entry(&spec.key).is_err(),
                _ => false,
            },
        );
        Changes { changes: changes.collect(), next: 0 }
    }
}

/// Insertions with their deletions, round and round.
pub struct Changes {
    changes: Vec<(Update, Update)>,
    next: usize,
}

impl Changes {
    /// An insertion, and the deletion that takes it back.
    ///
    /// # Panics
    /// If the table has every entry that there is.
    #[expect(clippy::should_implement_trait)] // It never ends.
    pub fn next(&mut self) -> (Update, Update) {
        self.next = (self.next + 1) % self.changes.len();
        self.changes[self.next].clone()
    }
}
