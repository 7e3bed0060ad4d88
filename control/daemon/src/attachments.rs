//! The ports of a switch: what they are attached to, and those that are gone and will come back.
//!
//! Invariant: a number and an interface are taken once each; a port that vanished keeps both until it is removed.

use std::sync::Arc;

use heddle_engine::{Engine, PortChangeError};
use heddle_packet::PortId;
use heddle_ports::spec::PortSpec;
use heddle_ports::{OpenError, Port, PortDescription};

use crate::daemon::Observer;
use crate::notice::Notice;

/// Opens what a port is attached to.
pub type Opener = Box<dyn Fn(&PortSpec) -> Result<Box<dyn Port>, OpenError> + Send>;

/// Why a port cannot be attached or removed.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The number is taken.
    #[error("port {id} is {name} already; choose another number, or remove it first")]
    NumberTaken {
        /// The number.
        id: PortId,
        /// What it is.
        name: String,
    },
    /// The interface is a port already.
    #[error("{name} is port {id} already; an interface can be one only")]
    NameTaken {
        /// The interface.
        name: String,
        /// Its number.
        id: PortId,
    },
    /// What it is attached to cannot be opened.
    #[error("port {id}")]
    Open {
        /// Which.
        id: PortId,
        /// Why not.
        #[source]
        source: OpenError,
    },
    /// The engine has no place for it, or does not know it.
    #[error(transparent)]
    Engine(#[from] PortChangeError),
}

/// The ports that were asked for.
pub struct Attachments {
    opener: Opener,
    specs: Vec<PortSpec>,
    gone: Vec<Gone>,
}

/// A port that is gone.
#[derive(Debug)]
struct Gone {
    port: PortId,
    /// What attaching it again failed with last.
    told: Option<String>,
}

impl std::fmt::Debug for Attachments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachments").field("specs", &self.specs).field("gone", &self.gone).finish()
    }
}

impl Attachments {
    /// None yet.
    pub fn new(opener: Opener) -> Self {
        Self { opener, specs: Vec::new(), gone: Vec::new() }
    }

    /// What was asked for, in the order in which it was.
    pub fn specs(&self) -> &[PortSpec] {
        &self.specs
    }

    /// Opens all of them, or none: those opened before one that fails are released again.
    pub(crate) fn open(&mut self, specs: Vec<PortSpec>) -> Result<Vec<Box<dyn Port>>, PortError> {
        let mut ports = Vec::with_capacity(specs.len());
        for spec in specs {
            self.check_free(&spec)?;
            ports.push(self.open_one(&spec)?);
            self.specs.push(spec);
        }
        Ok(ports)
    }

    fn open_one(&self, spec: &PortSpec) -> Result<Box<dyn Port>, PortError> {
        let port = (self.opener)(spec).map_err(|source| PortError::Open { id: spec.id, source })?;
        tracing::info!(port = spec.id.0, name = spec.name, "attached");
        Ok(port)
    }

    fn check_free(&self, spec: &PortSpec) -> Result<(), PortError> {
        if let Some(earlier) = self.specs.iter().find(|s| s.id == spec.id) {
            return Err(PortError::NumberTaken { id: spec.id, name: earlier.name.clone() });
        }
        if let Some(earlier) = self.specs.iter().find(|s| s.name == spec.name) {
            return Err(PortError::NameTaken { name: spec.name.clone(), id: earlier.id });
        }
        Ok(())
    }

    /// Attaches one more to the engine that runs.
    pub(crate) fn add(&mut self, engine: &Engine, spec: PortSpec) -> Result<Arc<PortDescription>, PortError> {
        self.check_free(&spec)?;
        let description = engine.attach_port(self.open_one(&spec)?)?;
        self.specs.push(spec);
        Ok(description)
    }

    /// Attaches one more, or waits until that is possible.
    pub(crate) fn add_or_await(&mut self, engine: &Engine, spec: PortSpec, observer: &mut dyn Observer) {
        let id = spec.id;
        if let Err(error) = self.add(engine, spec.clone()) {
            let error = chain(&error);
            observer.notice(&Notice::NotBack { port: id, error: &error });
            self.specs.push(spec);
            self.gone.push(Gone { port: id, told: Some(error) });
        }
    }

    /// Detaches one for good.
    pub(crate) fn remove(&mut self, engine: &Engine, port: PortId) -> Result<(), PortError> {
        let position = self.specs.iter().position(|spec| spec.id == port);
        let Some(position) = position else { return Err(PortChangeError::Unknown(port).into()) };
        match engine.detach_port(port) {
            // One that is gone may have been let go of already.
            Err(PortChangeError::Unknown(_)) if self.gone.iter().any(|gone| gone.port == port) => {}
            result => result?,
        }
        self.specs.remove(position);
        self.gone.retain(|gone| gone.port != port);
        Ok(())
    }

    /// Remembers that one is gone.
    pub(crate) fn lose(&mut self, engine: &Engine, port: PortId) {
        if let Err(error) = engine.detach_port(port) {
            tracing::warn!(%error, "what is left of a port stays");
        }
        if self.gone.iter().all(|gone| gone.port != port) {
            self.gone.push(Gone { port, told: None });
        }
    }

    /// Attaches those again whose interfaces are back.
    pub(crate) fn bring_back(&mut self, engine: &Engine, observer: &mut dyn Observer) {
        let mut gone = std::mem::take(&mut self.gone);
        gone.retain_mut(|gone| {
            let Some(spec) = self.specs.iter().find(|spec| spec.id == gone.port) else { return false };
            if !spec.is_there() {
                return true;
            }
            let attached =
                self.open_one(spec).and_then(|port| engine.attach_port(port).map_err(PortError::from));
            match attached {
                Ok(description) => {
                    observer.notice(&Notice::Attached(&description));
                    false
                }
                Err(error) => {
                    let error = chain(&error);
                    if gone.told.as_ref() != Some(&error) {
                        observer.notice(&Notice::NotBack { port: gone.port, error: &error });
                        gone.told = Some(error);
                    }
                    true
                }
            }
        });
        self.gone = gone;
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
