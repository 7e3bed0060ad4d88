//! P4Info of a program that has been lowered, and the ids that its objects get.
//!
//! Objects stand in the order in which p4c finds them: blocks in the order of the package's parameters, in each of
//! them what is declared, nested instances in place. What the program never applies is not there, but extern objects
//! of what is applied are.

use heddle_ir as ir;
use heddle_ir::Stmt;
use num_traits::ToPrimitive;

use super::notes::{field_ids, int_pairs, notes, string_pairs};
use super::symbols::{BadId, Kind, Symbols};
use super::*;
use hashbrown::{HashMap, HashSet};

use crate::hir::{self, Annotation, Direction, Ty, VariableKind};
use crate::lower::{
    CValue, ExternObject, InstId, InstKind, Lowerer, annotation, annotation_ints, annotation_string, codes,
    optimise, qualified, walk,
};

/// What is there, in order.
#[derive(Debug, Default)]
struct Objects {
    /// Instances of externs, each once.
    externs: Vec<InstId>,
    /// Tables with the control they are in.
    tables: Vec<(InstId, hir::TableId, ir::TableId)>,
    actions: Vec<ActionObject>,
    value_sets: Vec<ir::ValueSetId>,
}

/// What is applied and called in each parser and control.
#[derive(Debug, Default)]
struct Uses {
    tables: HashMap<InstId, Vec<(hir::TableId, ir::TableId)>>,
    /// Actions that are called directly.
    actions: HashMap<InstId, Vec<hir::ActionId>>,
}

/// An action that tables run or that is called where its control is applied.
#[derive(Clone, Debug)]
struct ActionObject {
    decl: hir::ActionId,
    name: String,
    /// Whether a table runs it, so that the control plane gives its data.
    in_table: bool,
}

