//! Members and groups of action profiles, and the rules that they share with one-shot groups (section 9.2).

use heddle_p4rt_proto::config::action_ref::Scope;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::action_profile_action_set::{ActionSelectionMode, SizeSemantics};
use heddle_p4rt_proto::v1::action_profile_group::member::WatchKind;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::update::Type;
use heddle_state::{GroupMember, GroupSpec, MemberSpec, Update};

use super::table::{Allowed, Sink};
use super::{Change, Decoder, Encoder, unspecified};
use crate::notes::NoteChange;
use crate::schema::Profile;
use crate::status::Refusal;

/// A member's share. Where the program disallows weights, all are the same.
pub(super) fn weight(profile: &Profile, place: &str, weight: i32) -> Result<u32, Refusal> {
    match (profile.weights_disallowed, u32::try_from(weight)) {
        (true, Ok(0)) => Ok(1),
        (true, _) => Err(Refusal::invalid(format!(
            "{place}: the weight is {weight}, and profile `{}` disallows weights; leave it 0",
            profile.object.name
        ))),
        (false, Ok(0) | Err(_)) => {
            Err(Refusal::invalid(format!("{place}: the weight is {weight}; it has to be at least 1")))
        }
        (false, Ok(weight)) => Ok(weight),
    }
}

/// Checks the size of a group by what the profile says that sizes count.
pub(super) fn check_size(
    profile: &Profile,
    place: &str,
    weights: impl Iterator<Item = u32>,
    limit: u32,
) -> Result<(), Refusal> {
    let weights: Vec<u32> = weights.collect();
    let limit = u64::from(limit);
    match profile.counts_members {
        Some(weight_max) => {
            if let Some(heavy) = weights.iter().find(|weight| weight_max != 0 && **weight > weight_max) {
                return Err(Refusal::invalid(format!(
                    "{place}: a member's weight is {heavy}, more than the {weight_max} that profile `{}` allows",
                    profile.object.name
                )));
            }
            let given = weights.len() as u64;
            if limit != 0 && given > limit {
                return Err(Refusal::invalid(format!(
                    "{place}: {given} members are given, more than its limit of {limit}"
                )));
            }
        }
        None => {
            let given: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            if limit != 0 && given > limit {
                return Err(Refusal::invalid(format!(
                    "{place}: the weights add up to {given}, more than its limit of {limit}"
                )));
            }
        }
    }
    Ok(())
}

