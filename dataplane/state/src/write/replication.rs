//! Changes of multicast groups and clone sessions.
//!
//! Invariant: what the writer lists is what the next generation sees.

use super::{Change, Transaction};
use crate::error::UpdateError;
use crate::update::{CloneSession, MulticastGroup};

impl Transaction<'_> {
    pub(super) fn create_multicast_group(&mut self, new: &MulticastGroup) -> Result<(), UpdateError> {
        if self.writer.multicast_groups.contains_key(&new.id) {
            return Err(UpdateError::Exists { what: format!("multicast group {}", new.id) });
        }
        self.begin_multicast_group(new);
        Ok(())
    }

    pub(super) fn modify_multicast_group(&mut self, new: &MulticastGroup) -> Result<(), UpdateError> {
        self.delete_multicast_group(new.id)?;
        self.begin_multicast_group(new);
        Ok(())
    }

    pub(super) fn delete_multicast_group(&mut self, id: u32) -> Result<(), UpdateError> {
        let Some(old) = self.writer.multicast_groups.remove(&id) else {
            return Err(UpdateError::NotFound { what: format!("multicast group {id}") });
        };
        old.end(self.next);
        self.log.push(Change::MulticastEnded(id, old));
        Ok(())
    }

    fn begin_multicast_group(&mut self, new: &MulticastGroup) {
        let filed = self.state.multicast_groups.insert(self.next, new.id, new.clone(), &mut self.later);
        self.writer.multicast_groups.insert(new.id, filed);
        self.log.push(Change::MulticastBegun(new.id));
    }

    pub(super) fn create_clone_session(&mut self, new: &CloneSession) -> Result<(), UpdateError> {
        if self.writer.clone_sessions.contains_key(&new.id) {
            return Err(UpdateError::Exists { what: format!("clone session {}", new.id) });
        }
        self.begin_clone_session(new);
        Ok(())
    }

    pub(super) fn modify_clone_session(&mut self, new: &CloneSession) -> Result<(), UpdateError> {
        self.delete_clone_session(new.id)?;
        self.begin_clone_session(new);
        Ok(())
    }

    pub(super) fn delete_clone_session(&mut self, id: u32) -> Result<(), UpdateError> {
        let Some(old) = self.writer.clone_sessions.remove(&id) else {
            return Err(UpdateError::NotFound { what: format!("clone session {id}") });
        };
        old.end(self.next);
        self.log.push(Change::SessionEnded(id, old));
        Ok(())
    }

    fn begin_clone_session(&mut self, new: &CloneSession) {
        let filed = self.state.clone_sessions.insert(self.next, new.id, new.clone(), &mut self.later);
        self.writer.clone_sessions.insert(new.id, filed);
        self.log.push(Change::SessionBegun(new.id));
    }
}
