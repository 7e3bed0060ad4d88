//! P4Info and program side by side: what controllers call an object, and what the state does.
//!
//! They are brought together by name, since ids are the P4Info's own where somebody else's compiler made the program.
//!
//! Invariant: every object of the P4Info is an object of the program, with keys and parameters of the same number and,
//! where nothing is translated, the same width.

use std::collections::HashMap;

use heddle_ir::{
    ActionId, CounterId, DigestId, MatchKind, MeterId, ProfileId, Program, RegisterId, TableId, ValueSetId,
};
use heddle_p4rt_proto::config::action_profile::SelectorSizeSemantics;
use heddle_p4rt_proto::config::{self, P4DataTypeSpec, P4Info, P4NamedType, P4TypeInfo, Preamble};
use heddle_p4rt_proto::config::{action_ref::Scope, match_field, meter_spec, table::IdleTimeoutBehavior};

use crate::status::Refusal;
use crate::translation::{Coding, Translations};

/// What every object has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) alias: String,
    /// The role that alone it belongs to, by `@p4runtime_role`.
    pub(crate) role: Option<String>,
}

/// A key of a table or value set.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) id: u32,
    pub(crate) name: String,
    /// Bits that the program has for it.
    pub(crate) width: u32,
    pub(crate) kind: MatchKind,
    pub(crate) coding: Coding,
}

/// A parameter of an action, or a field of a controller header.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) width: u32,
    pub(crate) coding: Coding,
    /// Whether it may be left out: a field that only fills up.
    pub(crate) is_padding: bool,
}

/// An action as P4Info has it. Parameters are in the program's order.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) object: Object,
    pub(crate) params: Vec<Param>,
}

/// An action of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// Position in [`Schema::actions`].
    pub(crate) action: usize,
    pub(crate) ir: ActionId,
    pub(crate) scope: Scope,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) object: Object,
    pub(crate) ir: TableId,
    pub(crate) fields: Vec<Field>,
    pub(crate) actions: Vec<Listed>,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) needs_priority: bool,
    pub(crate) largest_wins: bool,
    pub(crate) has_counter: bool,
    pub(crate) meter: Option<MeterType>,
    pub(crate) idle_timeout: bool,
    pub(crate) is_const: bool,
    pub(crate) const_default: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) object: Object,
    pub(crate) ir: ProfileId,
    pub(crate) actions: Vec<Listed>,
    pub(crate) with_selector: bool,
    pub(crate) max_group_size: u32,
    /// The largest weight of a member, where sizes count members; 0 for any.
    pub(crate) counts_members: Option<u32>,
    pub(crate) weights_disallowed: bool,
}

/// How a meter marks packets (section 6.4.5).
pub(crate) type MeterType = meter_spec::Type;

#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) object: Object,
    pub(crate) ir: CounterId,
    pub(crate) size: u64,
    pub(crate) index: Coding,
}

#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) object: Object,
    pub(crate) ir: MeterId,
    pub(crate) size: u64,
    pub(crate) index: Coding,
    pub(crate) kind: MeterType,
}

#[derive(Clone, Debug)]
pub(crate) struct Register {
    pub(crate) object: Object,
    pub(crate) ir: RegisterId,
    pub(crate) size: u64,
    pub(crate) width: u32,
    pub(crate) index: Coding,
    pub(crate) ty: P4DataTypeSpec,
}

#[derive(Clone, Debug)]
pub(crate) struct ValueSet {
    pub(crate) object: Object,
    pub(crate) ir: ValueSetId,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(crate) struct Digest {
    pub(crate) object: Object,
    pub(crate) ir: DigestId,
    pub(crate) ty: P4DataTypeSpec,
}

/// A header between switch and controller.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketHeader {
    pub(crate) fields: Vec<Param>,
}

