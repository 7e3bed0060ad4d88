//! Results as one page that needs nothing else: tables, and plots drawn as SVG.
//!
//! What is compared stands first, on one scale for all policies: completion, how evenly links are used, how jobs get on.
//! Below, policy by policy, are jobs and links. Figures are means over the seeds; what has no mean is of the first seed.
//! Invariant: whatever names the user chose appear as text, never as markup.

mod plot;

use std::fmt::Write as _;

use crate::policy::{Policy, Transport};
use crate::report::{JobReport, Report};

use self::plot::{Bar, Line, bars, heat, lines};

const STYLE: &str = "\
:root{--text:#1d2126;--faint:#6a727d;--rule:#d9dde2;--back:#fff}\
@media(prefers-color-scheme:dark){:root{--text:#e3e6ea;--faint:#98a1ac;--rule:#3a4048;--back:#15181c}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:var(--text);background:var(--back)}\
h1{margin-bottom:0}h2{margin:2.2rem 0 .3rem}p{margin:.3rem 0 .8rem;color:var(--faint)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}\
td,th{padding:.2rem .5rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}\
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto;display:block}\
svg text{font:12px system-ui,sans-serif;fill:var(--text)}svg .faint{fill:var(--faint)}\
svg .rule{stroke:var(--rule);fill:none}svg .ideal{stroke:var(--text);stroke-dasharray:4 3}\
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:.5rem 1.5rem}\
summary{cursor:pointer;font-size:1.17em;font-weight:600;margin:.6rem 0}h3{margin:.6rem 0 0;font-size:1em}";

/// The page for runs of some policies, each from the same seeds.
pub fn page(title: &str, all: &[(Policy, Vec<Report>)]) -> String {
    let title = if title.is_empty() { "fabric".to_owned() } else { escaped(title) };
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}: heddle fabric sim</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    let seeds = all.first().map_or(0, |(_, reports)| reports.len());
    let jobs = all.first().and_then(|(_, reports)| reports.first()).map_or(0, |report| report.jobs.len());
    let _ = write!(
        html,
        "<p>Jobs: {jobs}. Seeds: {seeds}. Figures are means over the seeds unless a seed is named.</p>"
    );
    completion(&mut html, all);
    summary(&mut html, all);
    evenness(&mut html, all);
    progress(&mut html, all);
    html += "<h2>Policy by policy</h2>";
    for (policy, reports) in all {
        if let Some(report) = reports.first() {
            details(&mut html, *policy, report);
        }
    }
    html += "</html>\n";
    html
}

fn mean(reports: &[Report], of: impl Fn(&Report) -> f64) -> f64 {
    reports.iter().map(of).sum::<f64>() / reports.len().max(1) as f64
}

fn ideal_ns(all: &[(Policy, Vec<Report>)]) -> f64 {
    all.first().map_or(0.0, |(_, reports)| mean(reports, |report| report.ideal_jct_ns))
}

fn ecmp_ns(all: &[(Policy, Vec<Report>)]) -> Option<f64> {
    let of_ecmp = all.iter().find(|(policy, _)| *policy == Policy::Ecmp);
    of_ecmp.map(|(_, reports)| mean(reports, |report| report.mean_jct_ns))
}

/// Hosts that need order, and those that do not: what is compared only with care has another colour.
fn colour(policy: Policy) -> &'static str {
    match policy.transport() {
        Transport::Roce => "#3b7dd8",
        Transport::Uet => "#2a9d72",
    }
}

