//! Fabrics on virtual time, small ones: what queues, pauses, limits and rerouting are to do, and that a seed decides all.

use std::path::Path;
use std::sync::Arc;

use heddle_exec::Executor;
use heddle_fabric::{JobReport, Jobs, LinkReport, Policy, Report, Run, Topology, run, watch};
use heddle_jit::Jit;
use heddle_p4::{CompileOptions, DiskFiles};

/// Two leaves of four hosts, two spines.
const SMALL: &str = r#"
[leaf_spine]
leaves = 2
spines = 2
hosts_per_leaf = 4
host_link = "host"
fabric_link = "fabric"

[links.host]
rate_gbps = 100
length_m = 2
medium = "copper"

[links.fabric]
rate_gbps = 100
length_m = 50
medium = "optics"
"#;

const INCAST: &str = r#"
[[jobs]]
name = "incast"
hosts = ["h0", "h4", "h5", "h6", "h7", "h1"]
collective = "incast"
bytes = 400_000
"#;

fn executor() -> Arc<dyn Executor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/ai_fabric.p4");
    let compilation = heddle_p4::compile(&DiskFiles, &path.to_string_lossy(), &CompileOptions::default());
    let verified = compilation.output.expect("a shipped program compiles").verified;
    Arc::new(Jit::new(verified).expect("a shipped program compiles"))
}

fn report_of(topology: &str, jobs: &str, policy: Policy, seed: u64) -> Report {
    let topology = Topology::parse("topology", topology).expect("a good topology");
    let jobs = Jobs::parse("jobs", jobs, &topology).expect("good jobs");
    let run_of =
        Run { topology: &topology, jobs: &jobs, executor: executor(), policy, seed, limit_ns: 1_000_000_000 };
    run(&run_of).expect("the jobs end")
}

fn job<'r>(report: &'r Report, name: &str) -> &'r JobReport {
    report.jobs.iter().find(|job| job.name == name).expect("a job of that name")
}

fn lost(report: &Report) -> u64 {
    report.drops.values().sum::<u64>() + report.lost_on_cables
}

#[test]
fn neighbours_that_pause_each_other_lose_nothing() {
    let small_queues = format!("{SMALL}\n[switch]\nqueue_kb = 100\necn_low_kb = 0\n");
    let without = report_of(&small_queues, INCAST, Policy::Ecmp, 1);
    assert!(lost(&without) > 0, "the scenario overruns nothing");
    let paused = format!("{SMALL}\n[switch]\npause_buffer_kb = 100\necn_low_kb = 0\n");
    let with = report_of(&paused, INCAST, Policy::Ecmp, 1);
    assert_eq!((lost(&with), job(&with, "incast").retransmitted), (0, 0));
    assert_eq!(job(&with, "incast").reordered, 0);
    assert!(with.pauses > 0 && job(&with, "incast").switches.waited_for_pause > 0);
    assert!(job(&with, "incast").completion_ns < job(&without, "incast").completion_ns);
}

#[test]
fn a_run_under_way_tells_what_links_have_counted_so_far() {
    let topology = Topology::parse("topology", SMALL).expect("a good topology");
    let jobs = Jobs::parse("jobs", INCAST, &topology).expect("good jobs");
    let (executor, policy) = (executor(), Policy::Ecmp);
    let run = Run { topology: &topology, jobs: &jobs, executor, policy, seed: 1, limit_ns: 1_000_000_000 };
    let sum = |links: &[LinkReport]| links.iter().map(|link| link.marked).sum::<u64>();
    let mut seen = Vec::new();
    let report = watch(&run, 5_000, &mut |progress| seen.push(sum(&progress.links()))).expect("it ends");
    assert!(seen.first() < seen.last() && seen.is_sorted(), "{seen:?}");
    assert!(seen.last() <= Some(&sum(&report.links)), "{seen:?}");
}

