//! Entities as messages, and as changes and views of the state.
//!
//! [`Decoder`] makes of an update what the state is to do, and checks all that the state does not; [`Encoder`] makes of
//! what the state shows what controllers read. A file per kind of entity has both.
//!
//! Invariant: what was written is read as it was written, but for what packets change (section 8.2).

mod action;
mod cell;
mod profile;
mod replication;
mod table;
mod tuple;
mod value;

use heddle_p4rt_proto::rpc::Code;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::update::Type;
use heddle_state::{State, Update, UpdateError};

pub(crate) use table::Sink;
pub(crate) use tuple::{matches_of, same_matches};
pub(crate) use value::digest_data;

use crate::notes::{NoteChange, Notes};
use crate::schema::{Object, Schema};
use crate::status::Refusal;
use crate::switch::Switch;
use crate::translation::Translations;

/// What an update comes to.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// For the state, all or none of them.
    pub(crate) updates: Vec<Update>,
    /// For the notes, once the state has taken its part.
    pub(crate) notes: Vec<NoteChange>,
    /// Whether cells are written that packets may be using, so that it appears by itself.
    pub(crate) writes_cells: bool,
}

impl From<Update> for Change {
    fn from(update: Update) -> Change {
        Change { updates: vec![update], ..Change::default() }
    }
}

/// What roles may be given: the object that an entity belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'a> {
    Object(&'a Object),
    MulticastGroups,
    CloneSessions,
}

/// What a switch says about ports.
pub(crate) trait Ports {
    fn has_port(&self, port: u32) -> bool;
}

/// The ports of a switch.
pub(crate) struct PortsOf<'a, S>(pub(crate) &'a S);

impl<S: Switch> Ports for PortsOf<'_, S> {
    fn has_port(&self, port: u32) -> bool {
        self.0.has_port(port)
    }
}

/// Ports that may come: what is brought back names ports before they are attached again.
pub(crate) struct AnyPort;

impl Ports for AnyPort {
    fn has_port(&self, _: u32) -> bool {
        true
    }
}

/// Makes changes of updates.
pub(crate) struct Decoder<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) translations: &'a mut Translations,
    pub(crate) state: &'a State,
    pub(crate) notes: &'a Notes,
    pub(crate) ports: &'a dyn Ports,
    pub(crate) classes_of_service: u32,
}

/// Makes messages of views.
pub(crate) struct Encoder<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) translations: &'a Translations,
    pub(crate) state: &'a State,
    pub(crate) notes: &'a Notes,
    pub(crate) now_ns: u64,
}

/// Refuses what is not a modification, for entities that are always there.
fn only_modify(kind: Type, what: &str) -> Result<(), Refusal> {
    match kind {
        Type::Modify => Ok(()),
        Type::Insert | Type::Delete => Err(Refusal::invalid(format!(
            "{what} is always there: it can be modified, not inserted or deleted"
        ))),
        Type::Unspecified => Err(unspecified()),
    }
}

fn unspecified() -> Refusal {
    Refusal::invalid("the update has no type; give INSERT, MODIFY or DELETE")
}

impl Schema {
    /// Whom an entity belongs to.
    pub(crate) fn owner(&self, entity: &Kind) -> Result<Owner<'_>, Refusal> {
        let no_table = || Refusal::invalid("the entity names no table entry; set table_entry");
        let table =
            |entry: &Option<v1::TableEntry>| self.table(entry.as_ref().ok_or_else(no_table)?.table_id);
        Ok(Owner::Object(match entity {
            Kind::ExternEntry(entry) => return Err(no_extern(entry)),
            Kind::TableEntry(entry) => &self.table(entry.table_id)?.object,
            Kind::ActionProfileMember(member) => &self.profile(member.action_profile_id)?.object,
            Kind::ActionProfileGroup(group) => &self.profile(group.action_profile_id)?.object,
            Kind::MeterEntry(entry) => &self.meter(entry.meter_id)?.object,
            Kind::DirectMeterEntry(entry) => &table(&entry.table_entry)?.object,
            Kind::CounterEntry(entry) => &self.counter(entry.counter_id)?.object,
            Kind::DirectCounterEntry(entry) => &table(&entry.table_entry)?.object,
            Kind::PacketReplicationEngineEntry(entry) => {
                return match &entry.r#type {
                    Some(v1::packet_replication_engine_entry::Type::MulticastGroupEntry(_)) => {
                        Ok(Owner::MulticastGroups)
                    }
                    Some(v1::packet_replication_engine_entry::Type::CloneSessionEntry(_)) => {
                        Ok(Owner::CloneSessions)
                    }
                    None => Err(Refusal::invalid(
                        "the replication entry is empty; set multicast_group_entry or clone_session_entry",
                    )),
                };
            }
            Kind::ValueSetEntry(entry) => &self.value_set(entry.value_set_id)?.object,
            Kind::RegisterEntry(entry) => &self.register(entry.register_id)?.object,
            Kind::DigestEntry(entry) => &self.digest(entry.digest_id)?.object,
        }))
    }
}