impl Lowerer<'_> {
    /// Computes ids, gives them to the pipeline's objects, and describes these.
    pub(crate) fn control_plane(&mut self) -> P4Info {
        let objects = self.collect();
        let symbols = self.symbols(&objects);
        self.assign_ids(&symbols);
        self.describe(&objects, &symbols)
    }

    fn collect(&self) -> Objects {
        let mut objects = Objects::default();
        let Some(main) = self.hir.main else { return objects };
        for instance in &self.hir.top_level {
            if let Some(inst) = self.global_inst(*instance)
                && let InstKind::Extern(..) = self.insts[inst].kind
            {
                objects.externs.push(inst);
            }
        }
        if let Some(main) = self.global_inst(main) {
            let mut uses = Uses::default();
            for (inst, table, id) in &self.table_order {
                uses.tables.entry(*inst).or_default().push((*table, *id));
            }
            for (inst, action) in &self.direct_actions {
                uses.actions.entry(*inst).or_default().push(*action);
            }
            self.collect_package(main, &uses, &mut objects);
        }
        self.leave_out_useless_registers(&mut objects);
        objects
    }

    /// A register that makes no difference to any packet is left out if its type goes by a `typedef`, and there if it
    /// does not: p4c removes it with the last read of it, and recognises what the control plane may want by the name
    /// of the type.
    fn leave_out_useless_registers(&self, objects: &mut Objects) {
        let register = |inst: InstId| match self.insts[inst].kind {
            InstKind::Extern(_, _, ExternObject::Register(id)) => {
                self.hir.instances[self.insts[inst].hir].by_typedef.then_some(id)
            }
            InstKind::Extern(..) | InstKind::Parser(_) | InstKind::Control(_) | InstKind::Package => None,
        };
        if !objects.externs.iter().any(|inst| register(*inst).is_some()) {
            return;
        }
        let mut program = self.ir.clone();
        optimise(&mut program);
        let mut used = HashSet::new();
        walk::blocks(&mut program, &mut |block| {
            walk::stmts(block, &mut |stmt| {
                if let Stmt::RegisterRead { register, .. } | Stmt::RegisterWrite { register, .. } = stmt {
                    used.insert(*register);
                }
            });
        });
        objects.externs.retain(|inst| register(*inst).is_none_or(|id| used.contains(&id)));
    }

    fn collect_package(&self, package: InstId, uses: &Uses, objects: &mut Objects) {
        for arg in self.insts[package].args.iter().flatten() {
            if let CValue::Instance(inst) = arg {
                match self.insts[*inst].kind {
                    InstKind::Package => self.collect_package(*inst, uses, objects),
                    InstKind::Parser(_) | InstKind::Control(_) => self.collect_block(*inst, uses, objects),
                    InstKind::Extern(..) => {
                        if !objects.externs.contains(inst) {
                            objects.externs.push(*inst);
                        }
                    }
                }
            }
        }
    }

    /// What is declared in a parser or control that is applied somewhere.
    fn collect_block(&self, inst: InstId, uses: &Uses, objects: &mut Objects) {
        if !self.applied.contains(&inst) {
            return;
        }
        enum Item {
            Inst(InstId),
            Table(hir::TableId, ir::TableId),
        }
        let mut items: Vec<(u32, Item)> = Vec::new();
        for (instance, child) in &self.insts[inst].children {
            items.push((self.hir.instances[*instance].decl.span.start, Item::Inst(*child)));
        }
        for (table, id) in uses.tables.get(&inst).into_iter().flatten() {
            items.push((self.hir.tables[*table].decl.span.start, Item::Table(*table, *id)));
        }
        items.sort_by_key(|(at, _)| *at);

        // Actions of the top level come first, then the control's own, as far as anybody uses them.
        let mut used: Vec<ActionObject> = Vec::new();
        for (_, item) in &items {
            if let Item::Table(_, id) = item {
                for action in &self.ir.tables[*id].actions {
                    let name = self.ir.actions[action.action].control.name.clone();
                    if let Some(decl) = self.action_origins.get(&action.action) {
                        used.push(ActionObject { decl: *decl, name, in_table: true });
                    }
                }
            }
        }
        for decl in uses.actions.get(&inst).into_iter().flatten() {
            let prefix = match self.hir.actions[*decl].control {
                Some(_) => self.insts[inst].name.as_str(),
                None => "",
            };
            let name = qualified(prefix, &self.hir.actions[*decl].decl);
            used.push(ActionObject { decl: *decl, name, in_table: false });
        }
        let origin = |object: &ActionObject| &self.hir.actions[object.decl];
        let (mut own, global): (Vec<_>, Vec<_>) = used.into_iter().partition(|a| origin(a).control.is_some());
        objects.actions.extend(global);
        own.sort_by_key(|a| origin(a).decl.span.start);
        // Nested controls stand where they are declared, their actions with them.
        let mut own = own.into_iter().peekable();
        for (at, item) in items {
            while let Some(action) = own.next_if(|a| origin(a).decl.span.start < at) {
                objects.actions.push(action);
            }
            match item {
                Item::Table(table, id) => objects.tables.push((inst, table, id)),
                Item::Inst(child) => match self.insts[child].kind {
                    InstKind::Extern(..) => objects.externs.push(child),
                    InstKind::Parser(_) | InstKind::Control(_) => self.collect_block(child, uses, objects),
                    InstKind::Package => {}
                },
            }
        }
        objects.actions.extend(own);
        let mut sets: Vec<ir::ValueSetId> = self.value_sets_of(inst);
        sets.sort_by_key(|id| {
            self.value_set_origins.get(id).map_or(0, |v| self.hir.value_sets[*v].decl.span.start)
        });
        objects.value_sets.extend(sets);
    }

    fn extern_decl(&self, inst: InstId) -> &hir::Decl {
        &self.hir.instances[self.insts[inst].hir].decl
    }

    fn extern_kind(&self, inst: InstId) -> Option<Kind> {
        let InstKind::Extern(_, _, object) = self.insts[inst].kind else { return None };
        Some(match object {
            ExternObject::Stateless => return None,
            ExternObject::Counter(_) => Kind::Counter,
            ExternObject::DirectCounter(_) => Kind::DirectCounter,
            ExternObject::Meter(_) => Kind::Meter,
            ExternObject::DirectMeter(..) => Kind::DirectMeter,
            ExternObject::Register(_) => Kind::Register,
            ExternObject::Profile(_) => Kind::ActionProfile,
        })
    }

    fn symbols(&mut self, objects: &Objects) -> Symbols {
        let mut named: Vec<(Kind, String, Option<hir::Decl>)> = Vec::new();
        for action in &objects.actions {
            named.push((Kind::Action, action.name.clone(), Some(self.hir.actions[action.decl].decl.clone())));
        }
        for (_, table, id) in &objects.tables {
            let decl = self.hir.tables[*table].decl.clone();
            named.push((Kind::Table, self.ir.tables[*id].control.name.clone(), Some(decl)));
        }
        for id in &objects.value_sets {
            let decl = self.value_set_origins.get(id).map(|v| self.hir.value_sets[*v].decl.clone());
            named.push((Kind::ValueSet, self.ir.value_sets[*id].control.name.clone(), decl));
        }
        for inst in &objects.externs {
            if let Some(kind) = self.extern_kind(*inst) {
                named.push((kind, self.insts[*inst].name.clone(), Some(self.extern_decl(*inst).clone())));
            }
        }
        for composite in self.hir.types.composites.values() {
            if annotation(&composite.decl.annotations, "controller_header").is_some() {
                let name = self.type_name(&composite.decl);
                named.push((Kind::ControllerHeader, name, Some(composite.decl.clone())));
            }
        }
        for digest in self.ir.digests.values() {
            named.push((Kind::Digest, digest.control.name.clone(), None));
        }
        let mut symbols = Symbols::default();
        let mut seen = HashSet::new();
        for (kind, name, decl) in named {
            let fresh = seen.insert((kind as u8, name.clone()));
            if !fresh && kind != Kind::Action {
                let span = decl.as_ref().map(|d| d.span).unwrap_or_default();
                let message = format!("the control plane would know two objects of this kind as `{name}`");
                let _ = self.error::<()>(codes::INVALID_ANNOTATION, span, message);
            }
            let given = decl.as_ref().and_then(|d| annotation(&d.annotations, "id"));
            let id = given.and_then(|a| annotation_ints(a).first().and_then(ToPrimitive::to_u32));
            let span = given.map(|a| a.span).unwrap_or_default();
            if given.is_some() && id.is_none() {
                let message = "the annotation `@id` takes one number of 32 bits";
                let _ = self.error::<()>(codes::INVALID_ANNOTATION, span, message);
            }
            let why = match symbols.add(kind, &name, id) {
                Ok(()) => continue,
                Err(BadId::WrongPrefix) => "this `@id` has the first byte of another kind of object",
                Err(BadId::Taken) => "this `@id` is given to another object too",
            };
            // Reported; the object gets an id by its name.
            let _ = self.error::<()>(codes::INVALID_ANNOTATION, span, why);
        }
        symbols.assign();
        symbols
    }

    fn assign_ids(&mut self, symbols: &Symbols) {
        let set = |control: &mut ir::ControlName, kind: Kind| control.id = symbols.id(kind, &control.name);
        self.ir.actions.values_mut().for_each(|a| set(&mut a.control, Kind::Action));
        self.ir.tables.values_mut().for_each(|t| set(&mut t.control, Kind::Table));
        self.ir.value_sets.values_mut().for_each(|v| set(&mut v.control, Kind::ValueSet));
        self.ir.registers.values_mut().for_each(|r| set(&mut r.control, Kind::Register));
        self.ir.profiles.values_mut().for_each(|p| set(&mut p.control, Kind::ActionProfile));
        self.ir.digests.values_mut().for_each(|d| set(&mut d.control, Kind::Digest));
        let direct: Vec<(ExternObject, bool)> = self
            .insts
            .values()
            .filter_map(|inst| match inst.kind {
                InstKind::Extern(_, _, object) => Some((object, true)),
                InstKind::Parser(_) | InstKind::Control(_) | InstKind::Package => None,
            })
            .collect();
        for (object, _) in direct {
            match object {
                ExternObject::Counter(id) => set(&mut self.ir.counters[id].control, Kind::Counter),
                ExternObject::DirectCounter(id) => {
                    set(&mut self.ir.counters[id].control, Kind::DirectCounter)
                }
                ExternObject::Meter(id) => set(&mut self.ir.meters[id].control, Kind::Meter),
                ExternObject::DirectMeter(id, _) => set(&mut self.ir.meters[id].control, Kind::DirectMeter),
                ExternObject::Stateless | ExternObject::Register(_) | ExternObject::Profile(_) => {}
            }
        }
    }

    fn describe(&mut self, objects: &Objects, symbols: &Symbols) -> P4Info {
        let mut info = P4Info { pkg_info: self.pkg_info(), ..P4Info::default() };
        let mut types = TypeInfo::default();
        // p4c writes `type_info` as soon as anything could have mentioned a type.
        let mut has_types = false;
        for inst in &objects.externs {
            has_types = true;
            self.describe_extern(*inst, symbols, &mut info, &mut types, objects);
        }
        let is_direct = |inst: &InstId| match self.insts[*inst].kind {
            InstKind::Extern(_, _, ExternObject::DirectCounter(_) | ExternObject::DirectMeter(..)) => true,
            InstKind::Extern(..) | InstKind::Parser(_) | InstKind::Control(_) | InstKind::Package => false,
        };
        let direct: Vec<InstId> = self.insts.keys().filter(is_direct).collect();
        for (_, table, id) in &objects.tables {
            let lowered = &self.ir.tables[*id];
            if lowered.control.hidden {
                continue;
            }
            has_types = true;
            let described = self.describe_table(*table, lowered, symbols, &mut types);
            info.tables.push(described);
            self.describe_direct(*id, &direct, symbols, &mut info);
        }
        let mut seen: HashSet<&str> = HashSet::new();
        let in_tables: HashSet<&str> =
            objects.actions.iter().filter(|a| a.in_table).map(|a| a.name.as_str()).collect();
        for action in &objects.actions {
            let hidden = annotation(&self.hir.actions[action.decl].decl.annotations, "hidden").is_some();
            if hidden || !seen.insert(&action.name) {
                continue;
            }
            let mut described = self.describe_action(action.decl, &action.name, symbols, &mut types);
            if !in_tables.contains(action.name.as_str()) {
                described.params.clear();
            }
            has_types |= !described.params.is_empty();
            info.actions.push(described);
        }
        for composite in self.hir.types.composites.keys() {
            if let Some(header) = self.describe_controller_header(composite, symbols, &mut types) {
                has_types = true;
                info.controller_packet_metadata.push(header);
            }
        }
        for id in &objects.value_sets {
            let described = self.describe_value_set(*id, symbols);
            info.value_sets.extend(described);
        }
        for digest in &self.arch_state.digests {
            has_types = true;
            let Some(type_spec) = self.data_type(&digest.ty, &mut types) else { continue };
            let preamble = preamble(symbols, Kind::Digest, &digest.name, &[], &[]);
            info.digests.push(Digest { preamble, type_spec });
        }
        info.type_info = (has_types || self.calls_extern_functions).then_some(types);
        info
    }

    fn pkg_info(&self) -> Option<PkgInfo> {
        let main = &self.hir.instances[self.hir.main?].decl;
        let mut pkg = PkgInfo { arch: self.arch.name.to_owned(), ..PkgInfo::default() };
        let notes = notes(&main.annotations, &["pkginfo", "platform_property"]);
        (pkg.annotations, pkg.structured_annotations, pkg.doc) =
            (notes.annotations, notes.structured_annotations, notes.doc);
        for (key, value) in annotation(&main.annotations, "pkginfo").map(string_pairs).unwrap_or_default() {
            match key.as_str() {
                "name" => pkg.name = value,
                "version" => pkg.version = value,
                "organization" => pkg.organization = value,
                "contact" => pkg.contact = value,
                "url" => pkg.url = value,
                "arch" => pkg.arch = value,
                _ => {}
            }
        }
        if let Some(found) = annotation(&main.annotations, "platform_property") {
            for name in [
                "multicast_group_table_size",
                "multicast_group_table_total_replicas",
                "multicast_group_table_max_replicas_per_entry",
            ] {
                if let Some((_, value)) = int_pairs(found).into_iter().find(|(key, _)| key == name) {
                    pkg.platform_properties.push((name.to_owned(), value));
                }
            }
        }
        Some(pkg)
    }

    fn describe_table(
        &self,
        table: hir::TableId,
        lowered: &ir::Table,
        symbols: &Symbols,
        types: &mut TypeInfo,
    ) -> Table {
        let decl = &self.hir.tables[table];
        let name = &lowered.control.name;
        let action_id =
            |action: ir::ActionId| symbols.id(Kind::Action, &self.ir.actions[action].control.name);
        let mut described = Table {
            preamble: preamble(symbols, Kind::Table, name, &decl.decl.annotations, &[]),
            size: decl
                .size
                .as_ref()
                .and_then(|_| i64::try_from(lowered.size).ok())
                .filter(|size| *size != 0)
                .unwrap_or(1024),
            idle_timeout: lowered.idle_timeout,
            is_const_table: decl.const_entries,
            has_initial_entries: !decl.entries.is_empty(),
            ..Table::default()
        };
        let ids = field_ids(decl.keys.iter().map(|k| k.annotations.as_slice()));
        let matched = decl.keys.iter().zip(ids).filter(|(key, _)| &*key.match_kind != "selector");
        let lowered_keys = lowered.keys.iter().filter(|k| k.kind != ir::MatchKind::Selector);
        for ((key, id), lowered) in matched.zip(lowered_keys) {
            let match_type = match_type(lowered.kind);
            let _ = self.data_type(&key.expr.ty, types);
            described.match_fields.push(MatchField {
                id,
                name: lowered.name.clone(),
                notes: notes(&key.annotations, &[]),
                bitwidth: self.control_width(&key.expr.ty),
                match_type,
                type_name: self.new_type_name(&key.expr.ty),
            });
        }
        for (used, lowered) in decl.actions.iter().zip(&lowered.actions) {
            described.action_refs.push(ActionRef {
                id: action_id(lowered.action),
                notes: Notes { doc: None, ..notes(&used.annotations, &[]) },
                scope: match (lowered.table_only, lowered.default_only) {
                    (true, _) => Scope::TableOnly,
                    (false, true) => Scope::DefaultOnly,
                    (false, false) => Scope::TableAndDefault,
                },
            });
        }
        if let Some(default) = lowered.actions.get(lowered.default_action.action) {
            let id = action_id(default.action);
            if decl.const_default {
                described.const_default_action_id = id;
            }
            let params =
                self.action_origins.get(&default.action).map(|a| self.data_params(*a)).unwrap_or_default();
            let ids = field_ids(params.iter().map(|p| self.hir.variables[*p].decl.annotations.as_slice()));
            let arguments = ids
                .into_iter()
                .zip(&lowered.default_action.args)
                .map(|(id, bits)| (id, bits.to_be_bytes()))
                .collect();
            described.initial_default_action = Some(TableActionCall { action_id: id, arguments });
        }
        if let Some(profile) = lowered.profile {
            described.implementation_id =
                symbols.id(Kind::ActionProfile, &self.ir.profiles[profile].control.name);
        }
        let counter = lowered
            .direct_counter
            .map(|c| symbols.id(Kind::DirectCounter, &self.ir.counters[c].control.name));
        let meter =
            lowered.direct_meter.map(|m| symbols.id(Kind::DirectMeter, &self.ir.meters[m].control.name));
        described.direct_resource_ids = counter.into_iter().chain(meter).collect();
        described
    }

    /// A table's direct counter and meter.
    fn describe_direct(&self, table: ir::TableId, direct: &[InstId], symbols: &Symbols, info: &mut P4Info) {
        if self.ir.tables[table].direct_counter.is_none() && self.ir.tables[table].direct_meter.is_none() {
            return;
        }
        let table = &self.ir.tables[table];
        let direct_table_id = symbols.id(Kind::Table, &table.control.name);
        for &inst in direct {
            let InstKind::Extern(_, _, object) = self.insts[inst].kind else { continue };
            let annotations = &self.extern_decl(inst).annotations;
            let name = &self.insts[inst].name;
            match object {
                ExternObject::DirectCounter(id) if table.direct_counter == Some(id) => {
                    info.direct_counters.push(DirectCounter {
                        preamble: preamble(symbols, Kind::DirectCounter, name, annotations, &[]),
                        unit: unit(self.ir.counters[id].unit),
                        direct_table_id,
                    });
                }
                ExternObject::DirectMeter(id, _) if table.direct_meter == Some(id) => {
                    info.direct_meters.push(DirectMeter {
                        preamble: preamble(symbols, Kind::DirectMeter, name, annotations, &[]),
                        unit: unit(self.ir.meters[id].unit),
                        meter_type: meter_type(annotations),
                        direct_table_id,
                    });
                }
                ExternObject::Stateless
                | ExternObject::Counter(_)
                | ExternObject::DirectCounter(_)
                | ExternObject::Meter(_)
                | ExternObject::DirectMeter(..)
                | ExternObject::Register(_)
                | ExternObject::Profile(_) => {}
            }
        }
    }

    fn data_params(&self, action: hir::ActionId) -> Vec<hir::VariableId> {
        let params = &self.hir.actions[action].params;
        params
            .iter()
            .copied()
            .filter(|p| self.hir.variables[*p].kind == VariableKind::Param(Direction::None))
            .collect()
    }

    fn describe_action(
        &self,
        action: hir::ActionId,
        name: &str,
        symbols: &Symbols,
        types: &mut TypeInfo,
    ) -> Action {
        let decl = &self.hir.actions[action];
        let params = self.data_params(action);
        let ids = field_ids(params.iter().map(|p| self.hir.variables[*p].decl.annotations.as_slice()));
        let params = params
            .into_iter()
            .zip(ids)
            .map(|(param, id)| {
                let variable = &self.hir.variables[param];
                let _ = self.data_type(&variable.ty, types);
                self.param(&variable.decl, &variable.ty, id)
            })
            .collect();
        Action { preamble: preamble(symbols, Kind::Action, name, &decl.decl.annotations, &[]), params }
    }

    fn param(&self, decl: &hir::Decl, ty: &Ty, id: u32) -> Param {
        let type_name = self.new_type_name(ty).or_else(|| match ty {
            Ty::Enum(id) if self.hir.types.enums[*id].underlying.is_none() => {
                Some(self.type_name(&self.hir.types.enums[*id].decl))
            }
            _ => None,
        });
        Param {
            id,
            name: annotation(&decl.annotations, "name")
                .and_then(annotation_string)
                .unwrap_or_else(|| decl.name.to_string()),
            notes: notes(&decl.annotations, &[]),
            bitwidth: self.control_width(ty),
            type_name,
        }
    }

    fn describe_extern(
        &mut self,
        inst: InstId,
        symbols: &Symbols,
        info: &mut P4Info,
        types: &mut TypeInfo,
        objects: &Objects,
    ) {
        let InstKind::Extern(_, _, object) = self.insts[inst].kind else { return };
        let name = self.insts[inst].name.clone();
        let annotations = self.extern_decl(inst).annotations.clone();
        let index_type = |l: &Self, types: &mut TypeInfo, at: usize| {
            let ty = l.insts[inst].type_args.get(at)?;
            let _ = l.data_type(ty, types);
            l.new_type_name(ty)
        };
        match object {
            ExternObject::Counter(id) => {
                let index_type_name = index_type(self, types, 0);
                let counter = &self.ir.counters[id];
                info.counters.push(Counter {
                    preamble: preamble(symbols, Kind::Counter, &name, &annotations, &[]),
                    unit: unit(counter.unit),
                    size: i64::try_from(counter.size).unwrap_or(i64::MAX),
                    index_type_name,
                });
            }
            ExternObject::Meter(id) => {
                let index_type_name = index_type(self, types, 0);
                let meter = &self.ir.meters[id];
                info.meters.push(Meter {
                    preamble: preamble(symbols, Kind::Meter, &name, &annotations, &[]),
                    unit: unit(meter.unit),
                    meter_type: meter_type(&annotations),
                    size: i64::try_from(meter.size).unwrap_or(i64::MAX),
                    index_type_name,
                });
            }
            ExternObject::Register(id) => {
                let index_type_name = index_type(self, types, 1);
                let Some(ty) = self.insts[inst].type_args.first() else { return };
                let Some(type_spec) = self.data_type(ty, types) else { return };
                info.registers.push(Register {
                    preamble: preamble(symbols, Kind::Register, &name, &annotations, &[]),
                    type_spec,
                    size: i32::try_from(self.ir.registers[id].size).unwrap_or(i32::MAX),
                    index_type_name,
                });
            }
            ExternObject::Profile(id) => {
                let described = self.describe_profile(inst, id, symbols, objects);
                info.action_profiles.push(described);
            }
            // Described with their tables.
            ExternObject::DirectCounter(_) | ExternObject::DirectMeter(..) | ExternObject::Stateless => {}
        }
    }

    fn describe_profile(
        &mut self,
        inst: InstId,
        id: ir::ProfileId,
        symbols: &Symbols,
        objects: &Objects,
    ) -> ActionProfile {
        let name = self.insts[inst].name.clone();
        let annotations = match self.property_decls.get(&inst) {
            Some(decl) => decl.annotations.clone(),
            None => self.extern_decl(inst).annotations.clone(),
        };
        let profile = &self.ir.profiles[id];
        let with_selector = profile.selector.is_some();
        let mut tables: Vec<&str> = objects
            .tables
            .iter()
            .map(|(_, _, table)| &self.ir.tables[*table])
            .filter(|table| table.profile == Some(id))
            .map(|table| table.control.name.as_str())
            .collect();
        tables.sort_unstable();
        let own = ["max_group_size", "selector_size_semantics", "max_member_weight"];
        let first = |name: &str| {
            annotation(&annotations, name)
                .and_then(|a| annotation_ints(a).first().and_then(ToPrimitive::to_u32))
        };
        let semantics = annotation(&annotations, "selector_size_semantics").and_then(annotation_string);
        ActionProfile {
            preamble: preamble(symbols, Kind::ActionProfile, &name, &annotations, &own),
            table_ids: tables.into_iter().map(|table| symbols.id(Kind::Table, table)).collect(),
            with_selector,
            size: i64::try_from(profile.size).unwrap_or(i64::MAX),
            max_group_size: first("max_group_size").filter(|_| with_selector).unwrap_or(0),
            size_semantics: match semantics.map(|s| s.to_ascii_lowercase()).as_deref() {
                Some("sum_of_weights") if with_selector => Some(SizeSemantics::SumOfWeights),
                Some("sum_of_members") if with_selector => {
                    Some(SizeSemantics::SumOfMembers(first("max_member_weight").unwrap_or(0)))
                }
                _ => None,
            },
        }
    }

    fn describe_controller_header(
        &self,
        id: hir::CompositeId,
        symbols: &Symbols,
        types: &mut TypeInfo,
    ) -> Option<ControllerPacketMetadata> {
        let decl = &self.hir.types.composites[id].decl;
        let given = annotation(&decl.annotations, "controller_header").and_then(annotation_string)?;
        if annotation(&decl.annotations, "hidden").is_some() {
            return None;
        }
        let mut flat = Vec::new();
        self.flat_header_fields(&Ty::Composite(id, std::sync::Arc::new([])), "", &mut flat);
        let ids = field_ids(flat.iter().map(|(decl, _)| decl.annotations.as_slice()));
        let mut metadata = Vec::new();
        for ((decl, ty), id) in flat.iter().zip(ids) {
            if annotation(&decl.annotations, "hidden").is_none() {
                let _ = self.data_type(ty, types);
                metadata.push(self.param(decl, ty, id));
            }
        }
        let mut preamble =
            preamble(symbols, Kind::ControllerHeader, &self.type_name(decl), &decl.annotations, &[]);
        (preamble.name, preamble.alias) = (given.clone(), given);
        Some(ControllerPacketMetadata { preamble, metadata })
    }

    fn flat_header_fields(&self, ty: &Ty, prefix: &str, into: &mut Vec<(hir::Decl, Ty)>) {
        let Ty::Composite(id, _) = ty else { return };
        let types: Vec<Ty> = self.fields(ty).into_iter().map(|(_, ty)| ty).collect();
        for (field, ty) in self.hir.types.composites[*id].fields.iter().zip(types) {
            let name = format!("{prefix}{}", field.decl.name);
            if let Ty::Composite(..) = self.strip(&ty) {
                self.flat_header_fields(&self.strip(&ty), &format!("{name}."), into);
            } else {
                into.push((hir::Decl { name: name.into(), ..field.decl.clone() }, ty));
            }
        }
    }

    fn describe_value_set(&self, id: ir::ValueSetId, symbols: &Symbols) -> Option<ValueSet> {
        let lowered = &self.ir.value_sets[id];
        let decl = &self.hir.value_sets[*self.value_set_origins.get(&id)?];
        let annotations: Vec<Vec<Annotation>> = match self.strip(&decl.element) {
            Ty::Composite(id, _) => {
                self.hir.types.composites[id].fields.iter().map(|f| f.decl.annotations.clone()).collect()
            }
            _ => vec![Vec::new(); lowered.keys.len()],
        };
        let ids = field_ids(annotations.iter().map(|a| a.as_slice()));
        let matches = lowered
            .keys
            .iter()
            .zip(annotations.iter().zip(ids))
            .map(|((name, width, kind), (annotations, id))| MatchField {
                id,
                name: name.clone(),
                notes: notes(annotations, &["match"]),
                bitwidth: *width,
                match_type: match_type(*kind),
                type_name: None,
            })
            .collect();
        Some(ValueSet {
            preamble: preamble(symbols, Kind::ValueSet, &lowered.control.name, &decl.decl.annotations, &[]),
            matches,
            size: i32::try_from(lowered.size).unwrap_or(i32::MAX),
        })
    }
}

