//! `heddle group`, `heddle multicast`, `heddle clone`: what packets are spread over and copied to.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::packet_replication_engine_entry::Type as Replication;
use heddle_p4rt_proto::v1::update::Type;
use serde_json::json;

use crate::client::names::Named as _;
use crate::client::{Client, Target, complete, matches, text};
use crate::exit::Exit;

const GROUP_EXAMPLES: &str = "\
Examples:
  heddle group member-add ecmp 1 -a set_nhop -p port=1
  heddle group add ecmp 7 1 2*3        members 1 and 2, which gets three times as much
  heddle group ls ecmp

A member is MEMBER, or MEMBER*WEIGHT.";

#[derive(Args, Debug)]
#[command(after_help = GROUP_EXAMPLES)]
pub(crate) struct GroupOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: GroupCommand,
}

#[derive(Subcommand, Debug)]
enum GroupCommand {
    /// Members and groups of a profile, or of all
    Ls {
        /// The action profile
        #[arg(add = ArgValueCompleter::new(complete::profiles))]
        profile: Option<String>,
    },
    /// Add a group
    Add(Group),
    /// Replace a group's members
    Mod(Group),
    /// Remove a group
    Rm {
        /// The action profile
        #[arg(add = ArgValueCompleter::new(complete::profiles))]
        profile: String,
        /// The group
        group: u32,
    },
    /// Add a member
    MemberAdd(Member),
    /// Change what a member does
    MemberMod(Member),
    /// Remove a member
    MemberRm {
        /// The action profile
        #[arg(add = ArgValueCompleter::new(complete::profiles))]
        profile: String,
        /// The member
        member: u32,
    },
}

#[derive(Args, Debug)]
struct Group {
    /// The action profile
    #[arg(add = ArgValueCompleter::new(complete::profiles))]
    profile: String,
    /// The group
    group: u32,
    /// Its members
    #[arg(value_name = "MEMBER[*WEIGHT]")]
    members: Vec<String>,
    /// Largest sum of weights
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    max_size: i32,
}

#[derive(Args, Debug)]
struct Member {
    /// The action profile
    #[arg(add = ArgValueCompleter::new(complete::profiles))]
    profile: String,
    /// The member
    member: u32,
    /// The action
    #[arg(short, long, value_name = "ACTION", add = ArgValueCompleter::new(complete::actions))]
    action: String,
    /// A parameter of the action (may be repeated)
    #[arg(short, long = "param", value_name = "PARAM=VALUE", add = ArgValueCompleter::new(complete::params))]
    params: Vec<String>,
}