#[test]
fn the_watchdog_frees_a_queue_and_names_who_waited() {
    let jobs = r#"
[[jobs]]
name = "behind"
hosts = ["h0", "h4"]
collective = "ring"
bytes = 2_000_000
[[jobs]]
name = "elsewhere"
hosts = ["h2", "h6"]
collective = "ring"
bytes = 2_000_000
"#;
    let storm = |watchdog_us: u64| {
        let topology = format!(
            "{SMALL}\n[switch]\npause_buffer_kb = 200\nwatchdog_us = {watchdog_us}\n\
             [[failures]]\nat_us = 20\npause_storm = \"h4\"\nfor_us = 5_000\n"
        );
        report_of(&topology, jobs, Policy::Ecmp, 1)
    };
    let (with, without) = (storm(100), storm(0));
    let waited = |report: &Report, name| {
        let switches = job(report, name).switches;
        (switches.waited_for_pause > 0, switches.freed > 0)
    };
    assert_eq!(waited(&with, "behind"), (true, true));
    assert_eq!(waited(&with, "elsewhere"), (false, false));
    assert!(job(&without, "behind").completion_ns > 5_000_000, "nothing lets it go before the storm is over");
    assert!(job(&with, "behind").completion_ns < 2_500_000);
    // What is held up stops those before it, again and again, so that nobody's pause runs out.
    assert_eq!((lost(&with), lost(&without)), (0, 0));
}

#[test]
fn queues_share_a_link_by_weight() {
    // Both jobs send by the one link down to each host of the second leaf.
    let jobs = r#"
[[jobs]]
name = "heavy"
hosts = ["h4", "h0", "h1"]
collective = "incast"
bytes = 1_000_000
weight = 3
[[jobs]]
name = "light"
hosts = ["h4", "h2", "h3"]
collective = "incast"
bytes = 1_000_000
"#;
    let topology = format!("{SMALL}\n[switch]\npause_buffer_kb = 300\necn_low_kb = 0\n");
    let report = report_of(&topology, jobs, Policy::QueuePair, 1);
    let (heavy, light) = (job(&report, "heavy").completion_ns, job(&report, "light").completion_ns);
    // Three quarters of 100 Gb/s for 2 MB, then all of it for what is left of the others.
    assert!((190_000..260_000).contains(&heavy), "{heavy} {light}");
    assert!((310_000..380_000).contains(&light), "{heavy} {light}");
}

#[test]
fn a_tenant_is_held_to_its_limit() {
    let jobs = |limit: &str, bytes: u64| {
        format!(
            "{limit}\n[[jobs]]\nname = \"a\"\ntenant = 4\nhosts = [\"h0\", \"h4\"]\ncollective = \"ring\"\nbytes = {bytes}\n"
        )
    };
    let limit = "[[tenants]]\ntenant = 4\nlimit_gbps = 10";
    let free = report_of(SMALL, &jobs("", 8_000_000), Policy::Ecmp, 1);
    let held = report_of(SMALL, &jobs(limit, 8_000_000), Policy::Ecmp, 1);
    let (free, held) = (job(&free, "a"), job(&held, "a"));
    // 8 MB a host at 10 Gb/s take 6.4 ms, but for what may come at once; marks slow the sender down, so that it loses little.
    assert!(free.completion_ns < 800_000);
    assert!((4_500_000..10_000_000).contains(&held.completion_ns), "{}", held.completion_ns);
    assert!(held.notified > 0 && held.retransmitted < held.messages * 100, "{}", held.retransmitted);
}

/// Two leaves of eight hosts, four spines, 100 Gb/s.
fn wide(more: &str) -> String {
    let fabric =
        SMALL.replace("spines = 2", "spines = 4").replace("hosts_per_leaf = 4", "hosts_per_leaf = 8");
    format!(
        "{}\n{more}",
        fabric.replace("[links.fabric]\nrate_gbps = 100", "[links.fabric]\nrate_gbps = 200")
    )
}

#[test]
fn a_flood_costs_its_neighbour_little_whatever_the_policy() {
    let victim = "[[jobs]]\nname = \"victim\"\ntenant = 1\nhosts = [\"h0\", \"h2\", \"h8\", \"h10\"]\n\
                  collective = \"ring\"\nbytes = 2_000_000\n";
    let flood = "[[jobs]]\nname = \"flood\"\ntenant = 2\nhosts = [\"h1\", \"h3\", \"h9\", \"h11\", \"h12\", \"h13\", \"h14\"]\n\
                 collective = \"incast\"\nbytes = 3_000_000\n";
    for policy in [Policy::Ecmp, Policy::Message, Policy::Pinned, Policy::Spray] {
        for seed in 1..3 {
            let completion = |jobs: &str| {
                let report = report_of(&wide(""), jobs, policy, seed);
                job(&report, "victim").completion_ns
            };
            let (alone, beside) = (completion(victim), completion(&format!("{victim}{flood}")));
            assert!(100 * beside <= 105 * alone, "{}, seed {seed}: {alone} {beside}", policy.name());
        }
    }
}

