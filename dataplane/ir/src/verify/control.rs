//! What the control plane sees: names and ids, actions' data, tables with their entries, and the objects with
//! state.

use std::collections::HashSet;

use crate::{
    ActionCall, ControlName, CounterUnit, Key, KeyMatch, MatchKind, Meter, Profile, Register, Table,
    TableEntry, TableId, Ty, ValueSet,
};

use super::{Checker, Part, Rule, limit};

impl Checker<'_> {
    pub(super) fn control_objects(&mut self) {
        self.names();
        self.action_data();
        self.counters_and_meters();
        let program = self.program;
        for (id, register) in &program.registers {
            self.within_part(id, &register.control.name, |c| c.register(register));
        }
        for (id, digest) in &program.digests {
            self.within_part(id, &digest.control.name, |c| {
                c.width_limit(digest.fields.iter().map(|(_, width)| u64::from(*width)).sum());
            });
        }
        for (id, profile) in &program.profiles {
            self.within_part(id, &profile.control.name, |c| c.profile(profile));
        }
        for (id, value_set) in &program.value_sets {
            self.within_part(id, &value_set.control.name, |c| c.value_set(value_set));
        }
        self.state_size();
    }

    fn names(&mut self) {
        let program = self.program;
        let kinds: [(&str, Vec<&ControlName>); 8] = [
            ("action", program.actions.values().map(|x| &x.control).collect()),
            ("table", program.tables.values().map(|x| &x.control).collect()),
            ("counter", program.counters.values().map(|x| &x.control).collect()),
            ("meter", program.meters.values().map(|x| &x.control).collect()),
            ("register", program.registers.values().map(|x| &x.control).collect()),
            ("digest", program.digests.values().map(|x| &x.control).collect()),
            ("profile", program.profiles.values().map(|x| &x.control).collect()),
            ("value set", program.value_sets.values().map(|x| &x.control).collect()),
        ];
        let mut ids = HashSet::new();
        for (kind, controls) in kinds {
            let mut names = HashSet::new();
            for control in controls.into_iter().filter(|control| control.id != 0) {
                self.within(format_args!("{kind} {}", control.name), |c| {
                    let id = control.id;
                    c.require(
                        ids.insert(id),
                        Rule::ControlName,
                        format_args!("id {id:#010x} is in use already"),
                    );
                    c.require(
                        names.insert(&control.name),
                        Rule::ControlName,
                        "there is one of that name already",
                    );
                });
            }
        }
    }

    fn action_data(&mut self) {
        let program = self.program;
        for (id, action) in &program.actions {
            self.within_part(id, &action.control.name, |c| {
                let mut slots = HashSet::new();
                for param in &action.params {
                    c.within(format_args!("parameter {}", param.name), |c| {
                        if !c.index(&program.vars, param.var) {
                            return;
                        }
                        c.require(
                            matches!(program.vars[param.var].ty, Ty::Bits(_)),
                            Rule::ActionData,
                            "it is a varbit",
                        );
                        let fresh = slots.insert(param.var);
                        c.require(fresh, Rule::ActionData, "its slot is another parameter's too");
                    });
                }
            });
        }
    }

    fn counters_and_meters(&mut self) {
        let program = self.program;
        for (id, counter) in &program.counters {
            self.within_part(id, &counter.control.name, |c| {
                c.direct_to(counter.table, |table| table.direct_counter == Some(id));
            });
        }
        for (id, meter) in &program.meters {
            self.within_part(id, &meter.control.name, |c| {
                c.direct_to(meter.table, |table| table.direct_meter == Some(id));
                c.meter_unit(meter);
            });
        }
    }

    fn direct_to(&mut self, table: Option<TableId>, names_it: impl Fn(&Table) -> bool) {
        let program = self.program;
        if let Some(table) = table
            && self.index(&program.tables, table)
        {
            let what = format_args!("{table} does not say that it is its own");
            self.require(names_it(&program.tables[table]), Rule::DirectState, what);
        }
    }

    fn meter_unit(&mut self, meter: &Meter) {
        match meter.unit {
            CounterUnit::Packets | CounterUnit::Bytes => {}
            CounterUnit::PacketsAndBytes => {
                self.report(Rule::Object, "a meter counts packets or bytes, not both")
            }
        }
    }

    fn register(&mut self, register: &Register) {
        self.width_limit(u64::from(register.width));
        let found = register.initial.width();
        let what = format_args!("the initial value has {found} bits, not {}", register.width);
        self.require(found == register.width, Rule::Object, what);
    }

    fn profile(&mut self, profile: &Profile) {
        self.entries_limit(profile.size);
        if let Some(selector) = &profile.selector {
            let what = format_args!("{} bits of hash are not within 1 to 64", selector.width);
            self.require((1..=64).contains(&selector.width), Rule::Object, what);
        }
    }

    fn value_set(&mut self, value_set: &ValueSet) {
        self.entries_limit(value_set.size);
        self.require(!value_set.keys.is_empty(), Rule::Object, "it has no keys");
        for (name, width, kind) in &value_set.keys {
            self.within(format_args!("key {name}"), |c| {
                c.width_limit(u64::from(*width));
                c.require(*kind != MatchKind::Selector, Rule::Object, "it is a selector key");
            });
        }
    }

    fn state_size(&mut self) {
        let program = self.program;
        let cells = |size: u64, cell_bytes: u64| size.saturating_mul(cell_bytes);
        let counters = program
            .counters
            .iter()
            .map(|(id, x)| (Part::Counter(id), cells(x.size, limit::COUNTER_CELL_BYTES)));
        let meters =
            program.meters.iter().map(|(id, x)| (Part::Meter(id), cells(x.size, limit::METER_CELL_BYTES)));
        let registers = program
            .registers
            .iter()
            .map(|(id, x)| (Part::Register(id), cells(x.size, 8 * u64::from(x.width.div_ceil(64).max(1)))));
        let sizes: Vec<(Part, u64)> = counters.chain(meters).chain(registers).collect();
        self.within("state", |c| c.total_limit(&sizes, limit::STATE_BYTES, "bytes of cells"));
    }

    pub(super) fn tables(&mut self) {
        let program = self.program;
        for (id, table) in &program.tables {
            self.within_part(id, &table.control.name, |c| {
                c.entries_limit(table.size);
                c.table_keys(table);
                c.table_actions(table);
                c.within("default action", |c| {
                    c.action_call(table, &table.default_action);
                    let chosen = table.actions.get(table.default_action.action);
                    c.require(
                        !chosen.is_some_and(|a| a.table_only),
                        Rule::ActionCall,
                        "the action is only for entries",
                    );
                });
                c.table_entries(table);
                if let Some(counter) = table.direct_counter
                    && c.index(&program.counters, counter)
                {
                    let back = program.counters[counter].table == Some(id);
                    c.require(back, Rule::DirectState, format_args!("{counter} is not direct to this table"));
                }
                if let Some(meter) = table.direct_meter
                    && c.index(&program.meters, meter)
                {
                    let back = program.meters[meter].table == Some(id);
                    c.require(back, Rule::DirectState, format_args!("{meter} is not direct to this table"));
                }
            });
        }
    }

    fn table_keys(&mut self, table: &Table) {
        let program = self.program;
        let mut has_selector = false;
        if let Some(profile) = table.profile
            && self.index(&program.profiles, profile)
        {
            has_selector = program.profiles[profile].selector.is_some();
        }
        for (i, key) in table.keys.iter().enumerate() {
            self.within(format_args!("key {i}"), |c| {
                c.typed(|t| t.exactly("the value", &key.expr, Ty::Bits(key.width)));
                c.require(
                    key.kind != MatchKind::Selector || has_selector,
                    Rule::TableKeys,
                    "it is a selector key, and the table has no selector",
                );
            });
        }
    }

    fn table_actions(&mut self, table: &Table) {
        let program = self.program;
        self.require(!table.actions.is_empty(), Rule::TableActions, "it has no actions");
        let mut seen = HashSet::new();
        for (i, action) in table.actions.iter().enumerate() {
            self.within(format_args!("action {i}"), |c| {
                c.index(&program.actions, action.action);
                let fresh = seen.insert(action.action);
                c.require(fresh, Rule::TableActions, format_args!("{} is listed twice", action.action));
            });
        }
    }

    fn action_call(&mut self, table: &Table, call: &ActionCall) {
        let program = self.program;
        let Some(chosen) = table.actions.get(call.action) else {
            let what =
                format_args!("there is no action {} in a list of {}", call.action, table.actions.len());
            return self.report(Rule::Index, what);
        };
        let Some(action) = program.actions.get(chosen.action) else { return };
        let (wanted, found) = (action.params.len(), call.args.len());
        let what = format_args!("{} takes {wanted} values, not {found}", chosen.action);
        self.require(wanted == found, Rule::ActionCall, what);
        for (param, arg) in action.params.iter().zip(&call.args) {
            let Some(var) = program.vars.get(param.var) else { continue };
            let what = format_args!("`{}` has {} bits, not {}", param.name, var.ty.width(), arg.width());
            self.require(var.ty.width() == arg.width(), Rule::ActionCall, what);
        }
    }

    fn table_entries(&mut self, table: &Table) {
        self.require(
            table.profile.is_none() || table.entries.is_empty(),
            Rule::TableEntry,
            "a table with a profile declares no entries",
        );
        for (i, entry) in table.entries.iter().enumerate() {
            self.within(format_args!("entry {i}"), |c| c.table_entry(table, entry));
        }
    }

    fn table_entry(&mut self, table: &Table, entry: &TableEntry) {
        self.action_call(table, &entry.action);
        let chosen = table.actions.get(entry.action.action);
        self.require(
            !chosen.is_some_and(|a| a.default_only),
            Rule::ActionCall,
            "the action is only for the default action",
        );
        let (wanted, found) = (table.keys.len(), entry.matches.len());
        let what = format_args!("{wanted} keys, and {found} matches");
        self.require(wanted == found, Rule::TableEntry, what);
        for (i, (key, key_match)) in table.keys.iter().zip(&entry.matches).enumerate() {
            self.within(format_args!("key {i}"), |c| c.key_match(key, key_match));
        }
        let ranked = table.keys.iter().any(|key| match key.kind {
            MatchKind::Ternary | MatchKind::Range | MatchKind::Optional => true,
            MatchKind::Exact | MatchKind::Lpm | MatchKind::Selector => false,
        });
        self.require(
            ranked || entry.priority == 0,
            Rule::TableEntry,
            "it has a priority, and no key needs one",
        );
    }

    fn key_match(&mut self, key: &Key, key_match: &KeyMatch) {
        let width = key.width;
        let wrong = |bits: &crate::Bits| bits.width() != width;
        let problem = match (key_match, key.kind) {
            (KeyMatch::Exact(value), MatchKind::Exact | MatchKind::Optional) => {
                wrong(value).then_some("the value is not of the key's width")
            }
            (KeyMatch::Lpm { value, prefix_len }, MatchKind::Lpm) => {
                if wrong(value) {
                    Some("the value is not of the key's width")
                } else if *prefix_len > width {
                    Some("the prefix is longer than the key")
                } else if value.trailing_zeros() < width - prefix_len {
                    Some("the value has bits beyond the prefix")
                } else {
                    None
                }
            }
            (KeyMatch::Ternary { value, mask }, MatchKind::Ternary) => {
                if wrong(value) || wrong(mask) {
                    Some("the value or the mask is not of the key's width")
                } else if value.and(mask) != *value {
                    Some("the value has bits outside the mask")
                } else {
                    None
                }
            }
            (KeyMatch::Range { low, high }, MatchKind::Range) => {
                if wrong(low) || wrong(high) {
                    Some("a bound is not of the key's width")
                } else if low.cmp_unsigned(high).is_gt() {
                    Some("the lower bound is above the upper one")
                } else {
                    None
                }
            }
            (KeyMatch::Any, MatchKind::Lpm | MatchKind::Ternary | MatchKind::Range | MatchKind::Optional) => {
                None
            }
            (
                KeyMatch::Exact(_)
                | KeyMatch::Lpm { .. }
                | KeyMatch::Ternary { .. }
                | KeyMatch::Range { .. }
                | KeyMatch::Any,
                MatchKind::Exact
                | MatchKind::Lpm
                | MatchKind::Ternary
                | MatchKind::Range
                | MatchKind::Optional
                | MatchKind::Selector,
            ) => Some("the key is of another kind"),
        };
        if let Some(what) = problem {
            self.report(Rule::TableEntry, what);
        }
    }
}
