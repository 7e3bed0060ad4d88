//! What a role may do: its config, and the objects that a program gives to roles (section 5.2).
//!
//! The config is a [`RoleConfig`] of this switch. Objects annotated `@p4runtime_role("name")` belong to that role, and to
//! the default role, which has everything.

use heddle_p4rt_proto::heddle::RoleConfig;
use heddle_p4rt_proto::prost::Message as _;
use heddle_p4rt_proto::{Any, v1};

use crate::entity::Owner;
use crate::schema::Object;
use crate::status::Refusal;

/// The type that [`RoleConfig`] goes by.
const TYPE_NAME: &str = "heddle.v1.RoleConfig";

/// What a role may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// As it was given.
    given: Option<Any>,
    /// None: everything.
    limits: Option<RoleConfig>,
}

impl Scope {
    /// What a config allows.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a config of another scheme.
    pub(crate) fn new(config: Option<&Any>) -> Result<Scope, Refusal> {
        let Some(given) = config else { return Ok(Scope::default()) };
        let name = given.type_url.rsplit('/').next().unwrap_or_default();
        if name != TYPE_NAME {
            return Err(Refusal::invalid(format!(
                "the role's config is of type `{name}`, which this switch does not know; give a `{TYPE_NAME}`, or none for \
                 full access"
            )));
        }
        let limits = RoleConfig::decode(given.value.as_slice()).map_err(|error| {
            Refusal::invalid(format!("the role's config is not a `{TYPE_NAME}`: {error}"))
        })?;
        Ok(Scope { given: Some(given.clone()), limits: Some(limits) })
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
        !is_others && (self.lists(&object.name) || self.lists(&object.alias))
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

fn passes(filters: &[heddle_p4rt_proto::heddle::PacketFilter], metadata: &[v1::PacketMetadata]) -> bool {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    filters.is_empty()
        || filters.iter().any(|filter| {
            metadata.iter().any(|field| {
                field.metadata_id == filter.metadata_id && strip(&field.value) == strip(&filter.value)
            })
        })
}
