//! Programs with mistakes under `tests/cases/diag`, and what `heddle check` says of them, in the `.stderr` beside
//! each. `UPDATE_EXPECT=1` rewrites those. Every finding has to point at the source, and every warning be silenced by its
//! name.

use std::collections::BTreeSet;
use std::path::Path;

use heddle_p4::CompileOptions;
use heddle_p4::diag::{Severity, Style, codes};
use heddle_tests::Under;

fn case(p4: &Path) -> datatest_stable::Result<()> {
    // Relative to the case, so that paths in messages do not depend on where the tests run.
    let name_of_case = p4.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = Under(p4.parent().unwrap_or(Path::new(".")).to_owned());
    let compilation = heddle_p4::compile(&files, &name_of_case, &CompileOptions::default());
    let rendered = compilation.diagnostics.render(&compilation.source_map, Style::Plain);
    if rendered.is_empty() {
        return Err("a diagnostics case has to have diagnostics".into());
    }
    expect_test::expect_file![std::path::absolute(p4.with_extension("stderr"))?].assert_eq(&rendered);
    for diagnostic in compilation.diagnostics.iter() {
        if diagnostic.span().is_nowhere() {
            return Err(format!("{}: `{}` points at nothing", diagnostic.code, diagnostic.message).into());
        }
    }
    let warnings = compilation.diagnostics.iter().filter(|d| d.severity == Severity::Warning);
    let names: BTreeSet<&str> =
        warnings.filter_map(|d| codes::find(d.code.0)).map(|info| info.name).collect();
    for name in names {
        let options = CompileOptions { silenced: vec![name.to_owned()], ..CompileOptions::default() };
        let quieter = heddle_p4::compile(&files, &name_of_case, &options);
        if quieter.diagnostics.iter().any(|d| codes::find(d.code.0).is_some_and(|info| info.name == name)) {
            return Err(format!("the warning `{name}` is given although it is silenced").into());
        }
    }
    Ok(())
}

datatest_stable::harness! {
    { test = case, root = "cases/diag", pattern = r"\.p4$" },
}
