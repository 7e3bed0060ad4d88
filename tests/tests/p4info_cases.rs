//! Programs under `tests/cases/p4info`, and the P4Info that they have, in the `.txtpb` and `.json` beside each.
//! `UPDATE_EXPECT=1` rewrites those.

use std::path::Path;

use heddle_p4::{CompileOptions, DiskFiles, diag::Style};

fn case(p4: &Path) -> datatest_stable::Result<()> {
    let compilation = heddle_p4::compile(&DiskFiles, &p4.to_string_lossy(), &CompileOptions::default());
    let Some(output) = compilation.output else {
        return Err(compilation.diagnostics.render(&compilation.source_map, Style::Plain).into());
    };
    let json = format!("{:#}\n", output.p4info.to_json());
    for (extension, made) in [("txtpb", output.p4info.to_text()), ("json", json)] {
        expect_test::expect_file![std::path::absolute(p4.with_extension(extension))?].assert_eq(&made);
    }
    Ok(())
}

datatest_stable::harness! {
    { test = case, root = "cases/p4info", pattern = r"\.p4$" },
}
