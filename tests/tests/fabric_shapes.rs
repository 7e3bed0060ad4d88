//! Fabrics of every shape that somebody may come with: each runs to its end under every policy and beats no ideal, or is refused
//! with the line and what is wanted.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use heddle_exec::Executor;
use heddle_fabric::{JobReport, Jobs, Policy, Report, Run, Topology, run};
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles};

const LINKS: &str = r#"
[links.host]
rate_gbps = 100
length_m = 2
medium = "copper"
[links.even]
rate_gbps = 100
length_m = 50
medium = "optics"
[links.slow]
rate_gbps = 25
length_m = 30
medium = "linear"
[links.fast]
rate_gbps = 400
length_m = 5
medium = "active-copper"
"#;

fn executor() -> Arc<dyn Executor> {
    static COMPILED: OnceLock<Arc<Jit>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/ai_fabric.p4");
        let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
        let verified = compilation.output.expect("a shipped program compiles").verified;
        Arc::new(Jit::new(verified).expect("a shipped program compiles"))
    });
    Arc::clone(compiled) as Arc<dyn Executor>
}

fn leaf_spine(leaves: usize, spines: usize, hosts_per_leaf: usize) -> String {
    format!(
        "[leaf_spine]\nleaves = {leaves}\nspines = {spines}\nhosts_per_leaf = {hosts_per_leaf}\nhost_link = \"host\"\n\
         fabric_link = \"even\"\n{LINKS}"
    )
}

