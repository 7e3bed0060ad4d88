//! Table entries, and the counters and meters of theirs (sections 9.1, 9.3.1 and 9.4.1).

use heddle_p4rt_proto::config::action_ref::Scope;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity as Kind;
use heddle_p4rt_proto::v1::table_action::Type as ActionKind;
use heddle_p4rt_proto::v1::update::Type;
use heddle_state::{
    ActionSpec, CounterValue, DefaultView, DirectOf, EntryAction, EntryKey, EntrySpec, EntryView, IdleEntry,
    MeterConfig, OneShotMember, Update,
};

use super::{Change, Decoder, Encoder, matches_of, only_modify, same_matches};
use crate::notes::{EntryNote, NoteChange};
use crate::schema::{MeterType, Object, Table};
use crate::status::Refusal;

/// What entities read are given to.
pub(crate) type Sink<'s> = dyn FnMut(Kind) + 's;
/// Whether the objects that belong to a role are asked for.
pub(crate) type Allowed<'s> = dyn Fn(&Object) -> bool + 's;

/// Priorities of entries: the larger wins for controllers (section 9.1), whatever the program says.
fn own_priority(table: &Table, priority: i32) -> u32 {
    let priority = u32::try_from(priority).unwrap_or(0);
    if table.largest_wins { priority } else { (i32::MAX as u32).saturating_sub(priority) }
}

fn controllers_priority(table: &Table, priority: Option<u32>) -> i32 {
    let Some(priority) = priority else { return 0 };
    let priority = if table.largest_wins { priority } else { (i32::MAX as u32).saturating_sub(priority) };
    i32::try_from(priority).unwrap_or(i32::MAX)
}

fn place(table: &Table) -> String {
    format!("table `{}`", table.object.name)
}

/// What of an entry is asked for beside the entry itself.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    meter: bool,
    counter: bool,
    colors: bool,
    last_hit: bool,
}

impl Wanted {
    fn of(entry: &v1::TableEntry) -> Wanted {
        Wanted {
            meter: entry.meter_config.is_some(),
            counter: entry.counter_data.is_some(),
            colors: entry.meter_counter_data.is_some(),
            last_hit: entry.time_since_last_hit.is_some(),
        }
    }
}

/// A counter's value as controllers write it.
pub(super) fn counter_data(value: CounterValue) -> v1::CounterData {
    let clamp = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    v1::CounterData { byte_count: clamp(value.bytes), packet_count: clamp(value.packets) }
}

/// A counter's value as controllers give it.
pub(super) fn counter_value(place: &str, data: &v1::CounterData) -> Result<CounterValue, Refusal> {
    match (u64::try_from(data.packet_count), u64::try_from(data.byte_count)) {
        (Ok(packets), Ok(bytes)) => Ok(CounterValue { packets, bytes }),
        (Err(_), _) | (_, Err(_)) => Err(Refusal::invalid(format!(
            "{place}: a counter of {} packets and {} bytes; give 0 or more",
            data.packet_count, data.byte_count
        ))),
    }
}

/// A meter's configuration as controllers write it.
pub(super) fn meter_config(config: &MeterConfig) -> v1::MeterConfig {
    let clamp = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    v1::MeterConfig {
        cir: clamp(config.cir),
        cburst: clamp(config.cburst),
        pir: clamp(config.pir),
        pburst: clamp(config.pburst),
        eburst: clamp(config.eburst),
    }
}