impl PacketHeader {
    /// Bits of the whole.
    pub(crate) fn width(&self) -> u32 {
        self.fields.iter().map(|field| field.width).sum()
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) tables: Vec<Table>,
    pub(crate) actions: Vec<Action>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) registers: Vec<Register>,
    pub(crate) value_sets: Vec<ValueSet>,
    pub(crate) digests: Vec<Digest>,
    pub(crate) packet_in: PacketHeader,
    pub(crate) packet_out: PacketHeader,
    pub(crate) types: P4TypeInfo,
    tables_by_id: HashMap<u32, usize>,
    tables_by_ir: HashMap<TableId, usize>,
    direct: HashMap<u32, String>,
    action_of: HashMap<ActionId, usize>,
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

fn object(preamble: Option<&Preamble>) -> Object {
    let Some(preamble) = preamble else { return Object::default() };
    let role = preamble.annotations.iter().find(|text| text.starts_with("@p4runtime_role"));
    Object {
        id: preamble.id,
        name: preamble.name.clone(),
        alias: preamble.alias.clone(),
        role: role.and_then(|text| quoted(text)).map(str::to_owned),
    }
}

fn type_name(named: Option<&P4NamedType>) -> Option<&str> {
    named.map(|named| named.name.as_str()).filter(|name| !name.is_empty())
}

fn missing(kind: &str, name: &str) -> Refusal {
    Refusal::invalid(format!(
        "the P4Info has {kind} `{name}`, which the device config has not; take both from one run of the compiler"
    ))
}

/// Compares widths where nothing is translated.
fn check_width(what: &str, coding: Coding, own: u32, told: i32) -> Result<(), Refusal> {
    if coding == Coding::Plain && i64::from(told) != i64::from(own) {
        return Err(Refusal::invalid(format!(
            "{what} has {told} bits in the P4Info and {own} in the device config; take both from one run of the compiler"
        )));
    }
    Ok(())
}

struct Builder<'a> {
    program: &'a Program,
    translations: &'a Translations,
    schema: Schema,
}

impl Schema {
    /// Brings both together.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, if they do not fit.
    pub(crate) fn new(
        p4info: &P4Info,
        program: &Program,
        translations: &Translations,
    ) -> Result<Schema, Refusal> {
        let schema = Schema { types: p4info.type_info.clone().unwrap_or_default(), ..Schema::default() };
        let mut builder = Builder { program, translations, schema };
        for action in &p4info.actions {
            builder.action(action)?;
        }
        for table in &p4info.tables {
            builder.table(table)?;
        }
        for profile in &p4info.action_profiles {
            builder.profile(profile)?;
        }
        builder.cells(p4info)?;
        builder.value_sets_and_digests(p4info)?;
        for header in &p4info.controller_packet_metadata {
            builder.packet_header(header);
        }
        builder.direct(p4info)?;
        let mut schema = builder.schema;
        schema.tables_by_id = schema.tables.iter().enumerate().map(|(i, t)| (t.object.id, i)).collect();
        schema.tables_by_ir = schema.tables.iter().enumerate().map(|(i, t)| (t.ir, i)).collect();
        Ok(schema)
    }
}