fn completion(html: &mut String, all: &[(Policy, Vec<Report>)]) {
    *html += "<h2>Mean completion time of jobs</h2><p>Microseconds; the thin line goes from the best seed to the worst, the dashed \
              one is the ideal, which no fabric could beat. Blue: RoCEv2 hosts, in order. Green: hosts that take packets \
              in any order.</p>";
    let (ideal_ns, ecmp_ns) = (ideal_ns(all), ecmp_ns(all));
    let rows: Vec<Bar> = all
        .iter()
        .map(|(policy, reports)| {
            let jct_ns = mean(reports, |report| report.mean_jct_ns);
            let each = || reports.iter().map(|report| report.mean_jct_ns / 1e3);
            let mut label = format!("{:.1}, {:.2} × ideal", jct_ns / 1e3, jct_ns / ideal_ns.max(1.0));
            if let Some(ecmp_ns) = ecmp_ns.filter(|_| *policy != Policy::Ecmp) {
                let _ = write!(label, ", {:.2} × as fast as ecmp", ecmp_ns / jct_ns.max(1.0));
            }
            Bar {
                name: policy.name().to_owned(),
                value: jct_ns / 1e3,
                range: (each().fold(f64::INFINITY, f64::min), each().fold(0.0, f64::max)),
                label,
                colour: colour(*policy),
            }
        })
        .collect();
    bars(html, &rows, Some(ideal_ns / 1e3));
}

fn summary(html: &mut String, all: &[(Policy, Vec<Report>)]) {
    *html += "<div class=wide><table><tr><th>policy<th>hosts<th>mean JCT, us<th>× ideal<th>busiest link up / mean<th>down / mean\
              <th>message p99, us<th>resent<th>reordered<th>dropped<th>lost on cables<th>trimmed<th>marked<th>longest queue\
              <th>pJ/bit";
    let ideal_ns = ideal_ns(all);
    for (policy, reports) in all {
        let jobs = |of: fn(&JobReport) -> u64| {
            mean(reports, |report| report.jobs.iter().map(of).sum::<u64>() as f64)
        };
        let jct_ns = mean(reports, |report| report.mean_jct_ns);
        let p99 =
            |report: &Report| report.jobs.iter().map(|job| job.message_p99_ns).max().unwrap_or(0) as f64;
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{:.1}<td>{:.3}<td>{:.3}<td>{:.3}<td>{:.1}<td>{:.0}<td>{:.0}<td>{:.0}<td>{:.0}<td>{:.0}<td>{:.0}\
             <td>{:.0}<td>{:.1}",
            policy.name(),
            policy.transport().name(),
            jct_ns / 1e3,
            jct_ns / ideal_ns.max(1.0),
            mean(reports, |report| report.imbalance),
            mean(reports, |report| report.imbalance_down),
            mean(reports, p99) / 1e3,
            jobs(|job| job.retransmitted),
            jobs(|job| job.reordered),
            mean(reports, |report| report.drops.values().sum::<u64>() as f64),
            mean(reports, |report| report.lost_on_cables as f64),
            jobs(|job| job.trimmed),
            jobs(|job| job.marked),
            mean(reports, |report| report.queue_packets_max as f64),
            mean(reports, |report| report.pj_per_delivered_bit),
        );
    }
    *html += "</table></div>";
}

/// Colours that are told apart on white and on black, one for each policy.
const COLOURS: [&str; 8] =
    ["#8a8f98", "#3b7dd8", "#d8533b", "#8e5bd0", "#c8a116", "#d65fa0", "#1fa3b8", "#2a9d72"];

fn evenness(html: &mut String, all: &[(Policy, Vec<Report>)]) {
    let of_links = |report: &Report| {
        let mut used: Vec<f64> = report.links.iter().map(|link| 100.0 * link.utilisation).collect();
        used.sort_by(|a, b| b.total_cmp(a));
        let last = used.len().saturating_sub(1).max(1) as f64;
        used.into_iter().enumerate().map(|(rank, used)| (100.0 * rank as f64 / last, used)).collect()
    };
    let curves: Vec<Line> = all
        .iter()
        .zip(COLOURS.iter().cycle())
        .filter_map(|((policy, reports), colour)| {
            let points: Vec<(f64, f64)> = of_links(reports.first()?);
            (!points.is_empty()).then(|| Line { name: policy.name().to_owned(), points, colour })
        })
        .collect();
    if curves.is_empty() {
        return;
    }
    let seed = all.first().and_then(|(_, reports)| reports.first()).map_or(0, |report| report.seed);
    let _ = write!(
        html,
        "<h2>How evenly links are used</h2><p>All links between switches, the busiest on the left: part of the time until the last \
         job was done in which each sent, in per cent, seed {seed}. Level is even; high is busy for a shorter time.</p>"
    );
    lines(html, &curves, "% of the links", (100.0, 100.0));
}

