//! `heddle pipeline`, `heddle port`, `heddle stats`, `heddle digest`, `heddle packet-out`: a running switch as a whole.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use heddle_daemon::proto::GetStatsResponse;
use heddle_p4rt::bytestring::hexadecimal;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::get_forwarding_pipeline_config_request::ResponseType;
use heddle_p4rt_proto::v1::set_forwarding_pipeline_config_request::Action;
use heddle_p4rt_proto::v1::stream_message_request::Update as Say;
use heddle_p4rt_proto::v1::stream_message_response::Update as Heard;
use heddle_p4rt_proto::v1::update::Type;
use serde_json::json;

use super::control;
use crate::client::names::{Named as _, find};
use crate::client::{Target, complete, text, values};
use crate::exit::Exit;
use crate::program::{self, SourceOptions};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle pipeline load prog.p4\n  heddle pipeline load prog.json --p4info prog.p4info.txtpb --keep\n  heddle pipeline show\n  heddle pipeline reload"
)]
pub(crate) struct PipelineOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: PipelineCommand,
}

#[derive(Subcommand, Debug)]
enum PipelineCommand {
    /// Give the switch a program
    Load {
        /// P4 program, or compiled artifact, or BMv2's JSON
        program: PathBuf,
        /// Its P4Info, for BMv2's JSON
        #[arg(long, value_name = "FILE")]
        p4info: Option<PathBuf>,
        /// Keep the state that the new program has room for
        #[arg(long)]
        keep: bool,
        #[command(flatten)]
        source: SourceOptions,
    },
    /// What runs
    Show,
    /// Have the switch read the program again that it was started with
    Reload,
}

