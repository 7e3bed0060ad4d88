//! What a role may do: its config, and the objects that a program gives to roles (section 5.2).
//!
//! The config is a [`RoleConfig`] of this switch, or Stratum's [`P4RoleConfig`]. Objects annotated `@p4runtime_role("name")` belong to that role, and to
//! the default role, which has everything.

use heddle_p4rt_proto::heddle::{PacketFilter, RoleConfig};
use heddle_p4rt_proto::prost::Message;
use heddle_p4rt_proto::stratum::P4RoleConfig;
use heddle_p4rt_proto::{Any, v1};

use crate::entity::Owner;
use crate::schema::Object;
use crate::status::Refusal;

/// The type that [`RoleConfig`] goes by.
const TYPE_NAME: &str = "heddle.v1.RoleConfig";
/// The type that [`P4RoleConfig`] goes by.
const STRATUM_NAME: &str = "stratum.P4RoleConfig";

/// What a role may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// As it was given.
    given: Option<Any>,
    /// None: everything.
    limits: Option<RoleConfig>,
    /// Ids of objects that it has beside those that the limits name.
    ids: Vec<u32>,
    /// Whether it may not set programs.
    is_kept_from_programs: bool,
}

fn decode<T: Message + Default>(name: &str, given: &Any) -> Result<T, Refusal> {
    T::decode(given.value.as_slice())
        .map_err(|error| Refusal::invalid(format!("the role's config is not a `{name}`: {error}")))
}

impl Scope {
    /// What a config allows.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a config of another scheme.
    pub(crate) fn new(config: Option<&Any>) -> Result<Scope, Refusal> {
        let Some(given) = config else { return Ok(Scope::default()) };
        let name = given.type_url.rsplit('/').next().unwrap_or_default();
        let scope = match name {
            TYPE_NAME => Scope { limits: Some(decode(name, given)?), ..Scope::default() },
            STRATUM_NAME => Scope::of_stratum(decode(name, given)?),
            _ => {
                return Err(Refusal::invalid(format!(
                    "the role's config is of type `{name}`, which this switch does not know; give a `{TYPE_NAME}` or a \
                     `{STRATUM_NAME}`, or none for full access"
                )));
            }
        };
        Ok(Scope { given: Some(given.clone()), ..scope })
    }

    /// Stratum's scheme: objects by id, packets out for all.
    fn of_stratum(config: P4RoleConfig) -> Scope {
        let filter = |filter: heddle_p4rt_proto::stratum::p4_role_config::PacketFilter| PacketFilter {
            metadata_id: filter.metadata_id,
            value: filter.value,
        };
        let limits = RoleConfig {
            packet_in: config.receives_packet_ins,
            packet_out: true,
            packet_in_filters: config.packet_in_filter.map(filter).into_iter().collect(),
            ..RoleConfig::default()
        };
        let ids = [config.exclusive_p4_ids, config.shared_p4_ids].concat();
        Scope { limits: Some(limits), ids, is_kept_from_programs: !config.can_push_pipeline, given: None }
    }

    /// Whether it may set programs.
    pub(crate) fn sets_programs(&self) -> bool {
        !self.is_kept_from_programs
    }

    pub(crate) fn given(&self) -> Option<&Any> {
        self.given.as_ref()
    }

    fn lists(&self, name: &str) -> bool {
        self.limits.as_ref().is_none_or(|limits| limits.objects.iter().any(|listed| listed == name))
    }

    /// Whether a role of this scope has an object.
    pub(crate) fn has(&self, role: &str, object: &Object) -> bool {
        let is_others = object.role.as_ref().is_some_and(|owner| !role.is_empty() && owner != role);
        let is_listed =
            self.lists(&object.name) || self.lists(&object.alias) || self.ids.contains(&object.id);
        !is_others && is_listed
    }

    /// Whether a role of this scope has what an entity belongs to.
    pub(crate) fn owns(&self, role: &str, owner: Owner<'_>) -> bool {
        match owner {
            Owner::Object(object) => self.has(role, object),
            Owner::MulticastGroups => self.lists("multicast_groups"),
            Owner::CloneSessions => self.lists("clone_sessions"),
        }
    }

    /// Whether it is given a packet.
    pub(crate) fn passes_in(&self, metadata: &[v1::PacketMetadata]) -> bool {
        self.limits
            .as_ref()
            .is_none_or(|limits| limits.packet_in && passes(&limits.packet_in_filters, metadata))
    }

    /// Whether it may send a packet.
    pub(crate) fn passes_out(&self, metadata: &[v1::PacketMetadata]) -> bool {
        self.limits
            .as_ref()
            .is_none_or(|limits| limits.packet_out && passes(&limits.packet_out_filters, metadata))
    }
}

fn passes(filters: &[PacketFilter], metadata: &[v1::PacketMetadata]) -> bool {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    filters.is_empty()
        || filters.iter().any(|filter| {
            metadata.iter().any(|field| {
                field.metadata_id == filter.metadata_id && strip(&field.value) == strip(&filter.value)
            })
        })
}
