//! A program with all that controllers know of it: what they write to and read from.
//!
//! Invariant: schema, translations and state are of one program.

use std::sync::Arc;

use heddle_ir::Verified;
use heddle_p4rt_proto::v1;
use heddle_state::State;

use crate::config::Config;
use crate::device;
use crate::entity::{Decoder, Encoder, Ports};
use crate::notes::Notes;
use crate::schema::Schema;
use crate::status::Refusal;
use crate::translation::Translations;

/// A program that runs without having come by [`crate::Core::set_forwarding_pipeline_config`].
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What controllers are told about it, with the device config and a cookie if there are any.
    pub config: v1::ForwardingPipelineConfig,
    /// The program.
    pub program: Verified,
    /// The state that packets see.
    pub state: Arc<State>,
}

/// A program whose P4Info fits it.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) config: v1::ForwardingPipelineConfig,
    pub(crate) program: Verified,
    schema: Schema,
    translations: Translations,
}

impl Checked {
    /// What a controller sent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, if it cannot be realised.
    pub(crate) fn new(config: &Config, given: &v1::ForwardingPipelineConfig) -> Result<Checked, Refusal> {
        let device = device::load(&given.p4_device_config)?;
        let mut given = given.clone();
        if given.p4info.is_none() {
            given.p4info = device.p4info;
        }
        Checked::of_program(config, given, device.program)
    }

    /// A program that is loaded already.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, if the P4Info is not that of the program.
    pub(crate) fn of_program(
        config: &Config,
        given: v1::ForwardingPipelineConfig,
        program: Verified,
    ) -> Result<Checked, Refusal> {
        let Some(p4info) = &given.p4info else {
            return Err(Refusal::invalid(
                "p4info is not given, and the device config does not say it; set it to what the compiler wrote",
            ));
        };
        let translations = Translations::new(p4info.type_info.as_ref(), config);
        let schema = Schema::new(p4info, &program, &translations)?;
        Ok(Checked { config: given, program, schema, translations })
    }

    /// With a state of its own.
    pub(crate) fn on(self, state: Arc<State>) -> Loaded {
        let Checked { config, program, schema, translations } = self;
        Loaded { config, program, state, schema, translations, notes: Notes::default() }
    }
}

/// A program with its state.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: v1::ForwardingPipelineConfig,
    pub(crate) program: Verified,
    pub(crate) state: Arc<State>,
    pub(crate) schema: Schema,
    pub(crate) translations: Translations,
    pub(crate) notes: Notes,
}

impl Loaded {
    pub(crate) fn decoder<'a>(&'a mut self, ports: &'a dyn Ports, config: &Config) -> Decoder<'a> {
        Decoder {
            schema: &self.schema,
            translations: &mut self.translations,
            state: &self.state,
            notes: &self.notes,
            ports,
            classes_of_service: config.classes_of_service,
        }
    }

    pub(crate) fn encoder(&self, now_ns: u64) -> Encoder<'_> {
        Encoder {
            schema: &self.schema,
            translations: &self.translations,
            state: &self.state,
            notes: &self.notes,
            now_ns,
        }
    }

    /// Entries of tables, members and groups, all together.
    pub(crate) fn entries(&self) -> u64 {
        let entries = self.schema.tables.iter().map(|table| self.state.entry_count(table.ir));
        let of_profiles = self.schema.profiles.iter().map(|profile| {
            let held = self.state.profile_use(profile.ir);
            held.members + held.groups
        });
        entries.chain(of_profiles).map(|count| count as u64).sum()
    }

    /// Takes over the notes and names of the program before, of what is still there under the same name.
    pub(crate) fn succeed(&mut self, before: &Loaded) {
        self.translations.succeed(&before.translations);
        let notes = &before.notes;
        for table in &self.schema.tables {
            let old = before.schema.tables.iter().find(|old| old.object.name == table.object.name);
            if let Some(note) = old.and_then(|old| notes.defaults.get(&old.object.id)) {
                self.notes.defaults.insert(table.object.id, note.clone());
            }
        }
        for profile in &self.schema.profiles {
            let Some(old) = before.schema.profiles.iter().find(|old| old.object.name == profile.object.name)
            else {
                continue;
            };
            for ((_, group), size) in notes.group_sizes.iter().filter(|((id, _), _)| *id == old.object.id) {
                if self.state.group(profile.ir, *group).is_some() {
                    self.notes.group_sizes.insert((profile.object.id, *group), *size);
                }
            }
        }
        for digest in &self.schema.digests {
            let old = before.schema.digests.iter().find(|old| old.object.name == digest.object.name);
            if let Some(config) = old.and_then(|old| notes.digests.get(&old.object.id)) {
                self.notes.digests.insert(digest.object.id, *config);
            }
        }
        self.notes.multicast.clone_from(&notes.multicast);
        self.notes.sessions.clone_from(&notes.sessions);
    }
}