fn update(kind: Type, entity: Entity) -> Vec<v1::Update> {
    vec![v1::Update { r#type: kind.into(), entity: Some(v1::Entity { entity: Some(entity) }) }]
}

impl Group {
    fn entity(&self, client: &mut Client) -> anyhow::Result<Entity> {
        let member = |text: &String| {
            let (member, weight) = text.split_once('*').unwrap_or((text, "1"));
            let wanted = || format!("`{text}`: expected MEMBER or MEMBER*WEIGHT");
            Ok(v1::action_profile_group::Member {
                member_id: member.parse().with_context(wanted)?,
                weight: weight.parse().with_context(wanted)?,
                ..v1::action_profile_group::Member::default()
            })
        };
        Ok(Entity::ActionProfileGroup(v1::ActionProfileGroup {
            action_profile_id: client.names()?.profile(&self.profile)?.id(),
            group_id: self.group,
            members: self.members.iter().map(member).collect::<anyhow::Result<_>>()?,
            max_size: self.max_size,
        }))
    }
}

impl Member {
    fn entity(&self, client: &mut Client) -> anyhow::Result<Entity> {
        let names = client.names()?;
        let profile = names.profile(&self.profile)?;
        let of_profile = |table: &&heddle_p4rt_proto::config::Table| profile.table_ids.contains(&table.id());
        let tables = names.p4info.tables.iter().filter(of_profile);
        let ids: Vec<u32> =
            tables.flat_map(|table| table.action_refs.iter().map(|action| action.id)).collect();
        let action = names.action(profile.name(), &ids, &self.action)?;
        Ok(Entity::ActionProfileMember(v1::ActionProfileMember {
            action_profile_id: profile.id(),
            member_id: self.member,
            action: Some(matches::action(action, &self.params)?),
        }))
    }
}

pub(crate) fn group(options: &GroupOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let (kind, entity) = match &options.command {
        GroupCommand::Ls { profile } => {
            list_groups(&mut client, profile.as_deref(), options.target.json)?;
            return Ok(Exit::Success);
        }
        GroupCommand::Add(group) => (Type::Insert, group.entity(&mut client)?),
        GroupCommand::Mod(group) => (Type::Modify, group.entity(&mut client)?),
        GroupCommand::Rm { profile, group } => {
            let action_profile_id = client.names()?.profile(profile)?.id();
            let gone = v1::ActionProfileGroup { action_profile_id, group_id: *group, ..Default::default() };
            (Type::Delete, Entity::ActionProfileGroup(gone))
        }
        GroupCommand::MemberAdd(member) => (Type::Insert, member.entity(&mut client)?),
        GroupCommand::MemberMod(member) => (Type::Modify, member.entity(&mut client)?),
        GroupCommand::MemberRm { profile, member } => {
            let action_profile_id = client.names()?.profile(profile)?.id();
            let gone = v1::ActionProfileMember { action_profile_id, member_id: *member, action: None };
            (Type::Delete, Entity::ActionProfileMember(gone))
        }
    };
    client.write(update(kind, entity))?;
    Ok(Exit::Success)
}

fn list_groups(client: &mut Client, profile: Option<&str>, json: bool) -> anyhow::Result<()> {
    let names = client.names()?;
    let profile = profile.map(|profile| names.profile(profile).map(|profile| profile.id())).transpose()?;
    let action_profile_id = profile.unwrap_or(0);
    let wanted = vec![
        Entity::ActionProfileMember(v1::ActionProfileMember { action_profile_id, ..Default::default() }),
        Entity::ActionProfileGroup(v1::ActionProfileGroup { action_profile_id, ..Default::default() }),
    ];
    let (mut rows, mut objects) = (Vec::new(), Vec::new());
    for entity in client.read(wanted)? {
        let (profile, kind, id, what) = match entity {
            Entity::ActionProfileMember(member) => {
                let does = member.action.as_ref().map(|action| matches::show_action(&names, action));
                (member.action_profile_id, "member", member.member_id, does.unwrap_or_default())
            }
            Entity::ActionProfileGroup(group) => {
                let members: Vec<String> = group
                    .members
                    .iter()
                    .map(|member| format!("{}*{}", member.member_id, member.weight))
                    .collect();
                (group.action_profile_id, "group", group.group_id, members.join(" "))
            }
            _ => bail!("the switch answered with something else"),
        };
        let name = names.p4info.action_profiles.iter().find(|p| p.id() == profile).map_or("?", |p| p.name());
        objects.push(json!({ "profile": name, "kind": kind, "id": id, "what": what }));
        rows.push(vec![name.to_owned(), kind.to_owned(), id.to_string(), what]);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&objects)?);
    } else {
        text::print(&["PROFILE", "KIND", "ID", "WHAT"], &rows);
    }
    Ok(())
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle multicast add 1 1 2 3\n  heddle multicast add 2 4:10 5:11\n  heddle multicast ls\n\nA replica is PORT, or PORT:INSTANCE."
)]
pub(crate) struct MulticastOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: ReplicationCommand,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle clone add 57 510\n  heddle clone add 5 3 --length 128 --class 7\n  heddle clone ls"
)]
pub(crate) struct CloneOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: ReplicationCommand,
}

#[derive(Subcommand, Debug)]
enum ReplicationCommand {
    /// All of them
    Ls,
    /// Add one
    Add(Copies),
    /// Replace one
    Mod(Copies),
    /// Remove one
    Rm {
        /// Its number
        id: u32,
    },
}

#[derive(Args, Debug)]
struct Copies {
    /// Its number
    id: u32,
    /// Where copies go
    #[arg(value_name = "PORT[:INSTANCE]", required = true)]
    replicas: Vec<String>,
    /// Bytes that a clone is cut off to; 0 for all
    #[arg(long, default_value_t = 0)]
    length: i32,
    /// The queue of clones
    #[arg(long, default_value_t = 0)]
    class: u32,
}

