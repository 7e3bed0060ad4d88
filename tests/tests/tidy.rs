//! What no lint knows: the arrows between crates, and what every file and folder owes its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use heddle_tests::top;

/// Who may depend on whom among our own crates, directly. `dataplane` never depends on `control`.
const ARROWS: &[(&str, &[&str])] = &[
    ("heddle-ir", &[]),
    ("heddle-packet", &[]),
    ("heddle-state", &["heddle-ir"]),
    ("heddle-exec", &["heddle-ir", "heddle-packet", "heddle-state"]),
    ("heddle-jit", &["heddle-exec", "heddle-ir", "heddle-packet", "heddle-state"]),
    ("heddle-ports", &["heddle-packet"]),
    ("heddle-engine", &["heddle-exec", "heddle-ir", "heddle-packet", "heddle-ports", "heddle-state"]),
    ("heddle-p4", &["heddle-ir"]),
    ("heddle-bmv2", &["heddle-ir", "heddle-p4"]),
    ("heddle-p4rt-proto", &[]),
    ("heddle-p4rt", &["heddle-bmv2", "heddle-ir", "heddle-p4", "heddle-p4rt-proto", "heddle-state"]),
    (
        "heddle-runtime",
        &["heddle-engine", "heddle-exec", "heddle-ir", "heddle-packet", "heddle-ports", "heddle-state"],
    ),
    (
        "heddle-daemon",
        &[
            "heddle-engine",
            "heddle-exec",
            "heddle-ir",
            "heddle-p4rt",
            "heddle-p4rt-proto",
            "heddle-packet",
            "heddle-ports",
            "heddle-runtime",
            "heddle-state",
        ],
    ),
    (
        "heddle-fabric",
        &[
            "heddle-engine",
            "heddle-exec",
            "heddle-ir",
            "heddle-p4",
            "heddle-packet",
            "heddle-ports",
            "heddle-runtime",
            "heddle-state",
        ],
    ),
];

fn metadata() -> serde_json::Value {
    // Of this platform alone: a new machine has not downloaded what only others need.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(top())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn crate_arrows_point_one_way() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for package in packages(&metadata).filter(|p| text(&p["name"]).starts_with("heddle-")) {
        let name = text(&package["name"]);
        let Some(allowed) = allowed.get(name) else {
            // Binaries, tests and benchmarks stand at the edge and may use everything.
            assert!(["heddle-cli", "heddle-tests", "heddle-benches"].contains(&name), "{name} has no arrows");
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = text(&dependency["name"]);
            let is_dev = dependency["kind"] == "dev";
            let is_ours = on.starts_with("heddle-");
            assert!(!is_ours || is_dev || allowed.contains(&on), "{name} may not depend on {on}");
        }
    }
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let deny: toml::Table = read(&top().join("deny.toml")).parse().expect("deny.toml is TOML");
    let allowed: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect();
    for package in packages(&metadata()) {
        let licence = text(&package["license"]).replace('/', " OR ");
        let any = licence
            .split(" OR ")
            .any(|choice| choice.split(" AND ").all(|l| allowed.contains(l.trim_matches(['(', ')', ' ']))));
        assert!(any, "{} has the licence `{licence}`", text(&package["name"]));
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["dataplane", "control", "tests", "benches"] {
        files(&top().join(folder), "rs", &mut found);
    }
    assert!(found.len() > 50, "the sources are not where this test looks");
    found
}

#[test]
fn every_module_says_what_it_owns() {
    for path in sources() {
        let text = read(&path);
        // Where unsafe code is allowed, that and its reason come first.
        let first = text.lines().find(|line| !line.starts_with("#![allow(unsafe_code)] // "));
        assert!(first.is_some_and(|l| l.starts_with("//!")), "{} does not open with //!", path.display());
    }
}

/// Codes that no case shows: what is too large to be kept here, what the checker finds before lowering could, what
/// `heddle check` says where other commands refuse, and defects of the compiler.
const CODES_WITHOUT_CASE: &[&str] = &["E0114", "E0505", "W0501", "E0599"];

#[test]
fn every_diagnostic_has_a_case_and_every_case_an_explanation() {
    let mut expected = Vec::new();
    files(&top().join("tests/cases/diag"), "stderr", &mut expected);
    let expected: String = expected.iter().map(|path| read(path)).collect();
    let missing: Vec<_> = heddle_p4::diag::codes::all()
        .map(|info| info.code.0)
        .filter(|code| !expected.contains(&format!("[{code}]")) && !CODES_WITHOUT_CASE.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case under tests/cases/diag shows {missing:?}");
    let unexplained: BTreeSet<_> = expected
        .lines()
        .filter_map(|line| line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?.get(..5))
        .filter(|code| heddle_p4::diag::codes::find(code).is_none())
        .collect();
    assert!(unexplained.is_empty(), "`heddle explain` knows nothing of {unexplained:?}");
}

#[test]
fn every_shipped_pipeline_has_a_script() {
    let programs = std::fs::read_dir(top().join("pipelines")).expect("pipelines/ is there");
    for path in programs.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|e| e == "p4") {
            assert!(path.with_extension("stf").exists(), "{} has no .stf", path.display());
        }
    }
}

#[test]
fn every_dependency_has_a_word_on_why() {
    let manifest = read(&top().join("Cargo.toml"));
    let (_, dependencies) =
        manifest.split_once("[workspace.dependencies]").expect("a section of dependencies");
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let mut explained = false;
    for line in dependencies.lines() {
        explained |= line.starts_with('#');
        if line.contains("path = ") || line.is_empty() || line.starts_with('#') {
            continue;
        }
        assert!(explained, "`{line}` has no comment above it");
    }
}

/// The user's list, and that each is a real dependency of some crate.
#[test]
fn the_fixed_crates_are_used() {
    let metadata = metadata();
    let used: BTreeSet<&str> = packages(&metadata)
        .filter(|p| text(&p["name"]).starts_with("heddle-"))
        .flat_map(|p| p["dependencies"].as_array().into_iter().flatten())
        .map(|d| text(&d["name"]))
        .collect();
    for name in ["pnet", "bytes", "crossbeam", "smoltcp", "tracing", "criterion", "proptest"] {
        assert!(used.contains(name), "nothing depends on {name}");
    }
}

#[test]
fn documents_name_files_that_exist() {
    let mut documents = vec![top().join("README.md"), top().join("CHANGELOG.md")];
    files(&top().join("docs"), "md", &mut documents);
    for document in documents {
        let text = read(&document);
        let folder = document.parent().unwrap_or(top());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(folder.join(path).exists(), "{}: {path} does not exist", document.display());
        }
    }
}
