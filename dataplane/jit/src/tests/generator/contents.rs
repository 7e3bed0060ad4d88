//! Packets, and what is written into tables, made at random.

use heddle_ir::{ActionId, Bits, KeyMatch, MatchKind, MeterId, TableId, ValueSetId};
use heddle_state::{
    ActionSpec, EntryAction, EntryKey, EntrySpec, GroupMember, GroupSpec, MemberSpec, MeterConfig, Update,
};

use super::Generator;

impl Generator {
    /// A packet, of few different bytes.
    pub(in crate::tests) fn packet(&mut self) -> Vec<u8> {
        let len = if self.chance(20) { self.below(20) } else { self.below(400) };
        (0..len)
            .map(|_| match self.below(6) {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 0xff,
                _ => self.word() as u8,
            })
            .collect()
    }

    /// What the control plane may say. Some of it will be refused.
    pub(in crate::tests) fn updates(&mut self) -> Vec<Update> {
        let mut updates = vec![];
        for profile in [0, 1].map(heddle_ir::ProfileId::from_u32) {
            let of_profile: Vec<ActionId> = self
                .program
                .tables
                .values()
                .filter(|table| table.profile == Some(profile))
                .flat_map(|table| table.actions.iter().map(|action| action.action))
                .collect();
            if of_profile.is_empty() {
                continue;
            }
            for id in 1..4 {
                let action = self.pick(&of_profile);
                let action = ActionSpec { action, args: self.arguments(action) };
                updates.push(Update::CreateMember(MemberSpec { profile, id, action }));
            }
            for (id, members) in [(1, vec![1, 2, 3]), (2, vec![])] {
                let members: Vec<GroupMember> = members
                    .iter()
                    .map(|member| GroupMember { member: *member, weight: 1, watch_port: None })
                    .collect();
                updates.push(Update::CreateGroup(GroupSpec { profile, id, max_size: None, members }));
            }
        }
        for table in self.program.tables.keys().collect::<Vec<_>>() {
            for _ in 0..6 {
                updates.push(Update::InsertEntry(self.entry(table)));
            }
            if self.chance(30) {
                let action = self
                    .pick(&self.program.tables[table].actions.iter().map(|a| a.action).collect::<Vec<_>>());
                let action = ActionSpec { action, args: self.arguments(action) };
                updates.push(Update::SetDefault { table, action });
            }
        }
        let config = Some(MeterConfig { cir: 100, cburst: 300, pir: 200, pburst: 500, eburst: 0 });
        updates.push(Update::WriteMeter { meter: MeterId::from_u32(0), index: Some(1), config });
        let one = (0..2).map(|_| vec![KeyMatch::Exact(self.bits(8))]).collect();
        updates.push(Update::SetValueSet { value_set: ValueSetId::from_u32(0), entries: one });
        let two = (0..2)
            .map(|_| vec![self.key_match(8, MatchKind::Ternary), self.key_match(100, MatchKind::Range)]);
        let two = two.collect();
        updates.push(Update::SetValueSet { value_set: ValueSetId::from_u32(1), entries: two });
        updates
    }

    pub(super) fn key_match(&mut self, width: u32, kind: MatchKind) -> KeyMatch {
        let value = self.bits(width);
        match kind {
            MatchKind::Exact | MatchKind::Selector => KeyMatch::Exact(value),
            MatchKind::Lpm => {
                let prefix_len = self.below(width as usize + 1) as u32;
                KeyMatch::Lpm { value: value.and(&Bits::mask_prefix(width, prefix_len)), prefix_len }
            }
            MatchKind::Ternary => {
                let mask = self.bits(width);
                KeyMatch::Ternary { value: value.and(&mask), mask }
            }
            MatchKind::Range => {
                let other = self.bits(width);
                let in_order = value.cmp_unsigned(&other).is_le();
                let (low, high) = if in_order { (value, other) } else { (other, value) };
                KeyMatch::Range { low, high }
            }
            MatchKind::Optional if self.chance(50) => KeyMatch::Any,
            MatchKind::Optional => KeyMatch::Exact(value),
        }
    }

    pub(super) fn entry(&mut self, table: TableId) -> EntrySpec {
        let declared = self.program.tables[table].clone();
        let keys = declared.keys.iter().filter(|key| key.kind != MatchKind::Selector);
        let matches = keys.clone().map(|key| self.key_match(key.width, key.kind)).collect();
        let ranked = keys.clone().any(|key| needs_priority(key.kind));
        let priority = ranked.then(|| 1 + self.below(5) as u32);
        let action = match declared.profile {
            Some(_) => match self.below(4) {
                0 | 1 => EntryAction::Member(1 + self.below(3) as u32),
                _ => EntryAction::Group(1 + self.below(2) as u32),
            },
            None => {
                let action = declared.actions[self.below(declared.actions.len())].action;
                EntryAction::Action(ActionSpec { action, args: self.arguments(action) })
            }
        };
        let key = EntryKey { table, matches, priority };
        EntrySpec { key, action, idle_timeout_ns: 0, metadata: vec![] }
    }
}

/// Whether entries have priorities for keys of a kind.
pub(super) fn needs_priority(kind: MatchKind) -> bool {
    matches!(kind, MatchKind::Ternary | MatchKind::Range | MatchKind::Optional)
}
