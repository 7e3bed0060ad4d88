//! Changes of action profile members and groups.
//!
//! Invariant: the users that a record counts are the entries and groups that the next generation sees referring to
//! it.

use heddle_ir::{ActionId, Profile as Declared, ProfileId, Selector, TableId};

use super::{Change, Transaction};
use crate::error::UpdateError;
use crate::profile::{
    ActionData, GroupCell, GroupRecord, GroupVersion, MemberCell, MemberRecord, OneShot, Pick, ProfileWriter,
};
use crate::reclaim::Held;
use crate::table::argument_words;
use crate::update::{ActionSpec, GroupMember, GroupSpec, MemberSpec, OneShotMember};
use crate::version::Versioned;

fn member_of(declared: &Declared, id: u32) -> String {
    format!("member {id} of profile `{}`", declared.control.name)
}

fn group_of(declared: &Declared, id: u32) -> String {
    format!("group {id} of profile `{}`", declared.control.name)
}

/// Checks the weights of a group.
fn check_weights(
    what: &str,
    weights: impl Iterator<Item = u32>,
    selector: &Selector,
    max_size: Option<u32>,
) -> Result<(), UpdateError> {
    let mut given = 0u64;
    for weight in weights {
        if weight == 0 {
            return Err(UpdateError::ZeroWeight { what: what.to_string() });
        }
        given += u64::from(weight);
    }
    let own = (selector.max_group_size != 0).then_some(selector.max_group_size);
    let limit = [own, max_size].into_iter().flatten().min();
    match limit.map(u64::from) {
        Some(limit) if given > limit => {
            Err(UpdateError::GroupTooLarge { what: what.to_string(), given, limit })
        }
        _ => Ok(()),
    }
}

