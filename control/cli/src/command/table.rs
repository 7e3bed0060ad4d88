//! `heddle table`: entries of a running switch's tables.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::table_action::Type as Does;
use heddle_p4rt_proto::v1::update::Type;
use serde_json::json;

use crate::client::names::{Named as _, Names};
use crate::client::{Client, Target, complete, matches, text};
use crate::exit::Exit;

const EXAMPLES: &str = "\
Examples:
  heddle table ls
  heddle table dump ipv4_route
  heddle table add ipv4_lpm hdr.ipv4.dstAddr=10.0.1.0/24 -a ipv4_forward -p dstAddr=08:00:00:00:01:11 -p port=1
  heddle table add acl hdr.ipv4.src=10.0.0.0&&&0xff000000 hdr.udp.dst=4791..4800 --priority 10 -a drop
  heddle table mod --default ipv4_lpm -a drop
  heddle table rm ipv4_lpm hdr.ipv4.dstAddr=10.0.1.0/24
  heddle table rm ipv4_lpm --all

Keys by how they are matched: VALUE; lpm VALUE/LENGTH; ternary VALUE&&&MASK or VALUE/LENGTH; range LOW..HIGH.
A key that is left out matches everything.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The tables, with how full they are
    Ls,
    /// The entries of a table, or of all
    Dump {
        /// The table
        #[arg(add = ArgValueCompleter::new(complete::tables))]
        table: Option<String>,
    },
    /// Add an entry
    Add(Entry),
    /// Change what an entry does, or with --default what a miss does
    Mod(Entry),
    /// Remove an entry, or with --all every one, or with --default what was set for a miss
    Rm {
        #[command(flatten)]
        key: Key,
        /// Every entry of the table
        #[arg(long, conflicts_with_all = ["matches", "default", "priority"])]
        all: bool,
    },
}

#[derive(Args, Debug)]
struct Key {
    /// The table
    #[arg(add = ArgValueCompleter::new(complete::tables))]
    table: String,
    /// What the entry matches
    #[arg(value_name = "KEY=VALUE", add = ArgValueCompleter::new(complete::keys))]
    matches: Vec<String>,
    /// Which of several entries that match wins: the highest
    #[arg(long)]
    priority: Option<i32>,
    /// What the table does on a miss
    #[arg(long, conflicts_with_all = ["matches", "priority"])]
    default: bool,
}

#[derive(Args, Debug)]
struct Entry {
    #[command(flatten)]
    key: Key,
    /// The action
    #[arg(short, long, value_name = "ACTION", add = ArgValueCompleter::new(complete::actions))]
    action: Option<String>,
    /// A parameter of the action (may be repeated)
    #[arg(short, long = "param", value_name = "PARAM=VALUE", requires = "action", add = ArgValueCompleter::new(complete::params))]
    params: Vec<String>,
    /// A member of the table's action profile, in place of an action
    #[arg(long, conflicts_with = "action")]
    member: Option<u32>,
    /// A group of the table's action profile, in place of an action
    #[arg(long, conflicts_with_all = ["action", "member"])]
    group: Option<u32>,
    /// Time without a hit after which controllers are told
    #[arg(long, value_name = "MILLISECONDS")]
    idle_timeout: Option<u32>,
}

impl Key {
    fn entry(&self, names: &Names) -> anyhow::Result<v1::TableEntry> {
        let table = names.table(&self.table)?;
        let matches = if self.default { Vec::new() } else { matches::fields(table, &self.matches)? };
        Ok(v1::TableEntry {
            table_id: table.id(),
            r#match: matches,
            priority: self.priority.unwrap_or_default(),
            is_default_action: self.default,
            ..v1::TableEntry::default()
        })
    }
}