impl Decoder<'_> {
    /// Checks what a one-shot group asks for beside its members (section 9.2.3).
    pub(super) fn check_action_set(
        &self,
        place: &str,
        profile: &Profile,
        set: &v1::ActionProfileActionSet,
    ) -> Result<(), Refusal> {
        if !profile.with_selector {
            return Err(Refusal::invalid(format!(
                "{place}: profile `{}` has no selector, so it has no groups; refer to a member",
                profile.object.name
            )));
        }
        if set.group_action.is_some() {
            return Err(Refusal::unimplemented(format!(
                "{place}: a group runs its members' actions only; leave group_action out"
            )));
        }
        match ActionSelectionMode::try_from(set.action_selection_mode) {
            Ok(ActionSelectionMode::DefaultModeDeterminedByActionSelector | ActionSelectionMode::Hash) => {}
            Ok(ActionSelectionMode::Random) | Err(_) => {
                return Err(Refusal::unimplemented(format!(
                    "{place}: members are picked by the selector's hash; leave action_selection_mode out, or set HASH"
                )));
            }
        }
        let own = if profile.counts_members.is_some() {
            SizeSemantics::SumOfMembers
        } else {
            SizeSemantics::SumOfWeights
        };
        match SizeSemantics::try_from(set.size_semantics) {
            Ok(SizeSemantics::DefaultSizeDeterminedByActionSelector) => {}
            Ok(given) if given == own => {}
            Ok(_) | Err(_) => {
                return Err(Refusal::unimplemented(format!(
                    "{place}: sizes are counted as profile `{}` says ({}); leave size_semantics out",
                    profile.object.name,
                    own.as_str_name()
                )));
            }
        }
        let held = self.state.profile_use(profile.ir);
        if held.members + held.groups > 0 {
            return Err(Refusal::invalid(format!(
                "{place}: profile `{}` has members or groups already, and entries with action sets cannot stand beside \
                 those; use one or the other",
                profile.object.name
            )));
        }
        Ok(())
    }

    fn check_no_one_shots(&self, profile: &Profile, place: &str) -> Result<(), Refusal> {
        if self.state.profile_use(profile.ir).one_shot_members > 0 {
            return Err(Refusal::invalid(format!(
                "{place}: the profile's tables have entries with action sets, and members and groups cannot stand beside \
                 those; use one or the other"
            )));
        }
        Ok(())
    }

    pub(super) fn member(&mut self, kind: Type, member: &v1::ActionProfileMember) -> Result<Change, Refusal> {
        let profile = self.schema.profile(member.action_profile_id)?;
        let (id, place) =
            (member.member_id, format!("member {} of profile `{}`", member.member_id, profile.object.name));
        if id == 0 {
            return Err(Refusal::invalid(format!(
                "{place}: member_id is 0 or left out; members are numbered from 1"
            )));
        }
        if kind == Type::Delete {
            return Ok(Update::DeleteMember { profile: profile.ir, id }.into());
        }
        self.check_no_one_shots(profile, &place)?;
        let Some(action) = &member.action else {
            return Err(Refusal::invalid(format!(
                "{place}: no action is given; a member is an action with data"
            )));
        };
        let (action, scope) = self.action(&place, &profile.actions, action)?;
        if scope == Scope::DefaultOnly {
            return Err(Refusal::denied(format!(
                "{place}: the action is for default entries only; choose another"
            )));
        }
        let spec = MemberSpec { profile: profile.ir, id, action };
        match kind {
            Type::Insert => Ok(Update::CreateMember(spec).into()),
            Type::Modify => Ok(Update::ModifyMember(spec).into()),
            Type::Delete | Type::Unspecified => Err(unspecified()),
        }
    }

    pub(super) fn group(&mut self, kind: Type, group: &v1::ActionProfileGroup) -> Result<Change, Refusal> {
        let profile = self.schema.profile(group.action_profile_id)?;
        let (id, place) =
            (group.group_id, format!("group {} of profile `{}`", group.group_id, profile.object.name));
        if id == 0 {
            return Err(Refusal::invalid(format!(
                "{place}: group_id is 0 or left out; groups are numbered from 1"
            )));
        }
        if !profile.with_selector {
            return Err(Refusal::invalid(format!(
                "{place}: the profile has no selector, so it has no groups"
            )));
        }
        let key = (profile.object.id, id);
        if kind == Type::Delete {
            let mut change = Change::from(Update::DeleteGroup { profile: profile.ir, id });
            change.notes.push(NoteChange::GroupSize(key, None));
            return Ok(change);
        }
        self.check_no_one_shots(profile, &place)?;
        let max_size = self.group_size(kind, profile, &place, group)?;
        let mut members: Vec<GroupMember> = Vec::with_capacity(group.members.len());
        for given in &group.members {
            let place = format!("{place}, member {}", given.member_id);
            if given.member_id == 0 {
                return Err(Refusal::invalid(format!("{place}: member_id is 0 or left out")));
            }
            if members.iter().any(|known| known.member == given.member_id) {
                return Err(Refusal::invalid(format!(
                    "{place}: it is listed twice; give it a larger weight instead"
                )));
            }
            let watch_port = match &given.watch_kind {
                Some(WatchKind::Watch(port)) => self.old_port(&place, *port)?,
                Some(WatchKind::WatchPort(port)) => self.watch_port(&place, port)?,
                None => None,
            };
            let weight = weight(profile, &place, given.weight)?;
            members.push(GroupMember { member: given.member_id, weight, watch_port });
        }
        let limit = if max_size == 0 { profile.max_group_size } else { max_size };
        check_size(profile, &place, members.iter().map(|m| m.weight), limit)?;
        // The state counts weights; what counts members has been checked here.
        let own_max = (max_size != 0 && profile.counts_members.is_none()).then_some(max_size);
        let spec = GroupSpec { profile: profile.ir, id, max_size: own_max, members };
        let update = if kind == Type::Insert { Update::CreateGroup(spec) } else { Update::ModifyGroup(spec) };
        let mut change = Change::from(update);
        if kind == Type::Insert {
            change.notes.push(NoteChange::GroupSize(key, Some(group.max_size)));
        }
        Ok(change)
    }

    /// The largest size that a group is given (section 9.2.2.1).
    fn group_size(
        &self,
        kind: Type,
        profile: &Profile,
        place: &str,
        group: &v1::ActionProfileGroup,
    ) -> Result<u32, Refusal> {
        let Ok(max_size) = u32::try_from(group.max_size) else {
            return Err(Refusal::invalid(format!("{place}: max_size is {}; give 0 or more", group.max_size)));
        };
        let before = self.notes.group_sizes.get(&(profile.object.id, group.group_id));
        if let Some(before) = before.filter(|before| kind == Type::Modify && **before != group.max_size) {
            return Err(Refusal::invalid(format!(
                "{place}: max_size is {max_size}, and the group was created with {before}; it cannot be changed"
            )));
        }
        if profile.max_group_size > 0 && max_size > profile.max_group_size {
            return Err(Refusal::invalid(format!(
                "{place}: max_size is {max_size}, more than the profile's max_group_size of {}",
                profile.max_group_size
            )));
        }
        Ok(max_size)
    }
}

