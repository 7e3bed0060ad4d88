//! IR texts under `tests/cases/ir`: each parses, verifies, and prints as it stands.

use std::path::Path;

fn case(path: &Path) -> datatest_stable::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let program = heddle_ir::text::parse(&text)?;
    let printed = heddle_ir::text::print(&program);
    expect_test::expect_file![std::path::absolute(path)?].assert_eq(&printed);
    heddle_ir::verify(program).map_err(|violations| violations[0].to_string())?;
    Ok(())
}

datatest_stable::harness! {
    { test = case, root = "cases/ir", pattern = r"\.ir$" },
}
