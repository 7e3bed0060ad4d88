//! What a correct program may say and hardly mean: warnings, found on the checked program.
//!
//! * [`flow`] follows values and validity along the paths through a body.
//! * [`unused`] finds what nothing leads to.
//! * [`direct`] finds actions that use what belongs to the entries of another table.
//! * [`shadowed`] finds entries that others hide.
//!
//! Invariant: no warning is an error in disguise, and none is given for a program's sake that no packet could show:
//! where a path cannot be followed, nothing is said. Each is silenced by name, by `@noWarn("name")` on the declaration
//! around it or by `--allow`.

pub mod codes;
mod direct;
mod facts;
mod flow;
mod shadowed;
mod slots;
mod states;
mod unused;

use crate::arch;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::{Annotation, Program};
use crate::lower::{annotation, annotation_string};

/// Looks for what is probably not meant.
pub fn lint(program: &Program, diagnostics: &mut Diagnostics) {
    let arch = program.main.and_then(|main| arch::of(program, main));
    flow::lint(program, arch.and_then(|arch| arch.drop.as_ref()), diagnostics);
    unused::lint(program, diagnostics);
    if let Some(arch) = arch {
        direct::lint(program, arch.direct, diagnostics);
    }
    shadowed::lint(program, arch.and_then(|arch| arch.entry_rank), diagnostics);
}

/// Whether one of these annotations silences a warning.
pub(crate) fn is_silenced(annotations: &[Annotation], code: Code) -> bool {
    let name = crate::diag::codes::find(code.0).map_or("", |info| info.name);
    annotation(annotations, "noWarn")
        .and_then(annotation_string)
        .is_some_and(|silenced| silenced.replace('_', "-") == name)
}

/// Gives a warning unless a declaration around it silences it.
fn warn(diagnostics: &mut Diagnostics, around: &[&[Annotation]], diagnostic: Diagnostic) {
    if !around.iter().any(|annotations| is_silenced(annotations, diagnostic.code)) {
        diagnostics.emit(diagnostic);
    }
}
