//! Who is at the other end of a connection, and which roles that gives.
//!
//! Invariant: without a mapping from certificates to roles everybody who may connect may have any role; with one, a
//! client has the roles of its certificate's names, and no others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::{CertificateDer, ServerName};
use tonic::Status;
use webpki::EndEntityCert;

use super::bucket::Bucket;

/// Which roles a client has, by a DNS name of its certificate. The role without a name is the one with all rights.
#[derive(Clone, Debug, Default)]
pub struct RoleMap {
    roles: BTreeMap<String, Vec<String>>,
}

/// Why `NAME=ROLE,ROLE` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}`: expected NAME=ROLE, where NAME is a DNS name of the client's certificate; `NAME=` is the role with all rights, `NAME=*` is any"
)]
pub struct RoleMapError(String);

impl RoleMap {
    /// Adds `NAME=ROLE,ROLE...`.
    ///
    /// # Errors
    /// If it is of another form.
    pub fn add(&mut self, text: &str) -> Result<(), RoleMapError> {
        let (name, roles) = text.split_once('=').ok_or_else(|| RoleMapError(text.to_owned()))?;
        if ServerName::try_from(name).is_err() {
            return Err(RoleMapError(text.to_owned()));
        }
        let roles = roles.split(',').map(|role| role.trim().to_owned());
        self.roles.entry(name.to_ascii_lowercase()).or_default().extend(roles);
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// The roles of a client.
    pub(crate) fn of(&self, certificate: Option<&CertificateDer<'_>>) -> Roles {
        if self.roles.is_empty() {
            return Roles::Any;
        }
        let Some(certificate) = certificate.and_then(|der| EndEntityCert::try_from(der).ok()) else {
            return Roles::Some(Vec::new());
        };
        let is_for = |name: &str| {
            ServerName::try_from(name)
                .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
        };
        let roles: Vec<String> =
            self.roles.iter().filter(|(name, _)| is_for(name)).flat_map(|(_, roles)| roles.clone()).collect();
        if roles.iter().any(|role| role == "*") { Roles::Any } else { Roles::Some(roles) }
    }
}

/// The roles that a client may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roles {
    Any,
    Some(Vec<String>),
}

/// The other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) roles: Roles,
    /// What it may still call.
    pub(crate) rate: Option<Bucket>,
}

impl Peer {
    /// Refuses a role that the client does not have.
    pub(crate) fn check_role(&self, role: &str) -> Result<(), Status> {
        match &self.roles {
            Roles::Any => Ok(()),
            Roles::Some(roles) if roles.iter().any(|has| has == role) => Ok(()),
            Roles::Some(roles) => {
                let wanted = if role.is_empty() {
                    "the role with all rights".to_owned()
                } else {
                    format!("role `{role}`")
                };
                let has = match roles.as_slice() {
                    [] => "has no role".to_owned(),
                    roles => format!("has the roles `{}`", roles.join("`, `")),
                };
                Err(Status::permission_denied(format!(
                    "your certificate does not give {wanted}: it {has}; ask whoever runs the switch for --client-role"
                )))
            }
        }
    }

    /// Refuses more calls than the rate allows.
    pub(crate) fn check_rate(&self) -> Result<(), Status> {
        match &self.rate {
            Some(bucket) if !bucket.take(Instant::now()) => Err(Status::resource_exhausted(format!(
                "more than {} calls a second on one connection; slow down, or send larger batches",
                bucket.per_second()
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

/// Everybody shares what a connection's peer is.
pub(crate) type SharedPeer = Arc<Peer>;