fn progress(html: &mut String, all: &[(Policy, Vec<Report>)]) {
    let firsts = || all.iter().filter_map(|(policy, reports)| Some((*policy, reports.first()?)));
    let Some((_, first)) = firsts().next() else { return };
    let _ = write!(
        html,
        "<h2>How jobs got on</h2><p>Payload that arrived of each job, Gb/s over microseconds, seed {}; one scale for all policies.</p>\
         <div class=two>",
        first.seed
    );
    let rates = |report: &Report, job: usize| -> Vec<(f64, f64)> {
        // Of the last sample there is a part.
        let step = report.samples.len().div_ceil(64).max(1);
        let mut before = 0;
        let each = report.samples.iter().enumerate().skip(step - 1).step_by(step);
        let points = each.map(|(number, sample)| {
            let arrived = sample.get(job).copied().unwrap_or(0);
            let gbps = 8.0 * (arrived - before) as f64 / (step as u64 * report.sample_ns).max(1) as f64;
            before = arrived;
            ((number as u64 + 1) as f64 * report.sample_ns as f64 / 1e3, gbps)
        });
        points.collect()
    };
    let all_lines: Vec<(Policy, Vec<Line>)> = firsts()
        .map(|(policy, report)| {
            let jobs = report.jobs.iter().enumerate().take(COLOURS.len()).zip(COLOURS);
            let of_job = |((job, spec), colour): ((usize, &JobReport), &'static str)| Line {
                name: spec.name.clone(),
                points: rates(report, job),
                colour,
            };
            (policy, jobs.map(of_job).collect())
        })
        .collect();
    let points = || all_lines.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.points);
    let most = points().fold((1e-9, 1e-9), |(x, y): (f64, f64), point| (x.max(point.0), y.max(point.1)));
    for (policy, jobs) in &all_lines {
        let _ = write!(html, "<div><h3>{}</h3>", policy.name());
        lines(html, jobs, "us", most);
        *html += "</div>";
    }
    *html += "</div>";
    if first.jobs.len() > COLOURS.len() {
        let _ = write!(html, "<p>The first {} of {} jobs.</p>", COLOURS.len(), first.jobs.len());
    }
}