#[test]
fn pinned_flows_leave_a_dead_spine_for_their_second_choice() {
    let jobs = "[[jobs]]\nname = \"ring\"\nhosts = [\"h0\", \"h8\", \"h1\", \"h9\", \"h2\", \"h10\", \"h3\", \"h11\"]\n\
                collective = \"ring\"\nbytes = 4_000_000\nqueue_pairs = 4\n";
    let host = "[host]\ntimeout_us = 100\n";
    let whole = report_of(&wide(host), jobs, Policy::Pinned, 1);
    // The controller is far too late for it.
    let dies = format!(
        "{host}[[failures]]\nat_us = 100\nswitch = \"spine1\"\ndetect_us = 50\ncontrol_us = 100_000\n"
    );
    let broken = report_of(&wide(&dies), jobs, Policy::Pinned, 1);
    let (whole, broken) = (job(&whole, "ring"), job(&broken, "ring"));
    // Four hosts of 100 Gb/s need two of the four spines' 200: what is left is enough.
    assert!(
        4 * broken.completion_ns <= 5 * whole.completion_ns,
        "{} {}",
        whole.completion_ns,
        broken.completion_ns
    );
    assert!(broken.retransmitted > 0, "nothing was on the spine that died");
    assert_eq!(broken.reordered, 0);
}

#[test]
fn a_spine_that_comes_back_carries_again_what_may_go_there() {
    let fails = |for_us: &str| {
        format!("[[failures]]\nat_us = 20\nswitch = \"spine1\"\n{for_us}detect_us = 10\ncontrol_us = 20\n")
    };
    let (to_the_end, comes_back) = (fails(""), fails("for_us = 60\n"));
    let sent = |report: &Report, spine: &str| -> u64 {
        report.links.iter().filter(|link| link.from == spine).map(|link| link.bytes).sum()
    };
    let jobs = |iterations| {
        format!(
            "[[jobs]]\nname = \"experts\"\nranks = 8\ncollective = \"all-to-all\"\nbytes = 400_000\niterations = {iterations}\n"
        )
    };
    for policy in [Policy::Spray, Policy::Message] {
        let without = report_of(&wide(&to_the_end), &jobs(20), policy, 1);
        let with = report_of(&wide(&comes_back), &jobs(20), policy, 1);
        assert!(10 * sent(&without, "spine1") < sent(&without, "spine0"));
        assert!(3 * sent(&with, "spine1") > 2 * sent(&with, "spine0"), "{}", policy.name());
    }
    // Whose packets keep order is not moved back in the middle of them.
    for policy in [Policy::Pinned, Policy::Message, Policy::InOrder] {
        let report = report_of(&wide(&comes_back), &jobs(5), policy, 1);
        assert_eq!(job(&report, "experts").reordered, 0, "{}", policy.name());
    }
}

#[test]
fn a_failure_too_short_to_be_noticed_costs_what_was_lost() {
    let flaps = "[[failures]]\nat_us = 20\ncable = [\"leaf0\", \"spine1\"]\nfor_us = 5\ndetect_us = 10\ncontrol_us = 20\n";
    let jobs = "[[jobs]]\nname = \"a\"\nranks = 8\ncollective = \"ring\"\nbytes = 2_000_000\n";
    let whole = report_of(&wide(""), jobs, Policy::Spray, 1);
    let flapped = report_of(&wide(flaps), jobs, Policy::Spray, 1);
    assert!(flapped.lost_on_cables > 0, "nothing was on the cable");
    let (whole, flapped) = (job(&whole, "a").completion_ns, job(&flapped, "a").completion_ns);
    assert!(flapped < whole + 50_000, "{whole} {flapped}");
}

#[test]
fn rerouting_in_order_never_reorders() {
    let jobs = "[[jobs]]\nname = \"experts\"\nranks = 8\ncollective = \"all-to-all\"\nbytes = 400_000\niterations = 40\n";
    for policy in [Policy::InOrder, Policy::Message] {
        let report = report_of(SMALL, jobs, policy, 3);
        assert!(report.reroutes > 100, "{} reroutes", report.reroutes);
        assert_eq!(job(&report, "experts").reordered, 0);
    }
}

