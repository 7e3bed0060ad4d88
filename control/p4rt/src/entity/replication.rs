//! Multicast groups, clone sessions and value sets, and the ports that entities name (sections 9.5, 9.6 and 18.1.5).

use heddle_ir::Bits;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::packet_replication_engine_entry::Type as Replication;
use heddle_p4rt_proto::v1::replica::PortKind;
use heddle_p4rt_proto::v1::update::Type;
use heddle_state::{BackupReplica, CloneSession, MulticastGroup, Replica, Update};

use super::table::{Allowed, Sink};
use super::{Change, Decoder, Encoder, matches_of, only_modify, same_matches, unspecified};
use crate::notes::{NoteChange, PortKinds};
use crate::schema::ValueSet;
use crate::status::Refusal;

/// What replicas have as their number (the program's field has 16 bits).
const INSTANCE_MAX: u32 = u16::MAX as u32;

impl Decoder<'_> {
    /// A port as controllers write it.
    fn port(&mut self, place: &str, bytes: &[u8]) -> Result<u32, Refusal> {
        let coding = self.translations.port();
        let port = self.translations.decode(coding, u32::BITS, bytes).map_err(|refusal| refusal.at(place))?;
        Ok(port.low_u64() as u32)
    }

    /// The port that a member watches; none if it watches none.
    pub(super) fn watch_port(&mut self, place: &str, bytes: &[u8]) -> Result<Option<u32>, Refusal> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let port = self.port(&format!("{place}, watch_port"), bytes)?;
        self.existing(place, port).map(Some)
    }

    /// The same by the number of old.
    pub(super) fn old_port(&self, place: &str, port: i32) -> Result<Option<u32>, Refusal> {
        match u32::try_from(port) {
            Ok(0) => Ok(None),
            Ok(port) => self.existing(place, port).map(Some),
            Err(_) => Err(Refusal::invalid(format!("{place}: the watched port {port} is negative"))),
        }
    }

    fn existing(&self, place: &str, port: u32) -> Result<u32, Refusal> {
        match self.ports.has_port(port) {
            true => Ok(port),
            false => Err(Refusal::invalid(format!(
                "{place}: the switch has no port {port} to watch; attach it first"
            ))),
        }
    }

    pub(super) fn replication_entry(
        &mut self,
        kind: Type,
        entry: &v1::PacketReplicationEngineEntry,
    ) -> Result<Change, Refusal> {
        match &entry.r#type {
            Some(Replication::MulticastGroupEntry(group)) => self.multicast_group(kind, group),
            Some(Replication::CloneSessionEntry(session)) => self.clone_session(kind, session),
            None => Err(Refusal::invalid(
                "the replication entry is empty; set multicast_group_entry or clone_session_entry",
            )),
        }
    }

    fn multicast_group(&mut self, kind: Type, group: &v1::MulticastGroupEntry) -> Result<Change, Refusal> {
        let id = group.multicast_group_id;
        let place = format!("multicast group {id}");
        if id == 0 {
            return Err(Refusal::invalid("multicast_group_id is 0 or left out; groups are numbered from 1"));
        }
        if kind == Type::Delete {
            let mut change = Change::from(Update::DeleteMulticastGroup(id));
            change.notes.push(NoteChange::Multicast(id, None));
            return Ok(change);
        }
        let (replicas, kinds) = self.replicas(&place, &group.replicas)?;
        let spec = MulticastGroup { id, replicas };
        let mut change = Change::from(match kind {
            Type::Insert => Update::CreateMulticastGroup(spec),
            Type::Modify => Update::ModifyMulticastGroup(spec),
            Type::Delete | Type::Unspecified => return Err(unspecified()),
        });
        change.notes.push(NoteChange::Multicast(id, Some((kinds, group.metadata.clone()))));
        Ok(change)
    }

    fn clone_session(&mut self, kind: Type, session: &v1::CloneSessionEntry) -> Result<Change, Refusal> {
        let id = session.session_id;
        let place = format!("clone session {id}");
        if id == 0 {
            return Err(Refusal::invalid("session_id is 0 or left out; sessions are numbered from 1"));
        }
        if kind == Type::Delete {
            let mut change = Change::from(Update::DeleteCloneSession(id));
            change.notes.push(NoteChange::Session(id, None));
            return Ok(change);
        }
        if session.class_of_service >= self.classes_of_service {
            return Err(Refusal::invalid(format!(
                "{place}: class_of_service is {}, and there are {}; give one below that",
                session.class_of_service, self.classes_of_service
            )));
        }
        let Ok(packet_length_bytes) = u32::try_from(session.packet_length_bytes) else {
            return Err(Refusal::invalid(format!(
                "{place}: packet_length_bytes is {}; give 0 for whole packets, or more",
                session.packet_length_bytes
            )));
        };
        let (replicas, kinds) = self.replicas(&place, &session.replicas)?;
        let spec =
            CloneSession { id, replicas, packet_length_bytes, class_of_service: session.class_of_service };
        let mut change = Change::from(match kind {
            Type::Insert => Update::CreateCloneSession(spec),
            Type::Modify => Update::ModifyCloneSession(spec),
            Type::Delete | Type::Unspecified => return Err(unspecified()),
        });
        change.notes.push(NoteChange::Session(id, Some(kinds)));
        Ok(change)
    }

    /// Copies, and how their ports were written.
    fn replicas(&mut self, place: &str, given: &[v1::Replica]) -> Result<(Vec<Replica>, PortKinds), Refusal> {
        let mut replicas = Vec::with_capacity(given.len());
        let mut kinds = Vec::with_capacity(given.len());
        let mut pairs = std::collections::HashSet::new();
        for (index, one) in given.iter().enumerate() {
            let place = format!("{place}, replica {index}");
            let (port, is_old) = match &one.port_kind {
                Some(PortKind::EgressPort(port)) => (*port, true),
                Some(PortKind::Port(bytes)) => (self.port(&place, bytes)?, false),
                None => return Err(Refusal::invalid(format!("{place}: no port is given; set `port`"))),
            };
            let mut backups = Vec::with_capacity(one.backup_replicas.len());
            for backup in &one.backup_replicas {
                backups.push(BackupReplica {
                    port: self.port(&format!("{place}, backup"), &backup.port)?,
                    instance: backup.instance,
                });
            }
            if backups.iter().any(|backup| backup.port == port) {
                return Err(Refusal::invalid(format!(
                    "{place}: a backup has the same port {port}; give it another"
                )));
            }
            for (port, instance) in
                std::iter::once((port, one.instance)).chain(backups.iter().map(|b| (b.port, b.instance)))
            {
                if instance > INSTANCE_MAX {
                    return Err(Refusal::invalid(format!(
                        "{place}: the instance {instance} is more than {INSTANCE_MAX}, the largest there is"
                    )));
                }
                if !pairs.insert((port, instance)) {
                    return Err(Refusal::invalid(format!(
                        "{place}: port {port} with instance {instance} is there twice; give it another instance"
                    )));
                }
            }
            kinds.push(is_old);
            replicas.push(Replica { port, instance: one.instance, backups });
        }
        Ok((replicas, kinds))
    }

    pub(super) fn value_set_entry(
        &mut self,
        kind: Type,
        entry: &v1::ValueSetEntry,
    ) -> Result<Change, Refusal> {
        let set = self.schema.value_set(entry.value_set_id)?;
        let place = format!("value set `{}`", set.object.name);
        only_modify(kind, &place)?;
        let mut entries: Vec<Vec<heddle_ir::KeyMatch>> = Vec::with_capacity(entry.members.len());
        for (index, member) in entry.members.iter().enumerate() {
            let place = format!("{place}, member {index}");
            let matches = self.matches(&place, &set.fields, &member.r#match)?;
            if entries.iter().any(|known| same_matches(known, &matches)) {
                return Err(Refusal::new(
                    heddle_p4rt_proto::rpc::Code::AlreadyExists,
                    format!("{place}: it is listed twice; list it once"),
                ));
            }
            entries.push(matches);
        }
        Ok(Update::SetValueSet { value_set: set.ir, entries }.into())
    }
}