/// A meter's configuration as controllers give it, checked for the kind of meter (section 9.4).
pub(super) fn meter_of(
    place: &str,
    kind: MeterType,
    config: &v1::MeterConfig,
) -> Result<MeterConfig, Refusal> {
    let unsigned = |name: &str, value: i64| {
        u64::try_from(value)
            .map_err(|_| Refusal::invalid(format!("{place}: {name} is {value}; give 0 or more")))
    };
    let (cir, cburst) = (unsigned("cir", config.cir)?, unsigned("cburst", config.cburst)?);
    let (pir, pburst) = (unsigned("pir", config.pir)?, unsigned("pburst", config.pburst)?);
    let eburst = unsigned("eburst", config.eburst)?;
    let one_rate = (pir, pburst) == (cir, cburst);
    match kind {
        MeterType::TwoRateThreeColor if eburst != 0 => Err(Refusal::invalid(format!(
            "{place}: a meter of two rates has no eburst, and {eburst} is given; leave it 0"
        ))),
        MeterType::TwoRateThreeColor => Ok(MeterConfig { cir, cburst, pir, pburst, eburst: 0 }),
        MeterType::SingleRateThreeColor if !one_rate => Err(Refusal::invalid(format!(
            "{place}: a meter of one rate has a pir and pburst equal to its cir and cburst; set them so"
        ))),
        MeterType::SingleRateThreeColor => Ok(MeterConfig { cir, cburst, pir, pburst, eburst }),
        MeterType::SingleRateTwoColor if !one_rate || eburst != 0 => Err(Refusal::invalid(format!(
            "{place}: a meter of one rate and two colours has a pir and pburst equal to its cir and cburst, and no \
             eburst; set them so"
        ))),
        MeterType::SingleRateTwoColor => Ok(MeterConfig { cir, cburst, pir, pburst, eburst: 0 }),
    }
}

/// Checks that colours are set to zero, which is all that they can be set to (section 9.4.1).
pub(super) fn check_colors(place: &str, data: &v1::MeterCounterData) -> Result<(), Refusal> {
    let is_zero = |data: &Option<v1::CounterData>| data.is_none_or(|data| data == v1::CounterData::default());
    if is_zero(&data.green) && is_zero(&data.yellow) && is_zero(&data.red) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("{place}: the counters of a meter's colours can only be reset; give zeros")))
}

/// Counters of a meter's colours as controllers read them.
pub(super) fn colors_data(colors: [CounterValue; 3]) -> v1::MeterCounterData {
    let [green, yellow, red] = colors.map(|value| Some(counter_data(value)));
    v1::MeterCounterData { green, yellow, red }
}