impl Builder<'_> {
    fn action(&mut self, action: &config::Action) -> Result<(), Refusal> {
        let object = object(action.preamble.as_ref());
        let program = self.program;
        let Some((_, first)) = program.actions.iter().find(|(_, a)| a.control.name == object.name) else {
            // A program whose compiler has thrown the action away can still be served, as long as no table lists it.
            self.schema.actions.push(Action { object, params: Vec::new() });
            return Ok(());
        };
        if first.params.len() != action.params.len() {
            return Err(Refusal::invalid(format!(
                "action `{}` has {} parameters in the P4Info and {} in the device config; take both from one run of \
                 the compiler",
                object.name,
                action.params.len(),
                first.params.len()
            )));
        }
        let mut params = Vec::new();
        for (position, own) in first.params.iter().enumerate() {
            let told = action.params.iter().find(|p| p.name == own.name).or(action.params.get(position));
            let Some(told) = told else { continue };
            let coding = self.translations.coding(type_name(told.type_name.as_ref()));
            let width = program.vars[own.var].ty.width();
            check_width(
                &format!("parameter `{}` of action `{}`", told.name, object.name),
                coding,
                width,
                told.bitwidth,
            )?;
            params.push(Param { id: told.id, name: told.name.clone(), width, coding, is_padding: false });
        }
        let index = self.schema.actions.len();
        for (ir, _) in program.actions.iter().filter(|(_, a)| a.control.name == object.name) {
            self.schema.action_of.insert(ir, index);
        }
        self.schema.actions.push(Action { object, params });
        Ok(())
    }

    fn fields(
        &self,
        owner: &str,
        told: &[config::MatchField],
        own: &[(&str, u32, MatchKind)],
    ) -> Result<Vec<Field>, Refusal> {
        if told.len() != own.len() {
            return Err(Refusal::invalid(format!(
                "{owner} has {} match fields in the P4Info and {} in the device config; take both from one run of the \
                 compiler",
                told.len(),
                own.len()
            )));
        }
        let field = |(told, (_, width, kind)): (&config::MatchField, &(&str, u32, MatchKind))| {
            let coding = self.translations.coding(type_name(told.type_name.as_ref()));
            check_width(&format!("field `{}` of {owner}", told.name), coding, *width, told.bitwidth)?;
            let is_same = match &told.r#match {
                Some(match_field::Match::MatchType(number)) => {
                    use match_field::MatchType;
                    match MatchType::try_from(*number) {
                        Ok(MatchType::Exact) => *kind == MatchKind::Exact,
                        Ok(MatchType::Lpm) => *kind == MatchKind::Lpm,
                        Ok(MatchType::Ternary) => *kind == MatchKind::Ternary,
                        Ok(MatchType::Range) => *kind == MatchKind::Range,
                        Ok(MatchType::Optional) => *kind == MatchKind::Optional,
                        Ok(MatchType::Unspecified) | Err(_) => false,
                    }
                }
                Some(match_field::Match::OtherMatchType(_)) | None => false,
            };
            if !is_same {
                return Err(Refusal::invalid(format!(
                    "field `{}` of {owner} is matched in another way in the P4Info than in the device config",
                    told.name
                )));
            }
            Ok(Field { id: told.id, name: told.name.clone(), width: *width, kind: *kind, coding })
        };
        told.iter().zip(own).map(field).collect()
    }

    fn table(&mut self, told: &config::Table) -> Result<(), Refusal> {
        let object = object(told.preamble.as_ref());
        let found = self.program.tables.iter().find(|(_, table)| table.control.name == object.name);
        let Some((ir, own)) = found else { return Err(missing("table", &object.name)) };
        let keys: Vec<_> = own
            .keys
            .iter()
            .filter(|key| key.kind != MatchKind::Selector)
            .map(|key| (key.name.as_str(), key.width, key.kind))
            .collect();
        let fields = self.fields(&format!("table `{}`", object.name), &told.match_fields, &keys)?;
        let mut actions = Vec::new();
        for reference in &told.action_refs {
            let Some(action) = self.schema.actions.iter().position(|a| a.object.id == reference.id) else {
                return Err(Refusal::invalid(format!(
                    "table `{}` lists an action with id {:#x} that the P4Info does not have",
                    object.name, reference.id
                )));
            };
            let name = &self.schema.actions[action].object.name;
            let listed = own.actions.iter().find(|a| self.program.actions[a.action].control.name == *name);
            let Some(listed) = listed else {
                return Err(missing(&format!("an action of table `{}`,", object.name), name));
            };
            let scope = Scope::try_from(reference.scope).unwrap_or_default();
            actions.push(Listed { action, ir: listed.action, scope });
        }
        let needs =
            |field: &Field| matches!(field.kind, MatchKind::Ternary | MatchKind::Range | MatchKind::Optional);
        self.schema.tables.push(Table {
            ir,
            needs_priority: fields.iter().any(needs),
            fields,
            actions,
            profile: own.profile,
            largest_wins: own.largest_priority_wins,
            has_counter: own.direct_counter.is_some(),
            meter: own.direct_meter.map(|_| MeterType::TwoRateThreeColor),
            idle_timeout: told.idle_timeout_behavior == i32::from(IdleTimeoutBehavior::NotifyControl)
                && own.idle_timeout,
            is_const: own.const_entries,
            const_default: own.const_default || told.const_default_action_id != 0,
            object,
        });
        Ok(())
    }

    fn profile(&mut self, told: &config::ActionProfile) -> Result<(), Refusal> {
        let object = object(told.preamble.as_ref());
        let found = self.program.profiles.iter().find(|(_, profile)| profile.control.name == object.name);
        let Some((ir, _)) = found else { return Err(missing("action profile", &object.name)) };
        let mut actions: Vec<Listed> = Vec::new();
        for listed in self.schema.tables.iter().filter(|t| t.profile == Some(ir)).flat_map(|t| &t.actions) {
            if !actions.iter().any(|known| known.action == listed.action) {
                actions.push(*listed);
            }
        }
        let counts_members = match &told.selector_size_semantics {
            Some(SelectorSizeSemantics::SumOfMembers(limit)) => {
                Some(u32::try_from(limit.max_member_weight).unwrap_or(0))
            }
            Some(SelectorSizeSemantics::SumOfWeights(_)) | None => None,
        };
        self.schema.profiles.push(Profile {
            object,
            ir,
            actions,
            with_selector: told.with_selector,
            max_group_size: u32::try_from(told.max_group_size).unwrap_or(0),
            counts_members,
            weights_disallowed: told.weights_disallowed,
        });
        Ok(())
    }

    fn cells(&mut self, p4info: &P4Info) -> Result<(), Refusal> {
        for told in &p4info.counters {
            let object = object(told.preamble.as_ref());
            let found = self.program.counters.iter().find(|(_, c)| c.control.name == object.name);
            let Some((ir, own)) = found else { return Err(missing("counter", &object.name)) };
            let index = self.translations.coding(type_name(told.index_type_name.as_ref()));
            self.schema.counters.push(Counter { object, ir, size: own.size, index });
        }
        for told in &p4info.meters {
            let object = object(told.preamble.as_ref());
            let found = self.program.meters.iter().find(|(_, m)| m.control.name == object.name);
            let Some((ir, own)) = found else { return Err(missing("meter", &object.name)) };
            let index = self.translations.coding(type_name(told.index_type_name.as_ref()));
            let kind =
                told.spec.as_ref().and_then(|spec| MeterType::try_from(spec.r#type).ok()).unwrap_or_default();
            self.schema.meters.push(Meter { object, ir, size: own.size, index, kind });
        }
        for told in &p4info.registers {
            let object = object(told.preamble.as_ref());
            let found = self.program.registers.iter().find(|(_, r)| r.control.name == object.name);
            let Some((ir, own)) = found else { return Err(missing("register", &object.name)) };
            let index = self.translations.coding(type_name(told.index_type_name.as_ref()));
            let ty = told.type_spec.clone().unwrap_or_default();
            self.schema.registers.push(Register { object, ir, size: own.size, width: own.width, index, ty });
        }
        Ok(())
    }

    fn value_sets_and_digests(&mut self, p4info: &P4Info) -> Result<(), Refusal> {
        for told in &p4info.value_sets {
            let object = object(told.preamble.as_ref());
            let found = self.program.value_sets.iter().find(|(_, v)| v.control.name == object.name);
            let Some((ir, own)) = found else { return Err(missing("value set", &object.name)) };
            let keys: Vec<_> =
                own.keys.iter().map(|(name, width, kind)| (name.as_str(), *width, *kind)).collect();
            let fields = self.fields(&format!("value set `{}`", object.name), &told.r#match, &keys)?;
            self.schema.value_sets.push(ValueSet { object, ir, fields });
        }
        for told in &p4info.digests {
            let object = object(told.preamble.as_ref());
            let found = self.program.digests.iter().find(|(_, d)| d.control.name == object.name);
            let Some((ir, _)) = found else { return Err(missing("digest", &object.name)) };
            let ty = told.type_spec.clone().unwrap_or_default();
            self.schema.digests.push(Digest { object, ir, ty });
        }
        Ok(())
    }

    /// The header of the program that has these fields says how wide they are where they are translated.
    fn packet_header(&mut self, told: &config::ControllerPacketMetadata) {
        let names: Vec<&str> = told.metadata.iter().map(|field| field.name.as_str()).collect();
        let own = self.program.header_types.values().find(|header| {
            header.fields.len() == names.len()
                && header.fields.iter().zip(&names).all(|(field, name)| field.name == *name)
        });
        let fields = told.metadata.iter().enumerate().map(|(position, field)| Param {
            id: field.id,
            name: field.name.clone(),
            width: own
                .and_then(|own| own.fields.get(position))
                .map_or_else(|| u32::try_from(field.bitwidth).unwrap_or(0), |own| own.ty.width()),
            coding: self.translations.coding(type_name(field.type_name.as_ref())),
            is_padding: field.annotations.iter().any(|text| text.starts_with("@padding")),
        });
        let header = PacketHeader { fields: fields.collect() };
        match told.preamble.as_ref().map(|preamble| preamble.name.as_str()) {
            Some("packet_in") => self.schema.packet_in = header,
            Some("packet_out") => self.schema.packet_out = header,
            Some(_) | None => {}
        }
    }

    /// Direct counters and meters: what controllers might mistake for arrays, and how meters mark.
    fn direct(&mut self, p4info: &P4Info) -> Result<(), Refusal> {
        for told in &p4info.direct_counters {
            let object = object(told.preamble.as_ref());
            self.schema.direct.insert(object.id, object.name);
        }
        for told in &p4info.direct_meters {
            let object = object(told.preamble.as_ref());
            let kind =
                told.spec.as_ref().and_then(|spec| MeterType::try_from(spec.r#type).ok()).unwrap_or_default();
            let table = self.schema.tables.iter_mut().find(|table| table.object.id == told.direct_table_id);
            match table {
                Some(table) if table.meter.is_some() => table.meter = Some(kind),
                Some(_) | None => return Err(missing("direct meter", &object.name)),
            }
            self.schema.direct.insert(object.id, object.name);
        }
        Ok(())
    }
}

/// What ids of a kind there are, for messages.
fn known<'a>(objects: impl Iterator<Item = &'a Object>) -> String {
    let names: Vec<String> = objects.take(8).map(|object| format!("`{}`", object.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

macro_rules! by_id {
    ($($function:ident, $objects:ident, $type:ty, $kind:literal;)*) => {
        impl Schema {
            $(
                /// The object of an id.
                ///
                /// # Errors
                /// `INVALID_ARGUMENT` for an id that no object of the kind has.
                pub(crate) fn $function(&self, id: u32) -> Result<&$type, Refusal> {
                    let found = self.$objects.iter().find(|object| object.object.id == id);
                    found.ok_or_else(|| self.unknown($kind, id, known(self.$objects.iter().map(|o| &o.object))))
                }
            )*
        }
    };
}

by_id! {
    profile, profiles, Profile, "action profile";
    counter, counters, Counter, "counter";
    meter, meters, Meter, "meter";
    register, registers, Register, "register";
    value_set, value_sets, ValueSet, "value set";
    digest, digests, Digest, "digest";
}

impl Schema {
    fn unknown(&self, kind: &str, id: u32, known: String) -> Refusal {
        if id == 0 {
            return Refusal::invalid(format!(
                "no {kind} is named: its id is 0 or left out; known are {known}"
            ));
        }
        if let Some(name) = self.direct.get(&id) {
            return Refusal::invalid(format!(
                "`{name}` belongs to the entries of a table; use DirectCounterEntry or DirectMeterEntry"
            ));
        }
        Refusal::invalid(format!("the P4Info has no {kind} with id {id:#x}; known are {known}"))
    }

    /// The table of an id.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is none.
    pub(crate) fn table(&self, id: u32) -> Result<&Table, Refusal> {
        let found = self.tables_by_id.get(&id).and_then(|index| self.tables.get(*index));
        found.ok_or_else(|| self.unknown("table", id, known(self.tables.iter().map(|t| &t.object))))
    }

    /// The table that the state knows by this.
    pub(crate) fn table_of(&self, ir: TableId) -> Option<&Table> {
        self.tables.get(*self.tables_by_ir.get(&ir)?)
    }

    /// The action that the state knows by this.
    pub(crate) fn action_of(&self, ir: ActionId) -> Option<&Action> {
        self.actions.get(*self.action_of.get(&ir)?)
    }
}