#[test]
fn unequal_links_get_their_parts() {
    let cables = |rate: &str| {
        let mut text =
            "switches = [\"a\", \"b\", \"s\", \"t\"]\nhosts = [\"h0\", \"h1\", \"h2\", \"h3\"]\ncables = [\n"
                .to_owned();
        for (host, leaf) in [("h0", "a"), ("h1", "a"), ("h2", "b"), ("h3", "b")] {
            text += &format!("{{ ends = [\"{host}\", \"{leaf}\"], link = \"host\" }},\n");
        }
        for leaf in ["a", "b"] {
            text += &format!(
                "{{ ends = [\"{leaf}\", \"s\"], link = \"fast\" }},\n{{ ends = [\"{leaf}\", \"t\"], link = \"{rate}\" }},\n"
            );
        }
        text += "]\n";
        for (name, gbps) in [("host", 100), ("fast", 150), ("slow", 50)] {
            text += &format!("[links.{name}]\nrate_gbps = {gbps}\nlength_m = 2\nmedium = \"copper\"\n");
        }
        text
    };
    let jobs = "[[jobs]]\nname = \"a\"\nhosts = [\"h0\", \"h1\", \"h2\", \"h3\"]\ncollective = \"all-to-all\"\nbytes = 4_000_000\n";
    let report = report_of(&cables("slow"), jobs, Policy::Spray, 1);
    // Imbalance is by rate: what the slow link carried is a third of the other.
    assert!(report.imbalance < 1.1, "{}", report.imbalance);
}

#[test]
fn who_waits_for_whom_is_told_when_a_job_cannot_end() {
    let topology = format!("{SMALL}\n[[failures]]\nat_us = 5\nswitch = \"leaf1\"\n");
    let topology = Topology::parse("topology", &topology).expect("a good topology");
    let jobs = "[[jobs]]\nname = \"a\"\nhosts = [\"h0\", \"h4\"]\ncollective = \"ring\"\nbytes = 2_000_000\n";
    let jobs = Jobs::parse("jobs", jobs, &topology).expect("good jobs");
    let limit_ns = 20_000_000;
    let run_of = Run {
        topology: &topology,
        jobs: &jobs,
        executor: executor(),
        policy: Policy::Ecmp,
        seed: 1,
        limit_ns,
    };
    let error = run(&run_of).expect_err("nothing gets through").to_string();
    assert!(error.contains("job `a` is not done") && error.contains("waits in step"), "{error}");
}

#[test]
fn a_seed_decides_everything() {
    let jobs = "[[jobs]]\nname = \"a\"\nranks = 6\ncollective = \"expert-parallel\"\nbytes = 300_000\n";
    let text = |seed| {
        let report = report_of(SMALL, jobs, Policy::Adaptive, seed);
        serde_json::to_string(&report).expect("a report is plain data")
    };
    assert_eq!(text(5), text(5));
    assert_ne!(text(5), text(6));
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    let storm_of_a_switch =
        format!("{SMALL}\n[[failures]]\nat_us = 1\npause_storm = \"leaf0\"\nfor_us = 5\n");
    let no_time = format!("{SMALL}\n[[failures]]\nat_us = 1\nswitch = \"spine0\"\nfor_us = 0\n");
    let small_buffer = format!("{SMALL}\n[switch]\npause_buffer_kb = 20\n");
    let no_queue = format!("{SMALL}\n[switch]\nqueue_kb = 0\n");
    let marks = format!("{SMALL}\n[switch]\necn_low_kb = 900\n");
    for (text, line, part) in [
        (&no_queue, 19, "queue_kb is 0, but a packet has"),
        (&marks, 19, "ecn_low_kb 900 is above ecn_high_kb 800"),
        (&storm_of_a_switch, 21, "a pause_storm is of a host"),
        (&no_time, 19, "a failure goes on for a nanosecond at least"),
        (&small_buffer, 19, "pause_buffer_kb is 20, but the cable from `h0` to `leaf0` wants"),
    ] {
        let error = Topology::parse("t.toml", text).expect_err(part);
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.line, line, "{error}");
    }
    let topology = Topology::parse("t.toml", SMALL).expect("a good topology");
    let job = "[[jobs]]\nname = \"a\"\nranks = 4\ncollective = \"ring\"\nbytes = 1\n";
    for (text, part) in [
        (format!("{job}weight = 0\n"), "a weight is from 1 to 255"),
        (format!("{job}weight = 256\n"), "a weight is from 1 to 255"),
        (format!("{job}[[tenants]]\ntenant = 9\nlimit_gbps = 1\n"), "tenant 9 has no job"),
        (format!("{job}[[tenants]]\ntenant = 1\nlimit_gbps = 0\n"), "limit_gbps is from"),
    ] {
        let error = Jobs::parse("j.toml", &text, &topology).expect_err(part);
        assert!(error.message.contains(part) && error.line >= 1, "{error}");
    }
}