/// A fabric by its cables: ends and link of each. What begins with `h` is a host.
fn cabled(cables: &[(String, String, &str)]) -> String {
    let (mut hosts, mut switches) = (Vec::new(), Vec::new());
    for name in cables.iter().flat_map(|(a, b, _)| [a, b]) {
        let names = if name.starts_with('h') { &mut hosts } else { &mut switches };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut text = format!("switches = {switches:?}\nhosts = {hosts:?}\ncables = [\n");
    for (a, b, link) in cables {
        let _ = writeln!(text, "    {{ ends = [{a:?}, {b:?}], link = {link:?} }},");
    }
    format!("{text}]\n{LINKS}")
}

/// Leaves with so many hosts each, every one of which has a link to every spine: of what kind, `up` says.
fn uneven(hosts: &[usize], spines: usize, up: impl Fn(usize, usize) -> &'static str) -> String {
    let mut cables = Vec::new();
    for (leaf, &count) in hosts.iter().enumerate() {
        let before: usize = hosts[..leaf].iter().sum();
        cables
            .extend((before..before + count).map(|host| (format!("h{host}"), format!("leaf{leaf}"), "host")));
    }
    for leaf in 0..hosts.len() {
        cables.extend(
            (0..spines).map(|spine| (format!("leaf{leaf}"), format!("spine{spine}"), up(leaf, spine))),
        );
    }
    cabled(&cables)
}

fn pairs(pairs: &[(&str, &str, &'static str)]) -> Vec<(String, String, &'static str)> {
    pairs.iter().map(|&(a, b, link)| (a.to_owned(), b.to_owned(), link)).collect()
}

/// Two pods of two leaves and two aggregation switches, four cores, two hosts a leaf.
fn three_tier() -> String {
    let mut cables = Vec::new();
    for leaf in 0..4 {
        cables.extend((0..2).map(|host| (format!("h{}", 2 * leaf + host), format!("leaf{leaf}"), "host")));
        cables.extend(
            (0..2).map(|agg| (format!("leaf{leaf}"), format!("agg{}", 2 * (leaf / 2) + agg), "even")),
        );
    }
    for agg in 0..4 {
        cables.extend(
            (0..2).map(|core| (format!("agg{agg}"), format!("core{}", 2 * (agg % 2) + core), "even")),
        );
    }
    cabled(&cables)
}

fn job(name: &str, collective: &str, ranks: usize, bytes: usize) -> String {
    format!("[[jobs]]\nname = \"{name}\"\nranks = {ranks}\ncollective = \"{collective}\"\nbytes = {bytes}\n")
}

fn report(topology: &Topology, jobs: &str, policy: Policy) -> Report {
    let jobs = Jobs::parse("jobs", jobs, topology).expect("good jobs");
    let of = Run { topology, jobs: &jobs, executor: executor(), policy, seed: 3, limit_ns: 1_000_000_000 };
    run(&of).expect("the jobs end")
}

fn reports(topology: &str, jobs: &str) -> Vec<Report> {
    let topology = Topology::parse("topology", topology).expect("a good topology");
    Policy::ALL.map(|policy| report(&topology, jobs, policy)).into()
}

/// Runs it under every policy. What holds of each whatever the fabric; the reports.
fn runs(name: &str, topology: &str, jobs: &str) -> Vec<Report> {
    let reports = reports(topology, jobs);
    for report in &reports {
        let policy = report.policy;
        assert_eq!((report.unreadable, report.violations), (0, 0), "{name}, {policy}");
        for job in &report.jobs {
            assert!(job.completion_ns > 0 && job.ideal_ns > 0.0, "{name}, {policy}");
            let ideal_ns = job.ideal_ns * 0.999;
            assert!(
                job.completion_ns as f64 >= ideal_ns,
                "{name}, {policy}, {}: {} {ideal_ns}",
                job.name,
                job.completion_ns
            );
            let keeps_order = ["ecmp", "queue-pair", "message", "pinned", "in-order"].contains(&policy);
            assert!(!keeps_order || job.reordered == 0, "{name}, {policy}: {} reordered", job.reordered);
        }
    }
    reports
}

fn of(reports: &[Report], policy: Policy) -> &Report {
    reports.iter().find(|report| report.policy == policy.name()).expect("every policy was run")
}

#[test]
fn small_and_odd_fabrics_run() {
    let even = |_, _| "even";
    let ring = job("a", "ring", 6, 120_000);
    let both = format!("{}{}", job("a", "ring", 5, 120_000), job("b", "all-to-all", 5, 120_000));
    for (name, topology, jobs) in [
        ("one leaf", leaf_spine(1, 2, 6), &ring),
        ("one spine", leaf_spine(3, 1, 3), &ring),
        ("two hosts", leaf_spine(2, 1, 1), &job("a", "all-to-all", 2, 50_000)),
        ("three leaves, five spines", leaf_spine(3, 5, 4), &both),
        ("primes", leaf_spine(5, 7, 3), &both),
        ("uneven leaves", uneven(&[1, 7, 2, 3], 3, even), &both),
        ("a host alone", uneven(&[1, 5], 2, even), &ring),
        ("links of several rates", uneven(&[3, 3, 4], 3, |_, spine| ["even", "slow", "fast"][spine]), &both),
        (
            "links that differ by leaf",
            uneven(&[3, 3, 4], 3, |leaf, spine| ["even", "slow", "fast"][(leaf + spine) % 3]),
            &both,
        ),
        ("oversubscribed", leaf_spine(2, 1, 6), &both),
        ("slow", leaf_spine(2, 2, 3).replace("rate_gbps = 100", "rate_gbps = 0.1"), &ring),
        ("three tiers", three_tier(), &ring),
        (
            "switches in a row, two cables between",
            cabled(&pairs(&[
                ("h0", "a", "host"),
                ("h1", "a", "host"),
                ("h2", "c", "host"),
                ("h3", "c", "host"),
                ("a", "b", "even"),
                ("a", "b", "even"),
                ("b", "c", "even"),
                ("b", "c", "even"),
            ])),
            &job("a", "tree", 4, 120_000),
        ),
        (
            "switches in a ring",
            cabled(&pairs(&[
                ("h0", "a", "host"),
                ("h1", "b", "host"),
                ("h2", "c", "host"),
                ("h3", "d", "host"),
                ("a", "b", "even"),
                ("b", "c", "even"),
                ("c", "d", "even"),
                ("d", "a", "even"),
            ])),
            &job("a", "all-to-all", 4, 120_000),
        ),
    ] {
        runs(name, &topology, jobs);
    }
}

#[test]
fn every_collective_runs_at_odd_sizes() {
    for collective in ["ring", "tree", "all-to-all", "pipeline", "expert-parallel", "incast"] {
        for ranks in [2, 3, 7] {
            runs(collective, &leaf_spine(3, 2, 3), &job("a", collective, ranks, 30_001));
        }
        // A byte a message, and one more than a packet has.
        runs(
            collective,
            &leaf_spine(2, 2, 2),
            &format!("{}{}", job("a", collective, 2, 1), job("b", collective, 2, 2 * 4_097)),
        );
    }
    runs("halving-doubling", &leaf_spine(3, 2, 3), &job("a", "halving-doubling", 8, 30_001));
}

#[test]
fn computing_takes_its_time_in_every_iteration() {
    let jobs = |more: &str| format!("{}iterations = 3\n{more}", job("a", "ring", 4, 40_000));
    let topology = leaf_spine(2, 2, 2);
    let (without, with) =
        (runs("no compute", &topology, &jobs("")), runs("computes", &topology, &jobs("compute_us = 20\n")));
    for (without, with) in without.iter().zip(&with) {
        let (without, with) = (&without.jobs[0], &with.jobs[0]);
        // What a rank waits for may arrive while it computes, but hardly any of this.
        assert!(with.completion_ns >= without.completion_ns + 55_000, "{without:?} {with:?}");
        assert!(with.ideal_ns >= without.ideal_ns + 55_000.0, "{without:?} {with:?}");
    }
}

#[test]
fn what_a_rank_sends_or_receives_at_once_shares_its_link() {
    // In both steps of it the expert that is liked best waits for all, or all wait for it.
    let jobs = format!("{}queue_pairs = 4\n", job("a", "expert-parallel", 6, 1_200_000));
    for report in runs("experts", &leaf_spine(3, 4, 2), &jobs) {
        let (of_bytes, ideal_ns) = (2.0 * 1_200_000.0 / 6.0 * 5.0 * 8.0 / 100.0, report.jobs[0].ideal_ns);
        assert!(ideal_ns > 1.1 * of_bytes, "{ideal_ns} {of_bytes}");
    }
}

#[test]
fn queue_pairs_that_take_turns_are_pinned_by_what_each_carries() {
    // With one message to a connection, the first of its queue pairs has it all.
    let jobs = format!("{}queue_pairs = 4\nstriping = \"turns\"\n", job("a", "all-to-all", 8, 800_000));
    let reports = runs("turns", &leaf_spine(4, 2, 2), &jobs);
    let pinned = of(&reports, Policy::Pinned);
    assert!(
        pinned.mean_jct_ns <= 1.15 * pinned.ideal_jct_ns,
        "{} {}",
        pinned.mean_jct_ns,
        pinned.ideal_jct_ns
    );
    assert!(
        pinned.imbalance.max(pinned.imbalance_down) <= 1.1,
        "{} {}",
        pinned.imbalance,
        pinned.imbalance_down
    );
}

#[test]
fn what_is_late_is_not_sent_again() {
    // One way is fifty times as long as the others, and nothing is lost on any.
    let mut cables = Vec::new();
    for host in 0..8 {
        cables.push((format!("h{host}"), format!("leaf{}", host / 4), "host"));
    }
    for (leaf, spine) in (0..2).flat_map(|leaf| (0..4).map(move |spine| (leaf, spine))) {
        cables.push((
            format!("leaf{leaf}"),
            format!("spine{spine}"),
            if spine == 3 { "far" } else { "even" },
        ));
    }
    let far = "[links.far]\nrate_gbps = 100\nlength_m = 2000\nmedium = \"optics\"\n";
    let far = format!("{}{far}", cabled(&cables));
    // A host's queue pairs are so many that each has its turn seldom.
    let many = format!("{}queue_pairs = 4\n", job("a", "all-to-all", 32, 2_000_000));
    for (topology, jobs) in [(far, job("a", "ring", 8, 4_000_000)), (leaf_spine(4, 8, 8), many)] {
        let topology = Topology::parse("topology", &topology).expect("a good topology");
        let report = report(&topology, &jobs, Policy::Spray);
        let counts = |of: fn(&JobReport) -> u64| report.jobs.iter().map(of).sum::<u64>();
        assert_eq!((report.lost_on_cables, counts(|job| job.trimmed), report.drops.len()), (0, 0, 0));
        assert_eq!((counts(|job| job.timeouts), counts(|job| job.retransmitted)), (0, 0));
    }
}

#[test]
fn cables_fail_as_their_media_have_it() {
    let good = leaf_spine(4, 4, 4);
    // One failure in 100 us for each cable between leaf and spine, for a fifth of that.
    let bad = format!(
        "{}\n[media.flaky]\nns_per_m = 5\nends_ns = 250\npj_per_bit = 18\nbit_error_rate = 0\nreach_m = 100\n\
         failures_per_hour = 3.6e7\noutage_us = 20\n",
        good.replace("length_m = 50\nmedium = \"optics\"", "length_m = 50\nmedium = \"flaky\"")
    );
    let jobs = job("a", "ring", 16, 1_000_000);
    let runs = |text: &str, seed: u64| {
        let topology = Topology::parse("topology", text).expect("a good topology");
        let jobs = Jobs::parse("jobs", &jobs, &topology).expect("good jobs");
        let of = Run {
            topology: &topology,
            jobs: &jobs,
            executor: executor(),
            policy: Policy::Spray,
            seed,
            limit_ns: 1_000_000_000,
        };
        let report = run(&of).expect("the jobs end");
        (report.cable_failures, report.lost_on_cables, report.completion_ns)
    };
    let (none, lost, _) = runs(&good, 1);
    assert_eq!((none, lost), (0, 0));
    let (failures, lost, completion_ns) = runs(&bad, 1);
    // Sixteen cables of which each works 100 us and then does not for 20.
    let expected = 16.0 * completion_ns as f64 / 120_000.0;
    assert!((0.5 * expected..2.0 * expected).contains(&(failures as f64)), "{failures}, not {expected}");
    assert!(lost > 0);
    assert_eq!(runs(&bad, 1), (failures, lost, completion_ns));
    assert_ne!(runs(&bad, 2), (failures, lost, completion_ns));
}

#[test]
fn jobs_of_one_run_go_by_their_own_policies() {
    let of =
        |name, policy| format!("{}queue_pairs = 4\npolicy = \"{policy}\"\n", job(name, "ring", 8, 4_000_000));
    let jobs = format!("{}{}", of("kept", "pinned"), of("strewn", "spray"));
    let topology = Topology::parse("topology", &leaf_spine(4, 4, 4)).expect("a good topology");
    for policy in [Policy::Ecmp, Policy::Spray] {
        let report = report(&topology, &jobs, policy);
        let [kept, strewn] = &report.jobs[..] else { panic!("two jobs") };
        assert_eq!((kept.policy, kept.transport, kept.reordered), ("pinned", "roce", 0));
        assert_eq!((strewn.policy, strewn.transport), ("spray", "uet"));
        assert!(report.imbalance < 1.1, "{policy:?}: {}", report.imbalance);
        // Quarters of a flow divide evenly among four links, and so does what is strewn.
        for job in [kept, strewn] {
            let over = job.completion_ns as f64 / job.ideal_ns;
            assert!(over < 1.2, "{policy:?}, {}: {over}", job.name);
        }
    }
}

#[test]
fn a_link_slower_than_its_hosts_holds_nobody_up() {
    // Of four links of a leaf one is slow; the others carry all that its hosts send.
    let topology = uneven(&[3, 3, 3], 4, |_, spine| if spine == 2 { "slow" } else { "even" });
    let jobs = job("a", "ring", 9, 900_000);
    let reports = reports(&topology, &jobs);
    for policy in [Policy::Pinned, Policy::Spray] {
        let jct_ns = of(&reports, policy).mean_jct_ns;
        assert!(jct_ns <= 1.1 * of(&reports, policy).ideal_jct_ns, "{}: {jct_ns}", policy.name());
    }
}

#[test]
fn what_is_default_does_not_lose_to_blind_hashing() {
    let jobs = format!("{}{}", job("a", "ring", 8, 800_000), job("b", "all-to-all", 8, 800_000));
    for topology in [leaf_spine(4, 4, 4), leaf_spine(3, 5, 6), uneven(&[2, 6, 5, 4], 3, |_, _| "even")] {
        let reports = reports(&topology, &jobs);
        let (ecmp, default) =
            (of(&reports, Policy::Ecmp).mean_jct_ns, of(&reports, Policy::default()).mean_jct_ns);
        assert!(default <= 1.02 * ecmp, "{default} {ecmp}");
    }
}

#[test]
fn links_tell_what_was_marked_trimmed_and_dropped_on_them() {
    let jobs = job("a", "incast", 8, 200_000);
    // Spines whose links down are too few mark and trim as well.
    let jobs_through = format!("{}placement = \"packed\"\n", job("a", "all-to-all", 8, 400_000));
    let narrow = format!(
        "{}[switch]\nqueue_kb = 60\necn_low_kb = 10\necn_high_kb = 30\ntrim_kb = 20\n",
        uneven(&[2, 2, 2, 2], 2, |leaf, _| if leaf == 0 { "slow" } else { "even" })
    );
    for report in reports(&narrow, &jobs_through) {
        let of_spines = |count: fn(&heddle_fabric::LinkReport) -> u64| -> u64 {
            report.links.iter().filter(|link| link.from.starts_with("spine")).map(count).sum()
        };
        let all = |count: fn(&heddle_fabric::LinkReport) -> u64| -> u64 {
            report.links.iter().chain(&report.host_links).map(count).sum()
        };
        assert!(of_spines(|link| link.marked + link.trimmed) > 0, "{}: spines mark nothing", report.policy);
        let by_job = &report.jobs[0].switches;
        assert_eq!(all(|link| link.marked), by_job.marked, "{}", report.policy);
        assert_eq!(all(|link| link.trimmed), by_job.trimmed, "{}", report.policy);
    }
    let small = format!(
        "{}[switch]\nqueue_kb = 60\necn_low_kb = 10\necn_high_kb = 30\ntrim_kb = 20\n",
        leaf_spine(2, 2, 4)
    );
    let reports = reports(&small, &jobs);
    let (roce, uet) = (of(&reports, Policy::Ecmp), of(&reports, Policy::Spray));
    for report in [roce, uet] {
        let all = || report.links.iter().chain(&report.host_links);
        // Two directions of four cables between switches, and of eight to hosts.
        assert_eq!((report.links.len(), report.host_links.len()), (8, 16));
        let sum = |count: fn(&heddle_fabric::LinkReport) -> u64| all().map(count).sum::<u64>();
        let by_job = &report.jobs[0].switches;
        assert_eq!(sum(|link| link.marked), by_job.marked, "{}", report.policy);
        assert_eq!(sum(|link| link.trimmed), by_job.trimmed, "{}", report.policy);
        assert_eq!(sum(|link| link.dropped), report.drops.values().sum::<u64>(), "{}", report.policy);
        // What the link to the first rank's host has sent is all that came, at least.
        let busiest = report.host_links.iter().max_by_key(|link| link.bytes).expect("there are links");
        assert!(busiest.bytes > 7 * 200_000 && busiest.from.starts_with("leaf"), "{busiest:?}");
        assert!(busiest.utilisation > 0.05 && busiest.utilisation <= 1.0, "{busiest:?}");
    }
    assert!(
        roce.jobs[0].switches.marked > 0 && roce.drops.values().sum::<u64>() > 0,
        "the queue is never full"
    );
    assert!(uet.jobs[0].switches.trimmed > 0, "nothing is trimmed");
}

#[test]
fn impossible_fabrics_are_refused_with_line_and_remedy() {
    let medium = |field: &str, value: &str| {
        let figures = [
            ("ns_per_m", "5.0"),
            ("ends_ns", "100.0"),
            ("pj_per_bit", "10.0"),
            ("bit_error_rate", "1e-13"),
            ("reach_m", "100.0"),
        ];
        let figures =
            figures.map(|(name, usual)| format!("{name} = {}\n", if name == field { value } else { usual }));
        format!("{}[media.glass]\n{}", leaf_spine(2, 2, 2), figures.concat())
    };
    let good = leaf_spine(2, 2, 2);
    let apart = cabled(&pairs(&[("h0", "a", "host"), ("h1", "b", "host")]));
    let no_cable = apart.replace("hosts = [\"h0\", \"h1\"]", "hosts = [\"h0\", \"h1\", \"h2\"]");
    let twice = cabled(&pairs(&[("h0", "a", "host"), ("h0", "b", "host"), ("a", "b", "even")]));
    let to_itself = cabled(&pairs(&[("h0", "a", "host"), ("a", "a", "even")]));
    for (text, line, part) in [
        (medium("ns_per_m", "3.0"), 24, "medium `glass`: 3 ns/m is faster than light"),
        (medium("ns_per_m", "nan"), 24, "medium `glass`"),
        (medium("ends_ns", "-1.0"), 24, "medium `glass`: ends_ns is"),
        (medium("pj_per_bit", "1e9"), 24, "medium `glass`: pj_per_bit is"),
        (medium("reach_m", "inf"), 24, "medium `glass`: reach_m is"),
        (medium("bit_error_rate", "0.5"), 24, "medium `glass`: bit_error_rate is"),
        (medium("bit_error_rate", "-1e-9"), 24, "medium `glass`: bit_error_rate is"),
        (
            good.replace("length_m = 2\n", "length_m = 3\n"),
            8,
            "link `host`: 3 m is beyond what `copper` reaches, 2 m",
        ),
        (good.replace("\"linear\"", "\"glass\""), 19, "there is no medium `glass`; known are"),
        (good.replace("leaves = 2", "leaves = 0"), 1, "a leaf-spine has 1 to"),
        (
            good.replace("fabric_link = \"even\"", "fabric_link = \"odd\""),
            6,
            "there is no link `odd`; give [links.odd]",
        ),
        (apart, 1, "`b` cannot be reached from `a`: the fabric is in parts"),
        (no_cable, 2, "host `h2` has no cable"),
        (twice, 5, "host `h0` has two cables"),
        (to_itself, 5, "a cable has two different ends"),
        (
            format!("{good}[host]\ntimeout_us = 40\n"),
            24,
            "timeout_us is 40, but a window of 512 KB takes 40 us",
        ),
        (String::new(), 1, "a fabric needs [leaf_spine], or switches, hosts and cables"),
    ] {
        let error = Topology::parse("t.toml", &text).expect_err(part);
        assert!(error.message.contains(part), "{error}");
        assert_eq!((error.file.as_str(), error.line), ("t.toml", line), "{error}");
    }
    let topology = Topology::parse("t.toml", &good).expect("a good topology");
    let good = job("a", "ring", 4, 100);
    for (text, line, part) in [
        (String::new(), 1, "a job file has 1 to 500 [[jobs]]"),
        (
            good.replace("ranks = 4", "ranks = 1"),
            3,
            "a job has at least two ranks to exchange anything, not 1",
        ),
        (good.replace("ranks = 4", "ranks = 5"), 3, "5 ranks, but the fabric has 4 hosts"),
        (good.replace("ranks = 4", "hosts = [\"h0\", \"h9\"]"), 3, "there is no host `h9`"),
        (good.replace("ranks = 4", "hosts = [\"h0\"]"), 3, "at least two ranks"),
        (good.replace("bytes = 100", "bytes = 0"), 5, "bytes are from 1 to 64 GiB, not 0"),
        (good.replace("bytes = 100", "bytes = -1"), 5, "integer `-1`, expected a whole number from 0"),
        (format!("{good}tenant = 65536\n"), 6, "expected a whole number from 0 to 65535"),
        (format!("{good}start_us = \"now\"\n"), 6, "expected a number"),
        (good.replace("\"ring\"", "\"rings\""), 4, "`rings` is no collective; known are ring"),
        (
            good.replace("\"ring\"", "\"halving-doubling\"").replace("4", "3"),
            4,
            "halving-doubling wants a power of two, not 3",
        ),
        (format!("{good}policy = \"fair\"\n"), 6, "policy is one of ecmp, queue-pair, message, pinned"),
        (format!("{good}{good}"), 6, "job `a` is there twice"),
    ] {
        let error = Jobs::parse("j.toml", &text, &topology).expect_err(part);
        assert!(error.message.contains(part), "{error}");
        assert_eq!((error.file.as_str(), error.line), ("j.toml", line), "{error}");
    }
}

#[test]
fn messages_fill_links_evenly_up_and_down() {
    // As many messages as there are, what of them does not divide among links is little.
    let jobs = format!("{}iterations = 12\n", job("a", "all-to-all", 16, 800_000));
    for topology in [leaf_spine(4, 4, 4), leaf_spine(8, 3, 2)] {
        let topology = Topology::parse("topology", &topology).expect("a good topology");
        let report = report(&topology, &jobs, Policy::Message);
        let worst = report.imbalance.max(report.imbalance_down);
        assert!(worst <= 1.05, "{} {}", report.imbalance, report.imbalance_down);
        assert!(report.jobs.iter().all(|job| job.reordered == 0));
    }
}

#[test]
fn adaptive_fills_links_by_what_they_carry() {
    // Two of three links carry all that comes, one of them four times as much as the other.
    let topology = uneven(&[3, 3, 4], 3, |_, spine| ["even", "slow", "fast"][spine]);
    let jobs = format!("{}{}", job("a", "ring", 5, 1_200_000), job("b", "all-to-all", 5, 1_200_000));
    let topology = Topology::parse("topology", &topology).expect("a good topology");
    let report = report(&topology, &jobs, Policy::Adaptive);
    assert!(
        report.mean_jct_ns <= 1.1 * report.ideal_jct_ns,
        "{} {}",
        report.mean_jct_ns,
        report.ideal_jct_ns
    );
}
