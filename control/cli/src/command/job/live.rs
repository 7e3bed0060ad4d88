//! Jobs as a running switch counts them, read over P4Runtime from the counters and registers of `pipelines/ai_fabric.p4`.
//!
//! A switch knows jobs by number: 0 is all traffic of no known job. Times are of messages that came down to a host of this
//! switch; a spine has none.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use serde_json::{Value, json};

use crate::client::names::{Named, Names, find};
use crate::client::{Client, Target, text};
use crate::exit::UsageError;

/// Shortest time between two looks.
const INTERVAL_MIN_S: f64 = 0.05;
/// What tells a job's number and tenant.
const TABLES: [&str; 4] = ["job_by_qp", "job_by_uet", "job_by_vni", "job_by_hosts"];

/// Counters by job: in the program, and in what is printed.
const COUNTERS: [(&str, &str); 8] = [
    ("job_messages", "messages"),
    ("went_back", "resent"),
    ("job_notifications", "notifications"),
    ("ecn_marked", "marked"),
    ("trimmed", "trimmed"),
    ("violations_by_job", "violations"),
    ("waited_by_job", "waited_for_pause"),
    ("freed_by_job", "freed"),
];
/// Registers by job, likewise.
const REGISTERS: [(&str, &str); 6] = [
    ("message_count", "timed_messages"),
    ("message_us", "message_us"),
    ("message_longest_us", "message_longest_us"),
    (LONGEST_ENDS, LONGEST_ENDS),
    ("announced_bytes", "announced_bytes"),
    ("job_busy_us", "busy_us"),
];

/// Sender and receiver of the message that took longest, 32 bits of address each.
const LONGEST_ENDS: &str = "message_longest_ends";

/// What is known of a job.
#[derive(Default)]
struct Known {
    packets: u64,
    bytes: u64,
    /// By the names that are printed.
    figures: BTreeMap<&'static str, u64>,
    tenant: Option<u64>,
}

impl Known {
    fn figure(&self, name: &str) -> u64 {
        self.figures.get(name).copied().unwrap_or(0)
    }

    fn mean_us(&self) -> f64 {
        self.figure("message_us") as f64 / self.figure("timed_messages").max(1) as f64
    }

    /// Who sent the message that took longest, and to whom; of hosts with IPv6 addresses their low 32 bits.
    fn slowest(&self) -> Option<[Ipv4Addr; 2]> {
        let ends = self.figure(LONGEST_ENDS);
        (ends != 0).then(|| [Ipv4Addr::from((ends >> 32) as u32), Ipv4Addr::from(ends as u32)])
    }

    fn json(&self, job: u64) -> Value {
        let mut value =
            json!({ "job": job, "tenant": self.tenant, "packets": self.packets, "bytes": self.bytes });
        for (name, figure) in self.figures.iter().filter(|(name, _)| **name != LONGEST_ENDS) {
            value[*name] = json!(figure);
        }
        value["slowest"] = self.slowest().map_or(Value::Null, |[from, to]| json!({ "from": from, "to": to }));
        value
    }
}

/// All jobs.
pub(super) fn list(target: &Target) -> anyhow::Result<()> {
    let jobs = read(&mut target.connect()?)?;
    if target.json {
        let jobs: Vec<Value> = jobs.iter().map(|(job, known)| known.json(*job)).collect();
        println!("{}", serde_json::to_string_pretty(&jobs)?);
        return Ok(());
    }
    let heading = [
        "JOB",
        "TENANT",
        "PACKETS",
        "BYTES",
        "MESSAGES",
        "MEAN US",
        "MAX US",
        "RESENT",
        "MARKED",
        "TRIMMED",
        "VIOLATIONS",
    ];
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|(job, known)| {
            vec![
                job.to_string(),
                known.tenant.map_or_else(|| "-".to_owned(), |tenant| tenant.to_string()),
                known.packets.to_string(),
                known.bytes.to_string(),
                known.figure("messages").to_string(),
                format!("{:.1}", known.mean_us()),
                known.figure("message_longest_us").to_string(),
                known.figure("resent").to_string(),
                known.figure("marked").to_string(),
                known.figure("trimmed").to_string(),
                known.figure("violations").to_string(),
            ]
        })
        .collect();
    text::print(&heading, &rows);
    Ok(())
}

