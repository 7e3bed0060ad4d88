//! Direct counters and meters that are used where the entry that matched has none.

use hashbrown::HashSet;

use super::codes::DIRECT_EXTERN;
use super::unused::Uses;
use super::warn;
use crate::arch::Direct;
use crate::diag::{Diagnostic, Diagnostics};
use crate::hir::{ExprKind, InstanceId, Instantiated, Program, Table};
use crate::source::Span;

pub(super) fn lint(program: &Program, kinds: &[Direct], diagnostics: &mut Diagnostics) {
    let kind_of = |object: InstanceId| match program.instances[object].of {
        Instantiated::Extern(id, _) => {
            let name = &program.types.externs[id].decl.name;
            kinds.iter().find(|kind| kind.object == &**name)
        }
        Instantiated::Parser(_) | Instantiated::Control(_) | Instantiated::Package(_) => None,
    };
    let used: Vec<Vec<(InstanceId, Span, &Direct)>> = program
        .actions
        .values()
        .map(|action| {
            let mut uses = Uses::new(program);
            uses.block(&action.body);
            let direct = |(object, at)| kind_of(object).map(|kind| (object, at, kind));
            uses.objects.into_iter().filter_map(direct).collect()
        })
        .collect();
    if used.iter().all(Vec::is_empty) {
        return;
    }
    let mut reported = HashSet::new();
    for table in program.tables.values() {
        for action in &table.actions {
            let decl = &program.actions[action.action].decl;
            for &(object, at, kind) in &used[action.action.as_u32() as usize] {
                if has(table, kind, object) || !reported.insert(at) {
                    continue;
                }
                let name = &program.instances[object].decl.name;
                let (table, property) = (&table.decl, kind.property);
                let message = format!("`{name}` belongs to no entry of the table `{}`", table.name);
                let diagnostic = Diagnostic::warning(DIRECT_EXTERN, at, message)
                    .label(action.span, "which runs this action")
                    .help(format!("give the table `{property} = {name};`"));
                warn(diagnostics, &[&decl.annotations, &table.annotations], diagnostic);
            }
        }
    }
}

/// Whether the entries of a table have it.
fn has(table: &Table, kind: &Direct, object: InstanceId) -> bool {
    table
        .properties
        .iter()
        .filter(|property| &*property.decl.name == kind.property)
        .any(|property| matches!(&property.value.kind, ExprKind::Instance(given) if *given == object))
}