/// No extern of ours has entries of its own.
pub(crate) fn no_extern(entry: &v1::ExternEntry) -> Refusal {
    Refusal::unimplemented(format!(
        "extern {:#x} of type {:#x}: this switch has no externs with entries of their own; use the entities of tables, \
         counters, meters, registers and digests",
        entry.extern_id, entry.extern_type_id
    ))
}

impl Decoder<'_> {
    /// What an update comes to.
    ///
    /// # Errors
    /// What is wrong with it, as far as that can be told without applying what comes before it.
    pub(crate) fn update(&mut self, kind: Type, entity: &Kind) -> Result<Change, Refusal> {
        if kind == Type::Unspecified {
            return Err(unspecified());
        }
        match entity {
            Kind::ExternEntry(entry) => Err(no_extern(entry)),
            Kind::TableEntry(entry) => self.table_entry(kind, entry),
            Kind::ActionProfileMember(member) => self.member(kind, member),
            Kind::ActionProfileGroup(group) => self.group(kind, group),
            Kind::MeterEntry(entry) => self.meter_entry(kind, entry),
            Kind::DirectMeterEntry(entry) => self.direct_meter_entry(kind, entry),
            Kind::CounterEntry(entry) => self.counter_entry(kind, entry),
            Kind::DirectCounterEntry(entry) => self.direct_counter_entry(kind, entry),
            Kind::PacketReplicationEngineEntry(entry) => self.replication_entry(kind, entry),
            Kind::ValueSetEntry(entry) => self.value_set_entry(kind, entry),
            Kind::RegisterEntry(entry) => self.register_entry(kind, entry),
            Kind::DigestEntry(entry) => self.digest_entry(kind, entry),
        }
    }

    fn digest_entry(&mut self, kind: Type, entry: &v1::DigestEntry) -> Result<Change, Refusal> {
        let digest = self.schema.digest(entry.digest_id)?;
        let name = &digest.object.name;
        let is_there = self.notes.digests.contains_key(&entry.digest_id);
        match kind {
            Type::Insert if is_there => {
                return Err(Refusal::new(
                    Code::AlreadyExists,
                    format!("digest `{name}` is sent already; modify its configuration instead"),
                ));
            }
            Type::Modify | Type::Delete if !is_there => {
                return Err(Refusal::not_found(format!(
                    "digest `{name}` is not sent; insert its entry first"
                )));
            }
            Type::Delete => {
                return Ok(Change {
                    notes: vec![NoteChange::Digest(entry.digest_id, None)],
                    ..Change::default()
                });
            }
            Type::Unspecified | Type::Insert | Type::Modify => {}
        }
        let config = entry.config.unwrap_or_default();
        let negative = [
            ("max_timeout_ns", config.max_timeout_ns),
            ("max_list_size", i64::from(config.max_list_size)),
            ("ack_timeout_ns", config.ack_timeout_ns),
        ];
        if let Some((field, value)) = negative.into_iter().find(|(_, value)| *value < 0) {
            return Err(Refusal::invalid(format!("digest `{name}`: {field} is {value}; give 0 or more")));
        }
        Ok(Change { notes: vec![NoteChange::Digest(entry.digest_id, Some(config))], ..Change::default() })
    }
}

/// The canonical code of what the state refuses.
pub(crate) fn refusal_of(error: &UpdateError) -> Refusal {
    let code = match error {
        UpdateError::ConstTable { .. }
        | UpdateError::ConstEntry { .. }
        | UpdateError::ConstDefault { .. }
        | UpdateError::DefaultOnly { .. }
        | UpdateError::TableOnly { .. } => Code::PermissionDenied,
        UpdateError::Exists { .. } | UpdateError::Duplicate { .. } => Code::AlreadyExists,
        UpdateError::NotFound { .. } => Code::NotFound,
        UpdateError::InUse { .. } => Code::FailedPrecondition,
        UpdateError::Full { .. } | UpdateError::GroupTooLarge { .. } | UpdateError::NoMemory { .. } => {
            Code::ResourceExhausted
        }
        UpdateError::IndexOutOfRange { .. } => Code::OutOfRange,
        UpdateError::UnknownObject { .. }
        | UpdateError::UnknownAction { .. }
        | UpdateError::ArgumentCount { .. }
        | UpdateError::MatchCount { .. }
        | UpdateError::NoKeys { .. }
        | UpdateError::MatchKind { .. }
        | UpdateError::Width { .. }
        | UpdateError::PrefixTooLong { .. }
        | UpdateError::NotCanonical { .. }
        | UpdateError::EmptyRange { .. }
        | UpdateError::MissingPriority { .. }
        | UpdateError::UnwantedPriority { .. }
        | UpdateError::NeedsProfile { .. }
        | UpdateError::NoProfile { .. }
        | UpdateError::NoSelector { .. }
        | UpdateError::DuplicateMember { .. }
        | UpdateError::ZeroWeight { .. }
        | UpdateError::Direct { .. }
        | UpdateError::NoDirect { .. }
        | UpdateError::MeterRates { .. }
        | UpdateError::NoIdleTimeout { .. } => Code::InvalidArgument,
    };
    Refusal::new(code, error.to_string())
}
