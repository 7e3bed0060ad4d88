//! How the jobs of a simulated fabric fared, from what `heddle fabric sim --json` has written.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Of;
use crate::exit::UsageError;

/// All jobs.
pub(super) fn list(path: &Path, of: &Of) -> anyhow::Result<()> {
    print!("{}", listed(&one_run(path, of)?));
    Ok(())
}

/// One job by its name.
pub(super) fn show(path: &Path, of: &Of, job: &str) -> anyhow::Result<()> {
    let run = one_run(path, of)?;
    let found = jobs(&run).iter().find(|known| known["name"] == job);
    let Some(found) = found else {
        let known: Vec<&str> = jobs(&run).iter().filter_map(|job| job["name"].as_str()).collect();
        let message = format!("there is no job `{job}`; there are {}", known.join(", "));
        return Err(UsageError(message).into());
    };
    print!("{}", shown(found));
    Ok(())
}

/// How far every job was as time went on.
pub(super) fn watch(path: &Path, of: &Of, lines: usize) -> anyhow::Result<()> {
    print!("{}", watched(&one_run(path, of)?, lines));
    Ok(())
}

/// The run that is asked for.
fn one_run(path: &Path, of: &Of) -> anyhow::Result<Value> {
    let Of { policy, seed, .. } = of;
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let report: Value = serde_json::from_str(&text)
        .with_context(|| format!("{name}: is not what `heddle fabric sim --json` writes"))?;
    let policies = report["policies"]
        .as_object()
        .with_context(|| format!("{name}: has no `policies`; `heddle fabric sim --json` writes them"))?;
    let ran = || policies.iter().filter(|(_, of)| of["runs"].is_array());
    let found = match policy {
        Some(policy) => ran().find(|(name, _)| *name == policy),
        None => ran().next(),
    };
    let Some((_, of)) = found else {
        let known: Vec<&str> = ran().map(|(name, _)| name.as_str()).collect();
        let message = format!("{name}: there is no run of that policy; there are {}", known.join(", "));
        return Err(UsageError(message).into());
    };
    let mut runs = of["runs"].as_array().into_iter().flatten();
    let found = runs.find(|run| seed.is_none_or(|seed| run["seed"] == seed));
    found.cloned().ok_or_else(|| UsageError(format!("{name}: there is no run of that seed")).into())
}

fn jobs(run: &Value) -> &[Value] {
    run["jobs"].as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// Payload over time.
fn gbps(bytes: f64, ns: f64) -> f64 {
    if ns > 0.0 { 8.0 * bytes / ns } else { 0.0 }
}

fn listed(run: &Value) -> String {
    let mut text = format!(
        "{:<16} {:<5} {:>12} {:>8} {:>9} {:>9} {:>5} {:>7} {:>7} {:>7} {:>9} {}\n",
        "job",
        "hosts",
        "completion",
        "x ideal",
        "Gb/s",
        "messages",
        "busy",
        "resent",
        "marked",
        "trimmed",
        "reordered",
        "straggler"
    );
    for job in jobs(run) {
        let ns = number(&job["completion_ns"]);
        text += &format!(
            "{:<16} {:<5} {:>12} {:>8.3} {:>9.1} {:>9} {:>4.0}% {:>7} {:>7} {:>7} {:>9} {}\n",
            job["name"].as_str().unwrap_or("?"),
            job["transport"].as_str().unwrap_or("?"),
            format!("{:.1} us", ns / 1e3),
            ns / number(&job["ideal_ns"]).max(1.0),
            gbps(number(&job["payload_bytes"]), ns),
            job["messages"],
            100.0 * number(&job["busy"]),
            job["retransmitted"],
            job["marked"],
            job["trimmed"],
            job["reordered"],
            job["straggler_host"].as_str().unwrap_or("-"),
        );
    }
    text
}

fn shown(job: &Value) -> String {
    let ns = number(&job["completion_ns"]);
    let counts = &job["switches"];
    let mut text = format!(
        "{}, over {}\n",
        job["name"].as_str().unwrap_or("?"),
        job["transport"].as_str().unwrap_or("?")
    );
    let mut line = |what: &str, value: String| text += &format!("  {what:<34} {value}\n");
    line(
        "done after",
        format!("{:.1} us, {:.3} times the ideal", ns / 1e3, ns / number(&job["ideal_ns"]).max(1.0)),
    );
    let payload = number(&job["payload_bytes"]);
    line("payload", format!("{payload} bytes, {:.1} Gb/s", gbps(payload, ns)));
    line("payload arrived in", format!("{:.0}% of the time", 100.0 * number(&job["busy"])));
    let (mean, p99) = (number(&job["message_mean_ns"]), number(&job["message_p99_ns"]));
    line(
        "messages",
        format!("{}, mean {:.1} us, 99th percentile {:.1} us", job["messages"], mean / 1e3, p99 / 1e3),
    );
    line("packets sent again", format!("{}, time-outs {}", job["retransmitted"], job["timeouts"]));
    line("packets out of order", job["reordered"].to_string());
    line("packets marked, trimmed", format!("{}, {}", job["marked"], job["trimmed"]));
    line("congestion notifications", job["notified"].to_string());
    line("switches: packets, bytes", format!("{}, {}", counts["packets"], counts["bytes"]));
    line("switches: messages ended", counts["messages"].to_string());
    line("switches: numbers gone back", counts["went_back"].to_string());
    line(
        "switches: waited for a pause, freed",
        format!("{}, {}", counts["waited_for_pause"], counts["freed"]),
    );
    for straggler in job["stragglers"].as_array().into_iter().flatten() {
        let host = straggler[0].as_str().unwrap_or("?");
        line("last in a step that others waited in", format!("{host}, {} times", straggler[1]));
    }
    text
}

fn watched(run: &Value, lines: usize) -> String {
    let samples: Vec<&Value> = run["samples"].as_array().into_iter().flatten().collect();
    let every_ns = number(&run["sample_ns"]);
    let mut text = format!("{:>12}", "time");
    for job in jobs(run) {
        text += &format!(" {:>24}", job["name"].as_str().unwrap_or("?"));
    }
    text += "\n";
    let step = samples.len().div_ceil(lines).max(1);
    let mut before: Option<&Value> = None;
    for (number_of, sample) in samples.iter().enumerate().skip(step - 1).step_by(step) {
        text += &format!("{:>12}", format!("{:.0} us", (number_of + 1) as f64 * every_ns / 1e3));
        for (index, job) in jobs(run).iter().enumerate() {
            let now = number(&sample[index]);
            let was = before.map_or(0.0, |before| number(&before[index]));
            let part = 100.0 * now / number(&job["payload_bytes"]).max(1.0);
            let rate = gbps(now - was, step as f64 * every_ns);
            text += &format!(" {:>24}", format!("{part:.0}%, {rate:.0} Gb/s"));
        }
        text += "\n";
        before = Some(sample);
    }
    text += &format!("{:>12}", "end");
    for job in jobs(run) {
        text += &format!(" {:>24}", format!("done after {:.1} us", number(&job["completion_ns"]) / 1e3));
    }
    text + "\n"
}