/// One job by its number.
pub(super) fn show(target: &Target, job: &str) -> anyhow::Result<()> {
    let number: u64 = job.parse().map_err(|_| {
        UsageError(format!("`{job}` is no job's number; for a job of a report, name the report first"))
    })?;
    let jobs = read(&mut target.connect()?)?;
    let Some(known) = jobs.get(&number) else {
        let all: Vec<String> = jobs.keys().map(u64::to_string).collect();
        let message = format!("nothing is known of job {number}; there are {}", all.join(", "));
        return Err(UsageError(message).into());
    };
    if target.json {
        println!("{}", serde_json::to_string_pretty(&known.json(number))?);
        return Ok(());
    }
    match number {
        0 => println!("job 0, traffic of no known job"),
        _ => println!("job {number}"),
    }
    let line = |what: &str, value: String| println!("  {what:<34} {value}");
    line("tenant", known.tenant.map_or_else(|| "not in the tables".to_owned(), |tenant| tenant.to_string()));
    line("packets, bytes", format!("{}, {}", known.packets, known.bytes));
    line("bytes announced (RETH)", known.figure("announced_bytes").to_string());
    line("messages ended", known.figure("messages").to_string());
    line(
        "messages timed",
        format!(
            "{}, mean {:.1} us, longest {} us",
            known.figure("timed_messages"),
            known.mean_us(),
            known.figure("message_longest_us")
        ),
    );
    if let Some([from, to]) = known.slowest() {
        line("slowest message", format!("from {from} to {to}"));
    }
    line("busy", format!("{} us", known.figure("busy_us")));
    line("numbers gone back", known.figure("resent").to_string());
    line("congestion notifications", known.figure("notifications").to_string());
    line("marked, trimmed", format!("{}, {}", known.figure("marked"), known.figure("trimmed")));
    line("refused, as for others", known.figure("violations").to_string());
    line(
        "waited for a pause, freed",
        format!("{}, {}", known.figure("waited_for_pause"), known.figure("freed")),
    );
    Ok(())
}

/// Rates of all jobs, time and again.
pub(super) fn watch(target: &Target, interval_s: f64, count: Option<u64>) -> anyhow::Result<()> {
    if !(INTERVAL_MIN_S..=86_400.0).contains(&interval_s) {
        let message = format!("--interval {interval_s}: from {INTERVAL_MIN_S} to 86400 seconds");
        return Err(UsageError(message).into());
    }
    let mut client = target.connect()?;
    let (mut before, mut at) = (read(&mut client)?, Instant::now());
    let mut looks = 0;
    while count.is_none_or(|count| looks < count) {
        std::thread::sleep(Duration::from_secs_f64(interval_s));
        let (now, now_at) = (read(&mut client)?, Instant::now());
        let passed_s = (now_at - at).as_secs_f64();
        looks += 1;
        for (job, known) in &now {
            let was = before.get(job);
            let more = |of: fn(&Known) -> u64| of(known).saturating_sub(was.map_or(0, of));
            let grown = |name: &str| known.figure(name).saturating_sub(was.map_or(0, |was| was.figure(name)));
            let busy = grown("busy_us") as f64 / (1e6 * passed_s);
            let gbps = 8e-9 * more(|known| known.bytes) as f64 / passed_s;
            let packets = more(|known| known.packets);
            if target.json {
                let line = json!({
                    "job": job, "seconds": passed_s, "packets": packets, "gbps": gbps, "busy": busy,
                    "messages": grown("messages"), "resent": grown("resent"), "marked": grown("marked"),
                    "trimmed": grown("trimmed"), "violations": grown("violations"),
                });
                println!("{line}");
            } else {
                println!(
                    "job {job:<6} {gbps:>9.3} Gb/s {packets:>10} packets {:>8} messages {:>4.0}% busy, resent {}, marked \
                     {}, trimmed {}, violations {}",
                    grown("messages"),
                    100.0 * busy.min(1.0),
                    grown("resent"),
                    grown("marked"),
                    grown("trimmed"),
                    grown("violations"),
                );
            }
        }
        (before, at) = (now, now_at);
    }
    Ok(())
}