impl Encoder<'_> {
    fn member_entity(&self, profile: &Profile, member: &MemberSpec) -> Kind {
        Kind::ActionProfileMember(v1::ActionProfileMember {
            action_profile_id: profile.object.id,
            member_id: member.id,
            action: Some(self.action(&member.action)),
        })
    }

    pub(crate) fn read_members(
        &self,
        request: &v1::ActionProfileMember,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        for profile in self.profiles(request.action_profile_id, allowed)? {
            match request.member_id {
                0 => self.state.members(profile.ir).iter().for_each(|m| sink(self.member_entity(profile, m))),
                id => self
                    .state
                    .member(profile.ir, id)
                    .iter()
                    .for_each(|m| sink(self.member_entity(profile, m))),
            }
        }
        Ok(())
    }

    fn profiles(&self, id: u32, allowed: &Allowed<'_>) -> Result<Vec<&Profile>, Refusal> {
        let mut found: Vec<&Profile> =
            if id == 0 { self.schema.profiles.iter().collect() } else { vec![self.schema.profile(id)?] };
        found.retain(|profile| allowed(&profile.object));
        Ok(found)
    }

    fn group_entity(&self, profile: &Profile, group: &GroupSpec) -> Kind {
        let members = group.members.iter().map(|member| v1::action_profile_group::Member {
            member_id: member.member,
            weight: match profile.weights_disallowed {
                true => 0,
                false => i32::try_from(member.weight).unwrap_or(i32::MAX),
            },
            watch_kind: member.watch_port.map(|port| WatchKind::WatchPort(self.port(port))),
        });
        Kind::ActionProfileGroup(v1::ActionProfileGroup {
            action_profile_id: profile.object.id,
            group_id: group.id,
            members: members.collect(),
            max_size: self.notes.group_sizes.get(&(profile.object.id, group.id)).copied().unwrap_or(0),
        })
    }

    pub(crate) fn read_groups(
        &self,
        request: &v1::ActionProfileGroup,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        for profile in self.profiles(request.action_profile_id, allowed)? {
            match request.group_id {
                0 => self.state.groups(profile.ir).iter().for_each(|g| sink(self.group_entity(profile, g))),
                id => {
                    self.state.group(profile.ir, id).iter().for_each(|g| sink(self.group_entity(profile, g)))
                }
            }
        }
        Ok(())
    }
}