impl Transaction<'_> {
    fn profile(&self, id: ProfileId) -> Result<(&Declared, &ProfileWriter), UpdateError> {
        let declared = self.state.program.profiles.get(id);
        let writer = self.writer.profiles.get(id.as_u32() as usize);
        declared.zip(writer).ok_or(UpdateError::UnknownObject { kind: "action profile", number: id.as_u32() })
    }

    fn selector(&self, id: ProfileId) -> Result<&Selector, UpdateError> {
        let (declared, _) = self.profile(id)?;
        let no_selector = || UpdateError::NoSelector { profile: declared.control.name.clone() };
        declared.selector.as_ref().ok_or_else(no_selector)
    }

    /// What entries that refer to a member point to.
    pub(super) fn member_cell(&self, profile: ProfileId, id: u32) -> Result<Held<MemberCell>, UpdateError> {
        let (declared, writer) = self.profile(profile)?;
        let record = writer.members.get(&id);
        record.map(|r| r.cell).ok_or_else(|| UpdateError::NotFound { what: member_of(declared, id) })
    }

    /// What entries that refer to a group point to.
    pub(super) fn group_cell(&self, profile: ProfileId, id: u32) -> Result<Held<GroupCell>, UpdateError> {
        self.selector(profile)?;
        let (declared, writer) = self.profile(profile)?;
        let record = writer.groups.get(&id);
        record.map(|r| r.cell).ok_or_else(|| UpdateError::NotFound { what: group_of(declared, id) })
    }

    /// The words of an action that a table of the profile lists for its entries.
    fn member_action(&self, profile: ProfileId, spec: &ActionSpec) -> Result<ActionData, UpdateError> {
        let program = &self.state.program;
        let users = program.tables.values().filter(|t| t.profile == Some(profile));
        let allowed: Vec<ActionId> =
            users.flat_map(|t| &t.actions).filter(|a| !a.default_only).map(|a| a.action).collect();
        if !allowed.contains(&spec.action) {
            let (declared, _) = self.profile(profile)?;
            return Err(UpdateError::UnknownAction {
                table: declared.control.name.clone(),
                action: self.action_name(spec.action)?,
                allowed: self.action_names(allowed.into_iter()),
            });
        }
        Ok(ActionData { action: spec.action, args: argument_words(program, spec.action, &spec.args)? })
    }

    /// Whether so many members more have room.
    fn check_room(&self, profile: ProfileId, more: usize) -> Result<(), UpdateError> {
        let (declared, writer) = self.profile(profile)?;
        let members = writer.members.len() + writer.one_shot_members + more;
        if declared.size != 0 && members as u64 > declared.size {
            return Err(UpdateError::Full {
                kind: "action profile",
                name: declared.control.name.clone(),
                size: declared.size,
            });
        }
        Ok(())
    }

    pub(super) fn create_member(&mut self, spec: &MemberSpec) -> Result<(), UpdateError> {
        let (declared, writer) = self.profile(spec.profile)?;
        if writer.members.contains_key(&spec.id) {
            return Err(UpdateError::Exists { what: member_of(declared, spec.id) });
        }
        self.check_room(spec.profile, 1)?;
        let data = self.member_action(spec.profile, &spec.action)?;
        let cell = Held::new(MemberCell { number: spec.id, versions: Versioned::new(data) });
        if let Some(writer) = self.writer.profile(spec.profile) {
            writer.members.insert(spec.id, MemberRecord { cell, users: 0 });
        }
        self.log.push(Change::MemberCreated(spec.profile, spec.id));
        Ok(())
    }

    pub(super) fn modify_member(&mut self, spec: &MemberSpec) -> Result<(), UpdateError> {
        self.member_cell(spec.profile, spec.id)?;
        let data = self.member_action(spec.profile, &spec.action)?;
        if let Some(record) = self.writer.member(spec.profile, spec.id) {
            record.cell().versions.push(self.next, data);
        }
        self.log.push(Change::MemberPushed(spec.profile, spec.id));
        Ok(())
    }

    pub(super) fn delete_member(&mut self, profile: ProfileId, id: u32) -> Result<(), UpdateError> {
        let (declared, writer) = self.profile(profile)?;
        match writer.members.get(&id) {
            None => return Err(UpdateError::NotFound { what: member_of(declared, id) }),
            Some(record) if record.users > 0 => {
                return Err(UpdateError::InUse { what: member_of(declared, id), users: record.users });
            }
            Some(_) => {}
        }
        if let Some(record) = self.writer.profile(profile).and_then(|writer| writer.members.remove(&id)) {
            self.log.push(Change::MemberDeleted(profile, id, record));
        }
        Ok(())
    }

    /// The members of a group in the order of their numbers, checked.
    fn group_members(
        &self,
        spec: &GroupSpec,
        max_size: Option<u32>,
    ) -> Result<(Vec<GroupMember>, GroupVersion), UpdateError> {
        let selector = self.selector(spec.profile)?;
        let (declared, _) = self.profile(spec.profile)?;
        let mut members = spec.members.clone();
        members.sort_by_key(|m| m.member);
        if let Some([twice, _]) = members.array_windows().find(|[a, b]| a.member == b.member) {
            return Err(UpdateError::DuplicateMember {
                profile: declared.control.name.clone(),
                group: spec.id,
                member: twice.member,
            });
        }
        check_weights(&group_of(declared, spec.id), members.iter().map(|m| m.weight), selector, max_size)?;
        let picks = members.iter().map(|m| {
            Ok(Pick {
                member: self.member_cell(spec.profile, m.member)?,
                weight: m.weight,
                watch: m.watch_port.map(|port| self.state.port(port)),
            })
        });
        let picks = picks.collect::<Result<_, UpdateError>>()?;
        Ok((members, GroupVersion::new(picks)))
    }

    pub(super) fn create_group(&mut self, spec: &GroupSpec) -> Result<(), UpdateError> {
        let (declared, writer) = self.profile(spec.profile)?;
        if writer.groups.contains_key(&spec.id) {
            return Err(UpdateError::Exists { what: group_of(declared, spec.id) });
        }
        let (members, version) = self.group_members(spec, spec.max_size)?;
        self.writer.count_group_members(spec.profile, &members, true);
        let cell = Held::new(GroupCell { number: spec.id, versions: Versioned::new(version) });
        if let Some(writer) = self.writer.profile(spec.profile) {
            writer.groups.insert(spec.id, GroupRecord { cell, users: 0, max_size: spec.max_size, members });
        }
        self.log.push(Change::GroupCreated(spec.profile, spec.id));
        Ok(())
    }

    pub(super) fn modify_group(&mut self, spec: &GroupSpec) -> Result<(), UpdateError> {
        self.group_cell(spec.profile, spec.id)?;
        let known = self.writer.group(spec.profile, spec.id).and_then(|record| record.max_size);
        let max_size = spec.max_size.or(known);
        let (members, version) = self.group_members(spec, max_size)?;
        self.writer.count_group_members(spec.profile, &members, true);
        if let Some(record) = self.writer.group(spec.profile, spec.id) {
            record.cell().versions.push(self.next, version);
            record.max_size = max_size;
            let old = std::mem::replace(&mut record.members, members);
            self.writer.count_group_members(spec.profile, &old, false);
            self.log.push(Change::GroupPushed(spec.profile, spec.id, known, old));
        }
        Ok(())
    }

    pub(super) fn delete_group(&mut self, profile: ProfileId, id: u32) -> Result<(), UpdateError> {
        self.group_cell(profile, id)?;
        let (declared, writer) = self.profile(profile)?;
        if let Some(record) = writer.groups.get(&id)
            && record.users > 0
        {
            return Err(UpdateError::InUse { what: group_of(declared, id), users: record.users });
        }
        if let Some(record) = self.writer.profile(profile).and_then(|writer| writer.groups.remove(&id)) {
            self.writer.count_group_members(profile, &record.members, false);
            self.log.push(Change::GroupDeleted(profile, id, record));
        }
        Ok(())
    }

    /// A group for one entry alone.
    pub(super) fn one_shot(
        &self,
        table: TableId,
        profile: ProfileId,
        members: &[OneShotMember],
    ) -> Result<OneShot, UpdateError> {
        let selector = self.selector(profile)?;
        let table = self.state.program.tables.get(table).map_or("", |t| t.control.name.as_str());
        let what = format!("the one-shot group of an entry of table `{table}`");
        check_weights(&what, members.iter().map(|m| m.weight), selector, None)?;
        self.check_room(profile, members.len())?;
        let data = members.iter().map(|m| self.member_action(profile, &m.action));
        let data = data.collect::<Result<Vec<_>, _>>()?;
        let cells: Vec<Held<MemberCell>> = data
            .into_iter()
            .map(|data| Held::new(MemberCell { number: 0, versions: Versioned::new(data) }))
            .collect();
        let picks = members.iter().zip(&cells).map(|(m, cell)| Pick {
            member: *cell,
            weight: m.weight,
            watch: m.watch_port.map(|port| self.state.port(port)),
        });
        let version = GroupVersion::new(picks.collect());
        let group = Held::new(GroupCell { number: 0, versions: Versioned::new(version) });
        Ok(OneShot { spec: members.to_vec(), group, members: cells })
    }
}
