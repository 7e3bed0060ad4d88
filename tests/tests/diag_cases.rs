//! Programs with mistakes under `tests/cases/diag`, and what `heddle check` says of them, in the `.stderr` beside
//! each. `UPDATE_EXPECT=1` rewrites those.

use std::path::Path;

use heddle_p4::{CompileOptions, diag::Style};
use heddle_tests::Under;

fn case(p4: &Path) -> datatest_stable::Result<()> {
    // Relative to the case, so that paths in messages do not depend on where the tests run.
    let name = p4.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = Under(p4.parent().unwrap_or(Path::new(".")).to_owned());
    let compilation = heddle_p4::compile(&files, &name, &CompileOptions::default());
    let rendered = compilation.diagnostics.render(&compilation.source_map, Style::Plain);
    if rendered.is_empty() {
        return Err("a diagnostics case has to have diagnostics".into());
    }
    expect_test::expect_file![std::path::absolute(p4.with_extension("stderr"))?].assert_eq(&rendered);
    Ok(())
}

datatest_stable::harness! {
    { test = case, root = "cases/diag", pattern = r"\.p4$" },
}