fn match_type(kind: ir::MatchKind) -> MatchType {
    match kind {
        ir::MatchKind::Exact => MatchType::Exact,
        ir::MatchKind::Lpm => MatchType::Lpm,
        ir::MatchKind::Ternary => MatchType::Ternary,
        ir::MatchKind::Range => MatchType::Range,
        ir::MatchKind::Optional => MatchType::Optional,
        ir::MatchKind::Selector => MatchType::Other("selector".to_owned()),
    }
}

/// The type that a meter's annotations give it (P4Runtime, "Meter & DirectMeter").
fn meter_type(annotations: &[Annotation]) -> MeterType {
    if annotation(annotations, "single_rate_three_color").is_some() {
        MeterType::SingleRateThreeColor
    } else if annotation(annotations, "single_rate_two_color").is_some() {
        MeterType::SingleRateTwoColor
    } else {
        MeterType::TwoRateThreeColor
    }
}

fn unit(unit: ir::CounterUnit) -> Unit {
    match unit {
        ir::CounterUnit::Packets => Unit::Packets,
        ir::CounterUnit::Bytes => Unit::Bytes,
        ir::CounterUnit::PacketsAndBytes => Unit::Both,
    }
}

fn preamble(
    symbols: &Symbols,
    kind: Kind,
    name: &str,
    annotations: &[Annotation],
    without: &[&str],
) -> Preamble {
    let notes = notes(annotations, without);
    Preamble {
        id: symbols.id(kind, name),
        name: name.to_owned(),
        alias: symbols.alias(name),
        annotations: notes.annotations,
        doc: notes.doc,
        structured_annotations: notes.structured_annotations,
    }
}
