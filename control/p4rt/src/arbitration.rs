//! Who is primary: for each role the controller with the highest election id ever seen, while it is there (section 5).
//!
//! Invariant: a role's primary is an open stream of the role, with the role's highest election id.

use std::collections::HashMap;

use heddle_p4rt_proto::rpc::{Code, Status};
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::stream_message_response::Update;

use crate::config::Config;
use crate::role::Scope;
use crate::status::Refusal;
use crate::stream::{Membership, StreamId, Streams};

/// A role that somebody has taken part in.
#[derive(Clone, Debug, Default)]
struct Role {
    highest: Option<u128>,
    primary: Option<StreamId>,
    scope: Scope,
}

/// All roles of the device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arbitration {
    roles: HashMap<String, Role>,
}

/// Roles that were numbers once go by this name.
pub(crate) fn role_name(name: &str, id: u64) -> String {
    if name.is_empty() && id != 0 { format!("#{id}") } else { name.to_owned() }
}

pub(crate) fn number(id: &v1::Uint128) -> u128 {
    u128::from(id.high) << 64 | u128::from(id.low)
}

fn message_of(number: u128) -> v1::Uint128 {
    v1::Uint128 { high: (number >> 64) as u64, low: number as u64 }
}

fn role_of(name: &str, scope: &Scope) -> Option<v1::Role> {
    if name.is_empty() && scope.given().is_none() {
        return None;
    }
    let id = name.strip_prefix('#').and_then(|id| id.parse().ok());
    Some(v1::Role {
        id: id.unwrap_or(0),
        name: if id.is_some() { String::new() } else { name.to_owned() },
        config: scope.given().cloned(),
    })
}

impl Arbitration {
    /// A controller says what it is. True if a role's primary changed.
    ///
    /// # Errors
    /// What the stream is to be ended with.
    pub(crate) fn update(
        &mut self,
        config: &Config,
        streams: &mut Streams,
        id: StreamId,
        update: &v1::MasterArbitrationUpdate,
    ) -> Result<bool, Refusal> {
        let name = update.role.as_ref().map_or_else(String::new, |role| role_name(&role.name, role.id));
        let known = streams.membership(id).cloned();
        if update.device_id != config.device_id {
            let message = format!(
                "device_id {} is not {}, the device of this stream",
                update.device_id, config.device_id
            );
            return Err(match known {
                Some(_) => {
                    Refusal::precondition(format!("{message}; open another stream for another device"))
                }
                None => Refusal::not_found(message),
            });
        }
        if let Some(known) = known.as_ref().filter(|known| known.role != name) {
            return Err(Refusal::precondition(format!(
                "the stream's role is `{}`, not `{name}`; close it and open another to change roles",
                known.role
            )));
        }
        let scope = Scope::new(update.role.as_ref().and_then(|role| role.config.as_ref()))?;
        let election_id = update.election_id.as_ref().map(number);
        let is_taken = |election_id| {
            streams
                .of_role(&name)
                .any(|(other, membership)| other != id && membership.election_id == Some(election_id))
        };
        if let Some(election_id) = election_id.filter(|election_id| is_taken(*election_id)) {
            return Err(Refusal::invalid(format!(
                "election id {election_id} is used by another live controller of role `{name}`; take another"
            )));
        }
        if known.is_none() && streams.of_role(&name).count() >= config.streams_per_role {
            return Err(Refusal::exhausted(format!(
                "role `{name}` has {} streams already, as many as it may; close one",
                config.streams_per_role
            )));
        }
        streams.set_membership(id, Membership { role: name.clone(), election_id });
        let role = self.roles.entry(name.clone()).or_default();
        if election_id.is_some() && election_id >= role.highest {
            let changed = role.primary != Some(id);
            role.highest = election_id;
            role.primary = Some(id);
            role.scope = scope;
            self.notify_all(config, streams, &name);
            return Ok(changed);
        }
        if role.primary == Some(id) {
            role.primary = None;
            self.notify_all(config, streams, &name);
            return Ok(true);
        }
        self.notify(config, streams, &name, id);
        Ok(false)
    }

    /// A controller is gone. True if it was primary.
    pub(crate) fn gone(
        &mut self,
        config: &Config,
        streams: &mut Streams,
        id: StreamId,
        membership: &Membership,
    ) -> bool {
        let Some(role) = self.roles.get_mut(&membership.role).filter(|role| role.primary == Some(id)) else {
            return false;
        };
        role.primary = None;
        self.notify_all(config, streams, &membership.role);
        true
    }

    /// Tells all of a role, its primary last.
    fn notify_all(&self, config: &Config, streams: &mut Streams, name: &str) {
        let primary = self.roles.get(name).and_then(|role| role.primary);
        let others: Vec<StreamId> =
            streams.of_role(name).map(|(id, _)| id).filter(|id| Some(*id) != primary).collect();
        for id in others.into_iter().chain(primary) {
            self.notify(config, streams, name, id);
        }
    }

    fn notify(&self, config: &Config, streams: &mut Streams, name: &str, id: StreamId) {
        let Some(role) = self.roles.get(name) else { return };
        let (code, message) = match role.primary {
            Some(primary) if primary == id => (Code::Ok, "Is primary"),
            Some(_) => (Code::AlreadyExists, "Is backup"),
            None => (Code::NotFound, "There is no primary"),
        };
        let update = v1::MasterArbitrationUpdate {
            device_id: config.device_id,
            role: role_of(name, &role.scope),
            election_id: role.highest.map(message_of),
            status: Some(Status { code: code.into(), message: message.to_owned(), details: Vec::new() }),
        };
        streams.send(id, Update::Arbitration(update));
    }

    /// Checks that a call comes from the primary of its role, and gives what the role may do.
    ///
    /// # Errors
    /// `NOT_FOUND` for a role that nobody has taken part in, `PERMISSION_DENIED` for others than the primary.
    pub(crate) fn check(&self, role: &str, election_id: Option<&v1::Uint128>) -> Result<&Scope, Refusal> {
        let Some(known) = self.roles.get(role) else {
            if role.is_empty() {
                return Err(Refusal::denied(
                    "not primary: no controller has opened a stream yet; send a MasterArbitrationUpdate first",
                ));
            }
            return Err(Refusal::not_found(format!(
                "the device has no role `{role}`; a controller makes it by arbitration"
            )));
        };
        let given = election_id.map(number);
        if known.primary.is_some() && given.is_some() && given == known.highest {
            return Ok(&known.scope);
        }
        let what = match (known.primary, given) {
            (None, _) => "there is no primary".to_owned(),
            (Some(_), None) => "no election_id is given".to_owned(),
            (Some(_), Some(given)) => format!("election_id {given} is not the primary's"),
        };
        Err(Refusal::denied(format!("not primary: {what} for role `{role}`; win the arbitration first")))
    }

    /// What the role may do that a stream is primary of.
    pub(crate) fn primary(&self, membership: &Membership, id: StreamId) -> Option<&Scope> {
        self.roles.get(&membership.role).filter(|role| role.primary == Some(id)).map(|role| &role.scope)
    }

    /// All primaries, with their roles and what those may do.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = (StreamId, &str, &Scope)> {
        self.roles.iter().filter_map(|(name, role)| Some((role.primary?, name.as_str(), &role.scope)))
    }

    /// What a role may do, if there is such a role.
    pub(crate) fn scope(&self, role: &str) -> Option<&Scope> {
        self.roles.get(role).map(|role| &role.scope)
    }
}
