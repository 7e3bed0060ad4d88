//! Command lines of p4c, and what Heddle makes of them.

use clap::Parser as _;

use super::*;

fn options(line: &str) -> Options {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Options::try_parse_from(std::iter::once("p4c-bm2-ss".to_owned()).chain(plain(&words))).expect(line)
}

#[test]
fn flags_that_are_served() {
    let given = options(
        "--p4v 16 --p4runtime-files build/x.p4info.txtpb,x.json -o build/x.json -Iinclude -I more -DA=1 -D B -UC --std=p4-16 \
         --target bmv2 --arch v1model x.p4",
    );
    assert_eq!(given.include, [Path::new("include"), Path::new("more")]);
    assert_eq!(
        (given.define.as_slice(), given.undefine.as_slice()),
        (&["A=1".into(), "B".into()][..], &["C".into()][..])
    );
    assert_eq!(given.p4runtime_files, [Path::new("build/x.p4info.txtpb"), Path::new("x.json")]);
    assert_eq!(given.output.as_deref(), Some(Path::new("build/x.json")));
    assert_eq!(given.programs, [Path::new("x.p4")]);
    assert!(refuse(&given).is_ok());
    let source = source_options(&given);
    assert_eq!(source.define, ["__TARGET_BMV2__", "A=1", "B"]);
}

#[test]
fn warnings_are_silenced_by_p4cs_names() {
    let silenced = |line: &str| source_options(&options(line)).allow;
    assert_eq!(
        silenced("--Wdisable=uninitialized_use --Wdisable=unused x.p4"),
        ["uninitialized-use", "unused"]
    );
    assert!(silenced("--Wdisable x.p4").contains(&"invalid-header".to_owned()));
    assert!(silenced("x.p4").is_empty());
    assert!(source_options(&options("--Werror x.p4")).deny_warnings);
    assert!(source_options(&options("--Werror=unused x.p4")).deny_warnings);
}

#[test]
fn flags_that_are_passed_over() {
    let given = options(
        "-v -v -vv -O3 -g -T x:3 --maxErrorCount 20 --Wwarn=unused --Winfo --emit-externs --ndebug --loopsUnroll \
         --parser-inline-opt --doNotEmitIncludes --testJson --top4 FrontEnd --dump d --nocpp --excludeFrontendPasses A x.p4",
    );
    assert!(refuse(&given).is_ok());
    assert_eq!(given.programs, [Path::new("x.p4")]);
}

#[test]
fn what_is_not_there_says_what_to_use_instead() {
    for (given, flag, instead) in [
        ("--p4v 14 x.p4", "P4-14", "p4test"),
        ("--std p4-14 x.p4", "P4-14", "p4test"),
        ("--target tofino x.p4", "--target", "bmv2"),
        ("--arch psa x.p4", "--arch", "v1model"),
        ("-M x.p4", "-M", "depend"),
        ("-MD -MF f x.p4", "-M", "depend"),
        ("--disable-annotations a x.p4", "--disable-annotations", "#ifdef"),
        ("--toJSON f x.p4", "--toJSON", "--emit ir"),
        ("--fromJSON f", "--fromJSON", "--emit ir"),
        ("--p4runtime-entries-files f.txt x.p4", "--p4runtime-entries-files", "-o"),
        ("--listMidendPasses", "--listFrontendPasses", "ARCHITECTURE"),
        ("--metrics loc x.p4", "--metrics", "graph"),
    ] {
        let error = refuse(&options(given)).expect_err(given).to_string();
        assert!(error.contains(flag) && error.contains(instead), "{given}: {error}");
    }
}