impl Decoder<'_> {
    /// What tells an entry from all others.
    pub(crate) fn entry_key(&mut self, table: &Table, entry: &v1::TableEntry) -> Result<EntryKey, Refusal> {
        let place = place(table);
        if table.fields.is_empty() {
            return Err(Refusal::invalid(format!(
                "{place} has no keys, so it has no entries; modify its default entry"
            )));
        }
        let matches = self.matches(&place, &table.fields, &entry.r#match)?;
        let priority = match (table.needs_priority, entry.priority) {
            (true, 1..) => Some(own_priority(table, entry.priority)),
            (true, _) => {
                return Err(Refusal::invalid(format!(
                    "{place}, field `priority`: {} is given, and entries of a table with ternary, range or optional keys \
                     need one of at least 1",
                    entry.priority
                )));
            }
            (false, 0) => None,
            (false, _) => {
                return Err(Refusal::invalid(format!(
                    "{place}, field `priority`: {} is given, and entries of a table without ternary, range or optional \
                     keys have none; leave it 0",
                    entry.priority
                )));
            }
        };
        Ok(EntryKey { table: table.ir, matches, priority })
    }

    pub(super) fn table_entry(&mut self, kind: Type, entry: &v1::TableEntry) -> Result<Change, Refusal> {
        let table = self.schema.table(entry.table_id)?;
        let place = place(table);
        if entry.is_const {
            return Err(Refusal::invalid(format!(
                "{place}: is_const is the program's to say; leave it false"
            )));
        }
        if entry.is_default_action {
            return self.default_entry(kind, table, &place, entry);
        }
        let action = entry.action.as_ref().filter(|action| action.r#type.is_some());
        if table.is_const && (kind != Type::Modify || action.is_some()) {
            return Err(Refusal::denied(format!(
                "{place}: its entries are constant; only their counters and meters can be changed, by a MODIFY without \
                 an action"
            )));
        }
        let key = self.entry_key(table, entry)?;
        if kind == Type::Delete {
            return Ok(Update::DeleteEntry(key).into());
        }
        if entry.time_since_last_hit.is_some() {
            return Err(Refusal::invalid(format!(
                "{place}: time_since_last_hit can only be read; leave it out"
            )));
        }
        let idle_timeout_ns = u64::try_from(entry.idle_timeout_ns).map_err(|_| {
            Refusal::invalid(format!("{place}: idle_timeout_ns is {}; give 0 or more", entry.idle_timeout_ns))
        })?;
        if idle_timeout_ns != 0 && !table.idle_timeout {
            return Err(Refusal::invalid(format!(
                "{place}: idle_timeout_ns is {idle_timeout_ns}, and the table does not support time-outs; set \
                 `support_timeout` in the program, or leave it 0"
            )));
        }
        let mut change = Change::default();
        let note = EntryNote {
            metadata: entry.metadata.clone(),
            controller_metadata: entry.controller_metadata,
            ..EntryNote::default()
        };
        match action {
            Some(action) => {
                let (action, note) = self.entry_action(table, &place, action, note)?;
                let metadata = note.to_bytes();
                let spec = EntrySpec { key: key.clone(), action, idle_timeout_ns, metadata };
                let update =
                    if kind == Type::Insert { Update::InsertEntry(spec) } else { Update::ModifyEntry(spec) };
                change.updates.push(update);
            }
            None if kind == Type::Insert => {
                return Err(Refusal::invalid(format!(
                    "{place}: no action is given, and a new entry needs one"
                )));
            }
            // Only what is attached to the entry is changed (section 9.1.2).
            None => change.updates.push(Update::ExpectEntry(key.clone())),
        }
        self.attached(kind, table, &place, &DirectOf::Entry(key), entry, &mut change)?;
        Ok(change)
    }

    /// What is attached to an entry (section 9.1.7).
    fn attached(
        &self,
        kind: Type,
        table: &Table,
        place: &str,
        of: &DirectOf,
        entry: &v1::TableEntry,
        change: &mut Change,
    ) -> Result<(), Refusal> {
        let before = change.updates.len();
        let existing = match kind == Type::Modify && (table.meter.is_some() || entry.counter_data.is_some()) {
            true => self.is_metered(of),
            false => None,
        };
        let of = || of.clone();
        match (&entry.meter_config, table.meter) {
            (Some(config), Some(kind)) => {
                let config = Some(meter_of(place, kind, config)?);
                change.updates.push(Update::WriteDirectMeter { entry: of(), config });
            }
            (None, Some(_)) if kind == Type::Modify && existing != Some(false) => {
                change.updates.push(Update::WriteDirectMeter { entry: of(), config: None });
            }
            (None, _) => {}
            (Some(_), None) => {
                return Err(Refusal::invalid(format!(
                    "{place}: meter_config is given, and it has no direct meter"
                )));
            }
        }
        if let Some(data) = &entry.meter_counter_data {
            if table.meter.is_none() {
                return Err(Refusal::invalid(format!(
                    "{place}: meter_counter_data is given, and it has no direct meter"
                )));
            }
            check_colors(place, data)?;
            if kind == Type::Modify {
                change.updates.push(Update::ResetDirectMeterColors(of()));
            }
        }
        if let Some(data) = &entry.counter_data {
            if !table.has_counter {
                return Err(Refusal::invalid(format!(
                    "{place}: counter_data is given, and it has no direct counter"
                )));
            }
            let value = counter_value(place, data)?;
            change.updates.push(Update::WriteDirectCounter { entry: of(), value });
        }
        // Nobody uses the cells of an entry that is not there yet.
        change.writes_cells |= existing.is_some() && change.updates.len() > before;
        Ok(())
    }

    /// Whether the meter of an entry is configured; none if there is no such entry.
    fn is_metered(&self, of: &DirectOf) -> Option<bool> {
        match of {
            DirectOf::Entry(key) => self.state.entry(key).ok().map(|view| view.meter.is_some()),
            DirectOf::Default(table) => {
                self.state.default_entry(*table).ok().map(|view| view.meter.is_some())
            }
        }
    }

    fn default_entry(
        &mut self,
        kind: Type,
        table: &Table,
        place: &str,
        entry: &v1::TableEntry,
    ) -> Result<Change, Refusal> {
        only_modify(kind, &format!("the default entry of {place}"))?;
        if !entry.r#match.is_empty() || entry.priority != 0 {
            return Err(Refusal::invalid(format!(
                "{place}: its default entry has neither match nor priority; leave them out"
            )));
        }
        if entry.idle_timeout_ns != 0 || entry.time_since_last_hit.is_some() {
            return Err(Refusal::invalid(format!(
                "{place}: its default entry never times out; leave the time-out out"
            )));
        }
        if table.const_default {
            return Err(Refusal::denied(format!(
                "{place}: its default action is constant; change it in the program"
            )));
        }
        let mut note = EntryNote::default();
        let mut change = Change::default();
        match entry.action.as_ref().and_then(|action| action.r#type.as_ref()) {
            Some(ActionKind::Action(action)) => {
                let (spec, scope) = self.action(place, &table.actions, action)?;
                if scope == Scope::TableOnly {
                    return Err(self.wrong_scope(place, &spec, "entries", "the default action"));
                }
                note.metadata = entry.metadata.clone();
                note.controller_metadata = entry.controller_metadata;
                change.updates.push(Update::SetDefault { table: table.ir, action: spec });
            }
            Some(
                ActionKind::ActionProfileMemberId(_)
                | ActionKind::ActionProfileGroupId(_)
                | ActionKind::ActionProfileActionSet(_),
            ) => {
                return Err(Refusal::invalid(format!(
                    "{place}: its default entry runs an action of its own, not one of a profile; set `action`"
                )));
            }
            None => change.updates.push(Update::ResetDefault(table.ir)),
        }
        change.notes.push(NoteChange::Default(table.object.id, note));
        self.attached(kind, table, place, &DirectOf::Default(table.ir), entry, &mut change)?;
        Ok(change)
    }

    fn wrong_scope(&self, place: &str, spec: &ActionSpec, only: &str, not: &str) -> Refusal {
        let name = self.schema.action_of(spec.action).map_or("", |action| action.object.name.as_str());
        Refusal::denied(format!(
            "{place}, action `{name}`: it is for {only} only, not for {not}; choose another"
        ))
    }

    fn entry_action(
        &mut self,
        table: &Table,
        place: &str,
        action: &v1::TableAction,
        mut note: EntryNote,
    ) -> Result<(EntryAction, EntryNote), Refusal> {
        let wrong =
            |wanted: &str| Refusal::invalid(format!("{place}: its entries take {wanted}; set that instead"));
        let action = match (table.profile, action.r#type.as_ref()) {
            (_, None) => {
                return Err(Refusal::invalid(format!("{place}: the action is empty; set one of its kinds")));
            }
            (None, Some(ActionKind::Action(action))) => {
                let (spec, scope) = self.action(place, &table.actions, action)?;
                if scope == Scope::DefaultOnly {
                    return Err(self.wrong_scope(place, &spec, "the default action", "entries"));
                }
                EntryAction::Action(spec)
            }
            (None, Some(_)) => return Err(wrong("an action, since the table has no action profile")),
            (Some(_), Some(ActionKind::Action(_))) => {
                return Err(wrong(
                    "a member, a group or an action set, since the table has an action profile",
                ));
            }
            (Some(_), Some(ActionKind::ActionProfileMemberId(member))) => EntryAction::Member(*member),
            (Some(_), Some(ActionKind::ActionProfileGroupId(group))) => EntryAction::Group(*group),
            (Some(profile), Some(ActionKind::ActionProfileActionSet(set))) => {
                note.selection_mode = set.action_selection_mode;
                note.size_semantics = set.size_semantics;
                EntryAction::OneShot(self.action_set(place, table, profile, set)?)
            }
        };
        Ok((action, note))
    }

    fn action_set(
        &mut self,
        place: &str,
        table: &Table,
        profile: heddle_ir::ProfileId,
        set: &v1::ActionProfileActionSet,
    ) -> Result<Vec<OneShotMember>, Refusal> {
        let schema = self.schema;
        let Some(profile) = schema.profiles.iter().find(|known| known.ir == profile) else {
            return Err(Refusal::invalid(format!("{place}: the P4Info has no profile for it")));
        };
        self.check_action_set(place, profile, set)?;
        let mut members = Vec::with_capacity(set.action_profile_actions.len());
        for (index, given) in set.action_profile_actions.iter().enumerate() {
            let place = format!("{place}, action {index} of the set");
            let Some(action) = &given.action else {
                return Err(Refusal::invalid(format!("{place}: no action is given")));
            };
            let (action, scope) = self.action(&place, &table.actions, action)?;
            if scope == Scope::DefaultOnly {
                return Err(self.wrong_scope(&place, &action, "the default action", "entries"));
            }
            let watch = match &given.watch_kind {
                Some(v1::action_profile_action::WatchKind::Watch(port)) => self.old_port(&place, *port)?,
                Some(v1::action_profile_action::WatchKind::WatchPort(port)) => {
                    self.watch_port(&place, port)?
                }
                None => None,
            };
            let weight = super::profile::weight(profile, &place, given.weight)?;
            members.push(OneShotMember { action, weight, watch_port: watch });
        }
        super::profile::check_size(profile, place, members.iter().map(|m| m.weight), profile.max_group_size)?;
        Ok(members)
    }

    pub(super) fn direct_counter_entry(
        &mut self,
        kind: Type,
        entry: &v1::DirectCounterEntry,
    ) -> Result<Change, Refusal> {
        let (table, place, of) = self.direct(kind, entry.table_entry.as_ref())?;
        if !table.has_counter {
            return Err(Refusal::invalid(format!("{place} has no direct counter")));
        }
        let mut change = Change { writes_cells: true, ..Change::default() };
        match (&entry.data, of) {
            (Some(data), of) => {
                let value = counter_value(&place, data)?;
                change.updates.push(Update::WriteDirectCounter { entry: of, value });
            }
            (None, DirectOf::Entry(key)) => change.updates.push(Update::ExpectEntry(key)),
            (None, DirectOf::Default(_)) => {}
        }
        Ok(change)
    }

    pub(super) fn direct_meter_entry(
        &mut self,
        kind: Type,
        entry: &v1::DirectMeterEntry,
    ) -> Result<Change, Refusal> {
        let (table, place, of) = self.direct(kind, entry.table_entry.as_ref())?;
        let Some(kind) = table.meter else {
            return Err(Refusal::invalid(format!("{place} has no direct meter")));
        };
        let config = entry.config.as_ref().map(|config| meter_of(&place, kind, config)).transpose()?;
        let mut change = Change { writes_cells: true, ..Change::default() };
        change.updates.push(Update::WriteDirectMeter { entry: of.clone(), config });
        if let Some(data) = &entry.counter_data {
            check_colors(&place, data)?;
            change.updates.push(Update::ResetDirectMeterColors(of));
        }
        Ok(change)
    }

    /// The owner of a direct counter or meter.
    fn direct(
        &mut self,
        kind: Type,
        entry: Option<&v1::TableEntry>,
    ) -> Result<(&Table, String, DirectOf), Refusal> {
        only_modify(kind, "what is attached to a table's entry")?;
        let entry =
            entry.ok_or_else(|| Refusal::invalid("the entity names no table entry; set table_entry"))?;
        let schema = self.schema;
        let table = schema.table(entry.table_id)?;
        let of = match entry.is_default_action {
            true => DirectOf::Default(table.ir),
            false => DirectOf::Entry(self.entry_key(table, entry)?),
        };
        Ok((table, place(table), of))
    }
}