impl Entry {
    fn entry(&self, names: &Names) -> anyhow::Result<v1::TableEntry> {
        let mut entry = self.key.entry(names)?;
        let table = names.table(&self.key.table)?;
        let does = match (&self.action, self.member, self.group) {
            (Some(action), _, _) => {
                let ids: Vec<u32> = table.action_refs.iter().map(|action| action.id).collect();
                Does::Action(matches::action(names.action(table.name(), &ids, action)?, &self.params)?)
            }
            (None, Some(member), _) => Does::ActionProfileMemberId(member),
            (None, None, Some(group)) => Does::ActionProfileGroupId(group),
            (None, None, None) => bail!("what should it do? Give --action, --member or --group"),
        };
        entry.action = Some(v1::TableAction { r#type: Some(does) });
        entry.idle_timeout_ns = i64::from(self.idle_timeout.unwrap_or_default()) * 1_000_000;
        Ok(entry)
    }
}

fn update(kind: Type, entry: v1::TableEntry) -> v1::Update {
    let entity = Some(v1::Entity { entity: Some(Entity::TableEntry(entry)) });
    v1::Update { r#type: kind.into(), entity }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    match &options.command {
        Command::Ls => list(&mut client, options.target.json)?,
        Command::Dump { table } => dump(&mut client, table.as_deref(), options.target.json)?,
        Command::Add(entry) => {
            let entry = entry.entry(&client.names()?)?;
            client.write(vec![update(Type::Insert, entry)])?;
        }
        Command::Mod(entry) => {
            let entry = entry.entry(&client.names()?)?;
            client.write(vec![update(Type::Modify, entry)])?;
        }
        Command::Rm { key, all: false } => {
            let entry = key.entry(&client.names()?)?;
            // What is set for a miss is never gone, but is what the program declares again.
            let kind = if key.default { Type::Modify } else { Type::Delete };
            client.write(vec![update(kind, entry)])?;
        }
        Command::Rm { key, all: true } => {
            let id = client.names()?.table(&key.table)?.id();
            let wanted = v1::TableEntry { table_id: id, ..v1::TableEntry::default() };
            let entries = client.read(vec![Entity::TableEntry(wanted)])?;
            let entries = entries.into_iter().filter_map(|entity| match entity {
                Entity::TableEntry(entry) if !entry.is_const && !entry.is_default_action => Some(entry),
                _ => None,
            });
            let updates: Vec<v1::Update> = entries
                .map(|entry| {
                    let key = v1::TableEntry {
                        table_id: entry.table_id,
                        r#match: entry.r#match,
                        priority: entry.priority,
                        ..v1::TableEntry::default()
                    };
                    update(Type::Delete, key)
                })
                .collect();
            let count = updates.len();
            if count > 0 {
                client.write(updates)?;
            }
            eprintln!("{} removed", crate::output::count(count as u64, "entry").replace("entrys", "entries"));
        }
    }
    Ok(Exit::Success)
}

fn list(client: &mut Client, json: bool) -> anyhow::Result<()> {
    let names = client.names()?;
    let stats = client.stats()?;
    let full: BTreeMap<&str, (u64, u64)> =
        stats.tables.iter().map(|table| (table.name.as_str(), (table.entries, table.size))).collect();
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for table in &names.p4info.tables {
        let name = table.preamble.as_ref().map_or("", |preamble| preamble.name.as_str());
        let (entries, size) = full.get(name).copied().unwrap_or((0, u64::try_from(table.size).unwrap_or(0)));
        let keys: Vec<&str> = table.match_fields.iter().map(|field| field.name.as_str()).collect();
        let actions: Vec<&str> = table
            .action_refs
            .iter()
            .filter_map(|action| names.action_by_id(action.id))
            .map(|action| action.name())
            .collect();
        objects.push(json!({
            "table": name, "id": table.id(), "entries": entries, "size": size, "keys": keys, "actions": actions,
        }));
        rows.push(vec![
            table.name().to_owned(),
            format!("{entries}/{size}"),
            keys.join(", "),
            actions.join(", "),
        ]);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&objects)?);
    } else {
        text::print(&["TABLE", "ENTRIES", "KEYS", "ACTIONS"], &rows);
    }
    Ok(())
}

fn dump(client: &mut Client, table: Option<&str>, json: bool) -> anyhow::Result<()> {
    let names = client.names()?;
    let table_id = table.map(|table| names.table(table).map(|table| table.id())).transpose()?.unwrap_or(0);
    let wanted = v1::TableEntry {
        table_id,
        counter_data: Some(v1::CounterData::default()),
        ..v1::TableEntry::default()
    };
    let defaults = v1::TableEntry { is_default_action: true, counter_data: None, ..wanted.clone() };
    let entities = client.read(vec![Entity::TableEntry(wanted), Entity::TableEntry(defaults)])?;
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for entity in entities {
        let Entity::TableEntry(entry) = entity else { bail!("the switch answered with something else") };
        let table =
            names.table_by_id(entry.table_id).context("an entry of a table that P4Info does not have")?;
        let matches: Vec<String> =
            entry.r#match.iter().map(|matched| matches::show_field(Some(table), matched)).collect();
        let does = matches::show_table_action(&names, entry.action.as_ref());
        let hits = entry.counter_data.as_ref().map(|data| (data.packet_count, data.byte_count));
        objects.push(json!({
            "table": table.name(), "match": matches, "priority": entry.priority, "action": does,
            "default": entry.is_default_action, "const": entry.is_const,
            "packets": hits.map(|hits| hits.0), "bytes": hits.map(|hits| hits.1),
        }));
        let what = if entry.is_default_action { "(default)".to_owned() } else { matches.join(" ") };
        let priority = if entry.priority == 0 { "-".to_owned() } else { entry.priority.to_string() };
        let hits = hits.map_or_else(|| "-".to_owned(), |(packets, _)| packets.to_string());
        rows.push(vec![table.name().to_owned(), what, priority, hits, does]);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&objects)?);
    } else {
        text::print(&["TABLE", "MATCH", "PRIORITY", "PACKETS", "ACTION"], &rows);
    }
    Ok(())
}