fn details(html: &mut String, policy: Policy, report: &Report) {
    let _ = write!(
        html,
        "<details open><summary>{}, seed {}</summary><div class=wide><table><tr><th>job<th>transport<th>completion, us<th>over ideal\
         <th>busy<th>messages<th>message mean, us<th>p99, us<th>resent<th>marked<th>trimmed<th>reordered<th>last in most steps",
        policy.name(),
        report.seed
    );
    for job in &report.jobs {
        let straggler = match (&job.straggler, &job.straggler_host) {
            (Some((rank, count)), Some(host)) => format!("rank {rank} on {}, {count} times", escaped(host)),
            (Some(_) | None, _) => String::new(),
        };
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{:.1}<td>{:.3}<td>{:.0} %<td>{}<td>{:.1}<td>{:.1}<td>{}<td>{}<td>{}<td>{}<td>{straggler}",
            escaped(&job.name),
            job.transport,
            job.completion_ns as f64 / 1e3,
            job.completion_ns as f64 / job.ideal_ns.max(1.0),
            100.0 * job.busy,
            job.messages,
            job.message_mean_ns / 1e3,
            job.message_p99_ns as f64 / 1e3,
            job.retransmitted,
            job.marked,
            job.trimmed,
            job.reordered,
        );
    }
    *html += "</table></div>";
    for (reason, count) in &report.drops {
        let _ = write!(html, "<p>Dropped for {}: {count}</p>", escaped(reason));
    }
    if !report.links.is_empty() {
        *html += "<h3>Links between switches, per cent of the time sending</h3>";
        heat(html, report);
    }
    *html += "</details>";
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{JobCounts, LinkReport};

    fn report(policy: Policy, seed: u64, jct_ns: u64) -> Report {
        let link = |to: &str, utilisation| LinkReport {
            from: "leaf<0>".into(),
            to: to.into(),
            bytes: 1_000,
            utilisation,
            ..LinkReport::default()
        };
        Report {
            policy: policy.name(),
            seed,
            mean_jct_ns: jct_ns as f64,
            ideal_jct_ns: 100_000.0,
            completion_ns: jct_ns,
            jobs: vec![JobReport {
                name: "a & b".into(),
                policy: policy.name(),
                transport: policy.transport().name(),
                completion_ns: jct_ns,
                ideal_ns: 100_000.0,
                payload_bytes: 5_000,
                messages: 3,
                message_mean_ns: 7_000.0,
                message_p99_ns: 9_000,
                straggler: Some((1, 2)),
                straggler_host: Some("h\"1".into()),
                stragglers: Vec::new(),
                busy: 0.5,
                retransmitted: 0,
                timeouts: 0,
                marked: 0,
                trimmed: 0,
                reordered: 0,
                notified: 0,
                switches: JobCounts::default(),
            }],
            host_links: Vec::new(),
            links: vec![link("spine0", 0.25), link("spine0", 0.5), link("spine1", 0.75), link("spine1", 0.5)],
            imbalance: 1.5,
            imbalance_down: 1.0,
            drops: [("queue_full".to_owned(), 3)].into(),
            lost_on_cables: 0,
            cable_failures: 0,
            unreadable: 0,
            reroutes: 0,
            pauses: 0,
            violations: 0,
            queue_packets_max: 17,
            packet_hops: 8,
            pj_per_delivered_bit: 1.0,
            sample_ns: 1_000,
            samples: vec![vec![0], vec![1_000], vec![5_000]],
        }
    }

    #[test]
    fn a_page_compares_policies_and_escapes_names() {
        let of =
            |policy, jct_ns| (policy, vec![report(policy, 1, jct_ns), report(policy, 2, jct_ns + 20_000)]);
        let html = page("<fabric>", &[of(Policy::Ecmp, 200_000), of(Policy::Pinned, 105_000)]);
        assert!(
            html.contains("&lt;fabric&gt;") && html.contains("a &amp; b") && html.contains("leaf&lt;0&gt;")
        );
        assert!(!html.contains("<fabric>") && !html.contains("leaf<0>") && !html.contains("h\"1"));
        // Means over both seeds: 210 and 115 us.
        assert!(
            html.contains("210.0, 2.10 × ideal")
                && html.contains("115.0, 1.15 × ideal, 1.83 × as fast as ecmp")
        );
        assert!(html.contains("Dropped for queue_full: 3"));
        // The most that arrived in a sample: 4000 bytes in a microsecond.
        assert!(html.contains("32.0"));
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        for wrong in ["NaN", "inf"] {
            assert!(!html.contains(wrong), "{wrong} in {html}");
        }
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        let empty = Report {
            jobs: Vec::new(),
            links: Vec::new(),
            samples: Vec::new(),
            ..report(Policy::Spray, 1, 1)
        };
        for all in [vec![], vec![(Policy::Spray, vec![])], vec![(Policy::Spray, vec![empty])]] {
            let html = page("", &all);
            assert!(html.ends_with("</html>\n") && !html.contains("NaN"));
        }
    }
}