impl Encoder<'_> {
    /// The key fields of an entry.
    pub(crate) fn entry_key(&self, table: &Table, key: &EntryKey) -> v1::TableEntry {
        v1::TableEntry {
            table_id: table.object.id,
            r#match: matches_of(self.translations, &table.fields, &key.matches),
            priority: controllers_priority(table, key.priority),
            ..v1::TableEntry::default()
        }
    }

    /// An entry that controllers are told of as idle.
    pub(crate) fn idle_entry(&self, table: &Table, idle: &IdleEntry) -> v1::TableEntry {
        let note = EntryNote::from_bytes(&idle.metadata);
        v1::TableEntry {
            controller_metadata: note.controller_metadata,
            metadata: note.metadata,
            idle_timeout_ns: i64::try_from(idle.idle_timeout_ns).unwrap_or(i64::MAX),
            ..self.entry_key(table, &idle.key)
        }
    }

    fn entry_action(&self, action: &EntryAction, note: &EntryNote) -> v1::TableAction {
        let kind = match action {
            EntryAction::Action(spec) => ActionKind::Action(self.action(spec)),
            EntryAction::Member(member) => ActionKind::ActionProfileMemberId(*member),
            EntryAction::Group(group) => ActionKind::ActionProfileGroupId(*group),
            EntryAction::OneShot(members) => ActionKind::ActionProfileActionSet(v1::ActionProfileActionSet {
                group_action: None,
                action_profile_actions: members.iter().map(|member| self.one_shot(member)).collect(),
                action_selection_mode: note.selection_mode,
                size_semantics: note.size_semantics,
            }),
        };
        v1::TableAction { r#type: Some(kind) }
    }

    fn one_shot(&self, member: &OneShotMember) -> v1::ActionProfileAction {
        let port = member.watch_port.map(|port| self.port(port));
        v1::ActionProfileAction {
            action: Some(self.action(&member.action)),
            weight: i32::try_from(member.weight).unwrap_or(i32::MAX),
            watch_kind: port.map(v1::action_profile_action::WatchKind::WatchPort),
        }
    }

    fn entry(&self, table: &Table, view: &EntryView, wanted: Wanted) -> v1::TableEntry {
        let note = EntryNote::from_bytes(&view.spec.metadata);
        let elapsed = |hit_ns: u64| i64::try_from(self.now_ns.saturating_sub(hit_ns)).unwrap_or(i64::MAX);
        let hit = v1::table_entry::IdleTimeout { elapsed_ns: view.last_hit_ns.map_or(0, elapsed) };
        v1::TableEntry {
            action: Some(self.entry_action(&view.spec.action, &note)),
            controller_metadata: note.controller_metadata,
            metadata: note.metadata,
            is_const: view.is_const,
            idle_timeout_ns: i64::try_from(view.spec.idle_timeout_ns).unwrap_or(i64::MAX),
            time_since_last_hit: (wanted.last_hit && table.idle_timeout).then_some(hit),
            meter_config: view.meter.as_ref().filter(|_| wanted.meter).map(meter_config),
            counter_data: view.counter.filter(|_| wanted.counter).map(counter_data),
            meter_counter_data: view.meter_colors.filter(|_| wanted.colors).map(colors_data),
            ..self.entry_key(table, &view.spec.key)
        }
    }

    fn default_of(&self, table: &Table, view: &DefaultView, wanted: Wanted) -> v1::TableEntry {
        let note = self.notes.defaults.get(&table.object.id).cloned().unwrap_or_default();
        v1::TableEntry {
            table_id: table.object.id,
            is_default_action: true,
            action: Some(v1::TableAction { r#type: Some(ActionKind::Action(self.action(&view.action))) }),
            controller_metadata: note.controller_metadata,
            metadata: note.metadata,
            meter_config: view.meter.as_ref().filter(|_| wanted.meter).map(meter_config),
            counter_data: view.counter.filter(|_| wanted.counter).map(counter_data),
            meter_counter_data: view.meter_colors.filter(|_| wanted.colors).map(colors_data),
            ..v1::TableEntry::default()
        }
    }

    fn default_view(&self, table: &Table) -> Result<DefaultView, Refusal> {
        self.state.default_entry(table.ir).map_err(|error| super::refusal_of(&error))
    }

    /// Reads table entries (section 9.1.6).
    pub(crate) fn read_table(
        &self,
        decoder: &mut Decoder<'_>,
        asked: &v1::TableEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let wanted = Wanted::of(asked);
        if asked.table_id == 0 {
            for table in self.schema.tables.iter().filter(|table| allowed(&table.object)) {
                if asked.is_default_action {
                    sink(Kind::TableEntry(self.default_of(table, &self.default_view(table)?, wanted)));
                } else {
                    for view in self.state.entries(table.ir) {
                        sink(Kind::TableEntry(self.entry(table, &view, wanted)));
                    }
                }
            }
            return Ok(());
        }
        let table = self.schema.table(asked.table_id)?;
        if wanted.last_hit && !table.idle_timeout {
            return Err(Refusal::invalid(format!(
                "{}: time_since_last_hit is asked for, and the table does not support time-outs; leave it out",
                place(table)
            )));
        }
        if !allowed(&table.object) {
            return Ok(());
        }
        if asked.is_default_action {
            let entry = self.default_of(table, &self.default_view(table)?, wanted);
            if self.passes(asked, &entry) {
                sink(Kind::TableEntry(entry));
            }
            return Ok(());
        }
        for view in self.views(decoder, table, asked)? {
            let entry = self.entry(table, &view, wanted);
            if self.passes(asked, &entry) {
                sink(Kind::TableEntry(entry));
            }
        }
        Ok(())
    }

    /// Entries that a request names by match, or all; the priority is filtered besides.
    fn views(
        &self,
        decoder: &mut Decoder<'_>,
        table: &Table,
        asked: &v1::TableEntry,
    ) -> Result<Vec<EntryView>, Refusal> {
        if asked.r#match.is_empty() {
            return Ok(self.state.entries(table.ir));
        }
        if table.needs_priority && asked.priority == 0 {
            let matches = decoder.matches(&place(table), &table.fields, &asked.r#match)?;
            let mut views = self.state.entries(table.ir);
            views.retain(|view| same_matches(&view.spec.key.matches, &matches));
            return Ok(views);
        }
        let key = decoder.entry_key(table, asked)?;
        Ok(self.state.entry(&key).into_iter().collect())
    }

    fn passes(&self, asked: &v1::TableEntry, entry: &v1::TableEntry) -> bool {
        let action = |entry: &v1::TableEntry| match entry.action.as_ref().and_then(|a| a.r#type.as_ref()) {
            Some(ActionKind::Action(action)) => action.action_id,
            Some(_) | None => 0,
        };
        let wanted = action(asked);
        (wanted == 0 || wanted == action(entry))
            && (asked.priority == 0 || asked.priority == entry.priority)
            && (asked.controller_metadata == 0 || asked.controller_metadata == entry.controller_metadata)
            && (asked.metadata.is_empty() || asked.metadata == entry.metadata)
    }

    /// Reads what is attached to entries: of one, of a table's, or of all.
    fn read_direct(
        &self,
        decoder: &mut Decoder<'_>,
        asked: Option<&v1::TableEntry>,
        has: impl Fn(&Table) -> bool,
        allowed: &Allowed<'_>,
        mut sink: impl FnMut(v1::TableEntry, Attached),
    ) -> Result<(), Refusal> {
        let everything = v1::TableEntry::default();
        let asked = asked.unwrap_or(&everything);
        let tables: Vec<&Table> = match asked.table_id {
            0 => self.schema.tables.iter().filter(|table| has(table)).collect(),
            id => vec![self.schema.table(id)?],
        };
        for table in tables.into_iter().filter(|table| allowed(&table.object)) {
            if !has(table) {
                return Err(Refusal::invalid(format!(
                    "{} has none of that kind attached to its entries",
                    place(table)
                )));
            }
            if asked.is_default_action {
                let view = self.default_view(table)?;
                let entry = v1::TableEntry {
                    table_id: table.object.id,
                    is_default_action: true,
                    ..everything.clone()
                };
                sink(entry, Attached { counter: view.counter, meter: view.meter, colors: view.meter_colors });
                continue;
            }
            let views = if asked.table_id == 0 {
                self.state.entries(table.ir)
            } else {
                self.views(decoder, table, asked)?
            };
            if views.is_empty() && !asked.r#match.is_empty() {
                return Err(Refusal::not_found(format!("{} has no such entry", place(table))));
            }
            for view in views {
                let attached =
                    Attached { counter: view.counter, meter: view.meter, colors: view.meter_colors };
                sink(self.entry_key(table, &view.spec.key), attached);
            }
        }
        Ok(())
    }

    pub(crate) fn read_direct_counters(
        &self,
        decoder: &mut Decoder<'_>,
        asked: &v1::DirectCounterEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        self.read_direct(
            decoder,
            asked.table_entry.as_ref(),
            |table| table.has_counter,
            allowed,
            |entry, attached| {
                sink(Kind::DirectCounterEntry(v1::DirectCounterEntry {
                    table_entry: Some(entry),
                    data: attached.counter.map(counter_data),
                }));
            },
        )
    }

    pub(crate) fn read_direct_meters(
        &self,
        decoder: &mut Decoder<'_>,
        asked: &v1::DirectMeterEntry,
        allowed: &Allowed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Refusal> {
        let colors = asked.counter_data.is_some();
        self.read_direct(
            decoder,
            asked.table_entry.as_ref(),
            |table| table.meter.is_some(),
            allowed,
            |entry, attached| {
                sink(Kind::DirectMeterEntry(v1::DirectMeterEntry {
                    table_entry: Some(entry),
                    config: attached.meter.as_ref().map(meter_config),
                    counter_data: attached.colors.filter(|_| colors).map(colors_data),
                }));
            },
        )
    }
}

/// What is attached to an entry.
struct Attached {
    counter: Option<CounterValue>,
    meter: Option<MeterConfig>,
    colors: Option<[CounterValue; 3]>,
}