impl Encoder<'_> {
    /// A port as controllers read it.
    pub(super) fn port(&self, port: u32) -> Vec<u8> {
        self.translations.encode(self.translations.port(), &Bits::new(u32::BITS, u128::from(port)))
    }

    fn replicas(&self, replicas: &[Replica], kinds: Option<&PortKinds>) -> Vec<v1::Replica> {
        let replicas = replicas.iter().enumerate().map(|(index, replica)| {
            let is_old = kinds.and_then(|kinds| kinds.get(index)).copied().unwrap_or(false);
            v1::Replica {
                port_kind: Some(match is_old {
                    true => PortKind::EgressPort(replica.port),
                    false => PortKind::Port(self.port(replica.port)),
                }),
                instance: replica.instance,
                backup_replicas: replica
                    .backups
                    .iter()
                    .map(|backup| v1::BackupReplica {
                        port: self.port(backup.port),
                        instance: backup.instance,
                    })
                    .collect(),
            }
        });
        replicas.collect()
    }

    /// Reads multicast groups or clone sessions. An entry of neither kind asks for both.
    pub(crate) fn read_replication(&self, asked: &v1::PacketReplicationEngineEntry, sink: &mut Sink<'_>) {
        let (groups, sessions) = match &asked.r#type {
            Some(Replication::MulticastGroupEntry(group)) => (Some(group.multicast_group_id), None),
            Some(Replication::CloneSessionEntry(session)) => (None, Some(session.session_id)),
            None => (Some(0), Some(0)),
        };
        let mut put = |entry| {
            sink(Kind::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry {
                r#type: Some(entry),
            }));
        };
        if let Some(wanted) = groups {
            for group in self.state.multicast_groups() {
                if wanted == 0 || wanted == group.id {
                    let note = self.notes.multicast.get(&group.id);
                    put(Replication::MulticastGroupEntry(v1::MulticastGroupEntry {
                        multicast_group_id: group.id,
                        replicas: self.replicas(&group.replicas, note.map(|(kinds, _)| kinds)),
                        metadata: note.map(|(_, metadata)| metadata.clone()).unwrap_or_default(),
                    }));
                }
            }
        }
        if let Some(wanted) = sessions {
            for session in self.state.clone_sessions() {
                if wanted == 0 || wanted == session.id {
                    put(Replication::CloneSessionEntry(v1::CloneSessionEntry {
                        session_id: session.id,
                        replicas: self.replicas(&session.replicas, self.notes.sessions.get(&session.id)),
                        class_of_service: session.class_of_service,
                        packet_length_bytes: i32::try_from(session.packet_length_bytes).unwrap_or(i32::MAX),
                    }));
                }
            }
        }
    }

    pub(crate) fn read_value_sets(
        &self,
        asked: &v1::ValueSetEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let sets: Vec<&ValueSet> = match asked.value_set_id {
            0 => self.schema.value_sets.iter().collect(),
            id => vec![self.schema.value_set(id)?],
        };
        for set in sets.into_iter().filter(|set| allowed(&set.object)) {
            let members = self.state.value_set(set.ir).into_iter().map(|matches| v1::ValueSetMember {
                r#match: matches_of(self.translations, &set.fields, &matches),
            });
            sink(Kind::ValueSetEntry(v1::ValueSetEntry {
                value_set_id: set.object.id,
                members: members.collect(),
            }));
        }
        Ok(())
    }

    pub(crate) fn read_digests(
        &self,
        asked: &v1::DigestEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        if asked.digest_id != 0 {
            self.schema.digest(asked.digest_id)?;
        }
        for digest in self.schema.digests.iter().filter(|digest| allowed(&digest.object)) {
            let id = digest.object.id;
            if let Some(config) = self.notes.digests.get(&id).filter(|_| [0, id].contains(&asked.digest_id)) {
                sink(Kind::DigestEntry(v1::DigestEntry { digest_id: id, config: Some(*config) }));
            }
        }
        Ok(())
    }
}