impl Copies {
    fn replicas(&self) -> anyhow::Result<Vec<v1::Replica>> {
        let replica = |text: &String| {
            let (port, instance) = text.split_once(':').unwrap_or((text, "0"));
            let wanted = || format!("`{text}`: expected PORT or PORT:INSTANCE");
            let port: u32 = port.parse().with_context(wanted)?;
            let instance = instance.parse().with_context(wanted)?;
            let bytes = port.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
            let port_kind = Some(v1::replica::PortKind::Port(bytes[zeros..].to_vec()));
            Ok(v1::Replica { instance, port_kind, ..v1::Replica::default() })
        };
        self.replicas.iter().map(replica).collect()
    }
}

fn show_replica(replica: &v1::Replica) -> String {
    let port = match &replica.port_kind {
        Some(v1::replica::PortKind::Port(bytes)) => {
            bytes.iter().fold(0u64, |port, byte| port << 8 | u64::from(*byte)).to_string()
        }
        #[allow(deprecated)] // what older switches answer with
        Some(v1::replica::PortKind::EgressPort(port)) => port.to_string(),
        None => "?".to_owned(),
    };
    if replica.instance == 0 { port } else { format!("{port}:{}", replica.instance) }
}

fn replication(kind: Replication) -> Entity {
    Entity::PacketReplicationEngineEntry(v1::PacketReplicationEngineEntry { r#type: Some(kind) })
}

fn replicate(
    target: &Target,
    command: &ReplicationCommand,
    entry: impl Fn(u32, Option<&Copies>) -> anyhow::Result<Replication>,
) -> anyhow::Result<Exit> {
    let mut client = target.connect()?;
    let (kind, entry) = match command {
        ReplicationCommand::Ls => {
            let (mut rows, mut objects) = (Vec::new(), Vec::new());
            for entity in client.read(vec![replication(entry(0, None)?)])? {
                let Entity::PacketReplicationEngineEntry(found) = entity else { continue };
                let (id, replicas, more) = match found.r#type {
                    Some(Replication::MulticastGroupEntry(group)) => {
                        (group.multicast_group_id, group.replicas, String::new())
                    }
                    Some(Replication::CloneSessionEntry(session)) => {
                        let more = format!(
                            "class {}, length {}",
                            session.class_of_service, session.packet_length_bytes
                        );
                        (session.session_id, session.replicas, more)
                    }
                    None => continue,
                };
                let replicas: Vec<String> = replicas.iter().map(show_replica).collect();
                objects.push(json!({ "id": id, "replicas": replicas, "more": more }));
                rows.push(vec![id.to_string(), replicas.join(" "), more]);
            }
            if target.json {
                println!("{}", serde_json::to_string_pretty(&objects)?);
            } else {
                text::print(&["ID", "REPLICAS", ""], &rows);
            }
            return Ok(Exit::Success);
        }
        ReplicationCommand::Add(copies) => (Type::Insert, entry(copies.id, Some(copies))?),
        ReplicationCommand::Mod(copies) => (Type::Modify, entry(copies.id, Some(copies))?),
        ReplicationCommand::Rm { id } => (Type::Delete, entry(*id, None)?),
    };
    client.write(update(kind, replication(entry)))?;
    Ok(Exit::Success)
}

pub(crate) fn multicast(options: &MulticastOptions) -> anyhow::Result<Exit> {
    replicate(&options.target, &options.command, |id, copies| {
        if copies.is_some_and(|copies| copies.length != 0 || copies.class != 0) {
            bail!("--length and --class are for clone sessions");
        }
        Ok(Replication::MulticastGroupEntry(v1::MulticastGroupEntry {
            multicast_group_id: id,
            replicas: copies.map(Copies::replicas).transpose()?.unwrap_or_default(),
            ..v1::MulticastGroupEntry::default()
        }))
    })
}

pub(crate) fn clone(options: &CloneOptions) -> anyhow::Result<Exit> {
    replicate(&options.target, &options.command, |id, copies| {
        Ok(Replication::CloneSessionEntry(v1::CloneSessionEntry {
            session_id: id,
            replicas: copies.map(Copies::replicas).transpose()?.unwrap_or_default(),
            class_of_service: copies.map_or(0, |copies| copies.class),
            packet_length_bytes: copies.map_or(0, |copies| copies.length),
        }))
    })
}