/// Every job that is in the tables, or of which anything was counted.
fn read(client: &mut Client) -> anyhow::Result<BTreeMap<u64, Known>> {
    let names = client.names()?;
    let has = |name: &str| names.p4info.counters.iter().any(|counter| last(counter.name()) == name);
    if let Some(missing) = ["job_traffic", "violations_by_job"].into_iter().find(|name| !has(name)) {
        let message = format!(
            "the switch runs a program without a counter `{missing}`; pipelines/ai_fabric.p4 counts by job"
        );
        return Err(UsageError(message).into());
    }
    let mut jobs: BTreeMap<u64, Known> = BTreeMap::new();
    for (job, tenant) in tenants(client, &names)? {
        jobs.entry(job).or_default().tenant = Some(tenant);
    }
    for (cell, data) in counted(client, &names, "job_traffic", None)? {
        if data.packet_count > 0 {
            let known = jobs.entry(cell).or_default();
            known.packets = data.packet_count.cast_unsigned();
            known.bytes = data.byte_count.cast_unsigned();
        }
    }
    for (cell, data) in counted(client, &names, "violations_by_job", None)? {
        if data.packet_count > 0 {
            jobs.entry(cell).or_default();
        }
    }
    let numbers: Vec<u64> = jobs.keys().copied().collect();
    for (name, figure) in COUNTERS {
        for (cell, data) in counted(client, &names, name, Some(&numbers))? {
            if let Some(known) = jobs.get_mut(&cell) {
                known.figures.insert(figure, data.packet_count.cast_unsigned());
            }
        }
    }
    for (name, figure) in REGISTERS {
        let register_id = find("register", &names.p4info.registers, name)?.id();
        let cells = numbers.iter().map(|&job| {
            let index = Some(v1::Index { index: job.cast_signed() });
            Entity::RegisterEntry(v1::RegisterEntry { register_id, index, data: None })
        });
        for entity in client.read(cells.collect())? {
            let Entity::RegisterEntry(cell) = entity else { continue };
            let Some(v1::p4_data::Data::Bitstring(bytes)) = cell.data.and_then(|data| data.data) else {
                continue;
            };
            if let Some(known) = jobs.get_mut(&index(cell.index.as_ref())) {
                known.figures.insert(figure, big_endian(&bytes));
            }
        }
    }
    Ok(jobs)
}

/// The tenant of every job that a table names.
fn tenants(client: &mut Client, names: &Names) -> anyhow::Result<HashMap<u64, u64>> {
    let action = find("action", &names.p4info.actions, "set_job")?;
    let parameter = |name: &str| {
        let found = action.params.iter().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.id).with_context(|| format!("`set_job` has no parameter `{name}`"))
    };
    let (job, tenant, set_job) = (parameter("job")?, parameter("tenant")?, action.id());
    let mut found = HashMap::new();
    for table in TABLES {
        let table_id = find("table", &names.p4info.tables, table)?.id();
        let all = v1::TableEntry { table_id, ..v1::TableEntry::default() };
        for entity in client.read(vec![Entity::TableEntry(all)])? {
            let Entity::TableEntry(entry) = entity else { continue };
            let Some(v1::table_action::Type::Action(action)) = entry.action.and_then(|action| action.r#type)
            else {
                continue;
            };
            let value = |id: u32| {
                let found = action.params.iter().find(|parameter| parameter.param_id == id);
                found.map(|parameter| big_endian(&parameter.value))
            };
            if action.action_id == set_job
                && let (Some(job), Some(tenant)) = (value(job), value(tenant))
            {
                found.insert(job, tenant);
            }
        }
    }
    Ok(found)
}

/// Cells of a counter: those of some jobs, or all.
fn counted(
    client: &mut Client,
    names: &Names,
    name: &str,
    jobs: Option<&[u64]>,
) -> anyhow::Result<Vec<(u64, v1::CounterData)>> {
    let counter_id = find("counter", &names.p4info.counters, name)?.id();
    let wanted = |index| Entity::CounterEntry(v1::CounterEntry { counter_id, index, data: None });
    let entities = match jobs {
        Some(jobs) => jobs.iter().map(|&job| wanted(Some(v1::Index { index: job.cast_signed() }))).collect(),
        None => vec![wanted(None)],
    };
    if entities.is_empty() {
        return Ok(Vec::new());
    }
    let cell = |entity| match entity {
        Entity::CounterEntry(cell) => Some((index(cell.index.as_ref()), cell.data.unwrap_or_default())),
        _ => None,
    };
    Ok(client.read(entities)?.into_iter().filter_map(cell).collect())
}

fn index(index: Option<&v1::Index>) -> u64 {
    index.map_or(0, |index| index.index.max(0).cast_unsigned())
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