pub(crate) fn pipeline(options: &PipelineOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    match &options.command {
        PipelineCommand::Load { program, p4info, keep, source } => {
            let loaded = program::load(program, source)?;
            let config = match (p4info, &loaded.p4info) {
                (None, Some(p4info)) => control::described(&loaded.verified, p4info)?,
                (Some(p4info), _) => v1::ForwardingPipelineConfig {
                    p4info: Some(control::p4info_file(p4info)?),
                    p4_device_config: std::fs::read(program)?,
                    cookie: None,
                },
                (None, None) => bail!("{}: does not say its P4Info; give --p4info", program.display()),
            };
            let action = if *keep { Action::ReconcileAndCommit } else { Action::VerifyAndCommit };
            client.set_pipeline(action, config)?;
            if client.is_dry_run() {
                eprintln!("the switch would take it; nothing was changed");
            }
        }
        PipelineCommand::Show => {
            let config = client.pipeline(ResponseType::All)?;
            let p4info = config.p4info.unwrap_or_default();
            let package = p4info.pkg_info.clone().unwrap_or_default();
            let shown = json!({
                "package": package.name, "arch": package.arch, "version": package.version,
                "cookie": config.cookie.map(|cookie| cookie.cookie),
                "device_config_bytes": config.p4_device_config.len(),
                "tables": p4info.tables.iter().map(|table| table.name()).collect::<Vec<_>>(),
                "counters": p4info.counters.iter().map(|counter| counter.name()).collect::<Vec<_>>(),
                "meters": p4info.meters.iter().map(|meter| meter.name()).collect::<Vec<_>>(),
                "registers": p4info.registers.iter().map(|register| register.name()).collect::<Vec<_>>(),
                "digests": p4info.digests.iter().map(|digest| digest.name()).collect::<Vec<_>>(),
            });
            if options.target.json {
                println!("{}", serde_json::to_string_pretty(&shown)?);
            } else {
                for (name, value) in shown.as_object().into_iter().flatten() {
                    let value = match value {
                        serde_json::Value::Null => continue,
                        serde_json::Value::Array(items) => {
                            items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
                        }
                        serde_json::Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    if !value.is_empty() {
                        println!("{name:20} {value}");
                    }
                }
            }
        }
        PipelineCommand::Reload => {
            let reloaded = client.reload()?;
            eprintln!("reloaded; table entries kept: {}", reloaded.entries_kept);
            for left in &reloaded.left {
                eprintln!("warning: {left}");
            }
        }
    }
    Ok(Exit::Success)
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  heddle port ls\n  heddle port add 3@veth3\n  heddle port rm 3")]
pub(crate) struct PortOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: PortCommand,
}

#[derive(Subcommand, Debug)]
enum PortCommand {
    /// The ports, those included that are gone for now
    Ls,
    /// Attach a port
    Add {
        /// Its number and what it is attached to
        #[arg(value_name = "PORT@WHAT")]
        spec: String,
    },
    /// Detach a port for good
    Rm {
        /// Its number
        port: u32,
    },
}

pub(crate) fn port(options: &PortOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    match &options.command {
        PortCommand::Ls => {
            let ports = client.ports()?;
            if options.target.json {
                let ports: Vec<_> = ports
                    .iter()
                    .map(|port| {
                        json!({ "port": port.id, "spec": port.spec, "up": port.up, "kind": port.kind,
                                "queues": port.queues, "mtu": port.mtu_bytes, "notes": port.notes })
                    })
                    .collect();
                println!("{}", serde_json::to_string_pretty(&ports)?);
            } else {
                let rows: Vec<Vec<String>> = ports
                    .iter()
                    .map(|port| {
                        let state = if port.up { "up" } else { "down" };
                        vec![
                            port.id.to_string(),
                            port.spec.clone(),
                            state.to_owned(),
                            port.kind.clone(),
                            port.queues.to_string(),
                            port.mtu_bytes.to_string(),
                        ]
                    })
                    .collect();
                text::print(&["PORT", "WHAT", "STATE", "KIND", "QUEUES", "MTU"], &rows);
            }
        }
        PortCommand::Add { spec } => {
            if let Some(port) = client.add_port(spec)? {
                eprintln!("port {}: {}, MTU {}", port.id, port.kind, port.mtu_bytes);
            }
        }
        PortCommand::Rm { port } => client.remove_port(*port)?,
    }
    Ok(Exit::Success)
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  heddle stats\n  heddle stats --watch 1\n  heddle stats --json")]
pub(crate) struct StatsOptions {
    #[command(flatten)]
    target: Target,
    /// Show them again and again, every so many seconds, with rates
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

pub(crate) fn stats(options: &StatsOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let mut before: Option<GetStatsResponse> = None;
    loop {
        let stats = client.stats()?;
        if options.target.json {
            println!("{}", serde_json::to_string(&stats_json(&stats))?);
        } else {
            show_stats(&stats, before.as_ref());
        }
        let Some(seconds) = options.watch else { return Ok(Exit::Success) };
        before = Some(stats);
        std::thread::sleep(Duration::from_secs(seconds));
        println!();
    }
}

fn stats_json(stats: &GetStatsResponse) -> serde_json::Value {
    let counts = |counts: &[heddle_daemon::proto::Count]| {
        counts.iter().map(|count| (count.name.clone(), json!(count.count))).collect::<serde_json::Map<_, _>>()
    };
    json!({
        "time_ns": stats.time_ns, "program": stats.program, "received": stats.received,
        "injected": stats.injected, "copies": stats.copies, "transmitted": stats.transmitted,
        "delivered": stats.delivered, "in_flight": stats.in_flight, "drops": counts(&stats.drops),
        "digests_lost": stats.digests_lost, "events_lost": stats.events_lost, "server": counts(&stats.server),
        "ports": stats.ports.iter().map(|port| json!({
            "port": port.id, "up": port.up, "rx_packets": port.rx_packets, "rx_bytes": port.rx_bytes,
            "rx_missed": port.rx_missed, "rx_invalid": port.rx_invalid, "injected": port.injected,
            "tx_packets": port.tx_packets, "tx_bytes": port.tx_bytes, "drops": counts(&port.drops),
            "queues": port.queues.iter().map(|queue| json!({
                "packets": queue.packets, "bytes": queue.bytes, "high_water_packets": queue.high_water_packets,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "tables": stats.tables.iter().map(|table| json!({
            "table": table.name, "entries": table.entries, "size": table.size, "memory_bytes": table.memory_bytes,
        })).collect::<Vec<_>>(),
    })
}

fn show_stats(stats: &GetStatsResponse, before: Option<&GetStatsResponse>) {
    let seconds = before.map(|before| (stats.time_ns.saturating_sub(before.time_ns)) as f64 / 1e9);
    let rate = |now: u64, then: Option<u64>| match (then, seconds) {
        (Some(then), Some(seconds)) if seconds > 0.0 => {
            format!(" ({:.0}/s)", now.saturating_sub(then) as f64 / seconds)
        }
        _ => String::new(),
    };
    println!(
        "{}: {} received{}, {} sent, {} delivered, {} dropped, {} under way",
        stats.program,
        stats.received + stats.injected,
        rate(stats.received, before.map(|before| before.received)),
        stats.transmitted,
        stats.delivered,
        stats.drops.iter().map(|count| count.count).sum::<u64>(),
        stats.in_flight,
    );
    let rows: Vec<Vec<String>> = stats
        .ports
        .iter()
        .filter(|port| port.id.is_some())
        .map(|port| {
            let then = before.and_then(|before| before.ports.iter().find(|then| then.id == port.id));
            let waiting: u64 = port.queues.iter().map(|queue| queue.packets).sum();
            let most = port.queues.iter().map(|queue| queue.high_water_packets).max().unwrap_or(0);
            vec![
                port.id.map(|id| id.to_string()).unwrap_or_default(),
                if port.up { "up" } else { "down" }.to_owned(),
                format!("{}{}", port.rx_packets, rate(port.rx_packets, then.map(|then| then.rx_packets))),
                port.rx_bytes.to_string(),
                format!("{}{}", port.tx_packets, rate(port.tx_packets, then.map(|then| then.tx_packets))),
                port.tx_bytes.to_string(),
                format!("{waiting} (at most {most})"),
                port.drops.iter().map(|count| count.count).sum::<u64>().to_string(),
            ]
        })
        .collect();
    text::print(&["PORT", "STATE", "IN", "BYTES", "OUT", "BYTES", "QUEUED", "DROPPED"], &rows);
    let rows: Vec<Vec<String>> = stats
        .tables
        .iter()
        .map(|table| {
            vec![
                table.name.clone(),
                format!("{}/{}", table.entries, table.size),
                table.memory_bytes.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text::print(&["TABLE", "ENTRIES", "MEMORY"], &rows);
    }
    let rows: Vec<Vec<String>> = stats
        .drops
        .iter()
        .filter(|count| count.count > 0)
        .map(|count| vec![count.name.clone(), count.count.to_string()])
        .collect();
    if !rows.is_empty() {
        text::print(&["DROPPED AS", "PACKETS"], &rows);
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  heddle digest ls\n  heddle digest follow mac_learn_digest")]
pub(crate) struct DigestOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Option<DigestCommand>,
    /// Show a digest's messages as they come
    #[arg(long, value_name = "DIGEST", add = ArgValueCompleter::new(complete::digests))]
    follow: Option<String>,
}

#[derive(Subcommand, Debug)]
enum DigestCommand {
    /// The digests
    Ls,
    /// Show a digest's messages as they come
    Follow {
        /// The digest
        #[arg(add = ArgValueCompleter::new(complete::digests))]
        digest: String,
    },
}

fn show_data(data: &v1::P4Data) -> String {
    use v1::p4_data::Data;
    match &data.data {
        Some(Data::Bitstring(bytes)) => hexadecimal(bytes),
        Some(Data::Struct(members)) => members.members.iter().map(show_data).collect::<Vec<_>>().join(" "),
        Some(Data::Tuple(members)) => members.members.iter().map(show_data).collect::<Vec<_>>().join(" "),
        Some(Data::Bool(value)) => value.to_string(),
        Some(other) => format!("{other:?}"),
        None => "-".to_owned(),
    }
}

pub(crate) fn digest(options: &DigestOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let names = client.names()?;
    let digests = &names.p4info.digests;
    let name = match (&options.command, &options.follow) {
        (Some(DigestCommand::Follow { digest }), _) | (None, Some(digest)) => digest,
        (Some(DigestCommand::Ls) | None, _) => {
            for digest in digests {
                println!("{}", digest.name());
            }
            return Ok(Exit::Success);
        }
    };
    let digest_id = find("digest", digests, name)?.id();
    // Asked for once; it may be so already.
    let config =
        v1::digest_entry::Config { max_timeout_ns: 100_000_000, max_list_size: 100, ack_timeout_ns: 0 };
    let entry = v1::DigestEntry { digest_id, config: Some(config) };
    let wanted = v1::DigestEntry { digest_id, config: None };
    let mut primary = client.primary()?;
    if client.read(vec![Entity::DigestEntry(wanted)])?.is_empty() {
        let entity = Some(v1::Entity { entity: Some(Entity::DigestEntry(entry)) });
        client.write_as(&primary, vec![v1::Update { r#type: Type::Insert.into(), entity }])?;
    }
    while let Some(heard) = client.hear(&mut primary)? {
        let Heard::Digest(list) = heard else { continue };
        if list.digest_id != digest_id {
            continue;
        }
        for data in &list.data {
            if options.target.json {
                println!("{}", json!({ "digest": name, "list": list.list_id, "data": show_data(data) }));
            } else {
                println!("{name}: {}", show_data(data));
            }
        }
        let ack = v1::DigestListAck { digest_id, list_id: list.list_id };
        client.say(&mut primary, Say::DigestAck(ack))?;
    }
    Ok(Exit::Success)
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  heddle packet-out -m egress_port=2 ffffffffffff0200000000010800")]
pub(crate) struct PacketOutOptions {
    #[command(flatten)]
    target: Target,
    /// A field of the program's packet_out header (may be repeated)
    #[arg(short, long = "metadata", value_name = "FIELD=VALUE")]
    metadata: Vec<String>,
    /// The packet, in hexadecimal
    packet: String,
}

pub(crate) fn packet_out(options: &PacketOutOptions) -> anyhow::Result<Exit> {
    let digits: String = options.packet.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let payload: Option<Vec<u8>> = (digits.is_ascii() && digits.len().is_multiple_of(2))
        .then(|| {
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
        })
        .flatten();
    let payload = payload.context("the packet is not in hexadecimal, two digits a byte")?;
    let mut client = options.target.connect()?;
    let names = client.names()?;
    let mut metadata = Vec::new();
    if !options.metadata.is_empty() {
        let headers = &names.p4info.controller_packet_metadata;
        let header = find("controller header", headers, "packet_out")?;
        for text in &options.metadata {
            let Some((name, value)) = text.split_once('=') else { bail!("`{text}`: expected FIELD=VALUE") };
            let Some(field) = header.metadata.iter().find(|field| field.name == name) else {
                let all: Vec<&str> = header.metadata.iter().map(|field| field.name.as_str()).collect();
                bail!("packet_out has no field `{name}`; it has {}", all.join(", "));
            };
            let value = values::parse(name, value, field.bitwidth)?;
            metadata.push(v1::PacketMetadata { metadata_id: field.id, value });
        }
    }
    let mut primary = client.primary()?;
    client.say(&mut primary, Say::Packet(v1::PacketOut { payload: payload.into(), metadata }))?;
    client.finish(primary)?;
    Ok(Exit::Success)
}
