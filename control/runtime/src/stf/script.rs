//! The script as written: lines parsed, names not yet looked up.

use std::fmt;

use super::cursor::Cursor;

/// A whole script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its commands in order.
    pub lines: Vec<Line>,
}

/// A command and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Line number, from 1.
    pub number: usize,
    /// What it says.
    pub command: Command,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A packet arrives.
    Packet {
        /// At.
        port: u32,
        /// Bytes.
        bytes: Vec<u8>,
    },
    /// A packet leaves.
    Expect {
        /// From.
        port: u32,
        /// Nibbles wanted, [`None`] for any; the whole is [`None`] if only the port counts.
        pattern: Option<Vec<Option<u8>>>,
        /// Whether nothing may follow.
        exact_length: bool,
    },
    /// Nothing more is expected. Unexpected packets always fail a script, so this changes nothing.
    NoPacket,
    /// Adds an entry.
    Add {
        /// Table.
        table: String,
        /// Priority, if given: larger wins.
        priority: Option<u32>,
        /// Key names and values.
        keys: Vec<(String, String)>,
        /// What it does.
        does: EntryText,
        /// Name for later reference.
        id: Option<String>,
    },
    /// Sets a default action.
    SetDefault {
        /// Table.
        table: String,
        /// Action and arguments.
        action: ActionText,
    },
    /// Removes all entries of all tables.
    RemoveAll,
    /// Removes an entry.
    Remove {
        /// Table.
        table: String,
        /// Priority, as it was given to add the entry.
        priority: Option<u32>,
        /// Key names and values.
        keys: Vec<(String, String)>,
    },
    /// Removes an entry that was given a name.
    RemoveNamed {
        /// Its name.
        id: String,
    },
    /// A member of an action profile or selector.
    Member {
        /// Profile.
        profile: String,
        /// Its number.
        member: u32,
        /// Action and arguments.
        action: ActionText,
    },
    /// A group of an action selector.
    Group {
        /// Profile.
        profile: String,
        /// Its number.
        group: u32,
        /// Its members.
        members: Vec<u32>,
    },
    /// Compares a counter.
    CheckCounter {
        /// Counter.
        counter: String,
        /// Cell, or the name of an entry.
        index: String,
        /// What has to hold; nothing: that the cell exists.
        check: Option<CounterCheck>,
    },
    /// Compares a register's cell.
    CheckRegister {
        /// Register.
        register: String,
        /// Cell.
        index: u64,
        /// How.
        relation: Relation,
        /// With what.
        value: String,
    },
    /// A clone session to a port.
    MirroringAdd {
        /// Session.
        session: u32,
        /// Port.
        port: u32,
    },
    /// A clone session to a multicast group.
    MirroringAddGroup {
        /// Session.
        session: u32,
        /// Group.
        group: u32,
    },
    /// Removes a clone session.
    MirroringDelete {
        /// Session.
        session: u32,
    },
    /// A multicast group without members.
    GroupCreate {
        /// Group.
        group: u32,
    },
    /// A multicast node; nodes are numbered from zero in order of creation.
    NodeCreate {
        /// Replication id.
        rid: u32,
        /// Ports.
        ports: Vec<u32>,
    },
    /// New ports of a node.
    NodeUpdate {
        /// Node.
        node: u32,
        /// Ports.
        ports: Vec<u32>,
    },
    /// Puts a node in a group.
    NodeAssociate {
        /// Group.
        group: u32,
        /// Node.
        node: u32,
    },
    /// Sets a counter's cell.
    CounterWrite {
        /// Counter.
        counter: String,
        /// Cell.
        index: u64,
        /// Packets.
        packets: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Reads something, changes nothing: that it exists is all that is checked.
    Read {
        /// What kind.
        kind: ReadKind,
        /// Name or number.
        name: String,
        /// Cell.
        index: Option<u64>,
    },
    /// Sets a register's cell.
    RegisterWrite {
        /// Register.
        register: String,
        /// Cell.
        index: u64,
        /// Value.
        value: String,
    },
    /// Sets all cells of a register to zero.
    RegisterReset {
        /// Register.
        register: String,
    },
    /// Configures a meter.
    MeterSetRates {
        /// Meter.
        meter: String,
        /// Cell, or the name of an entry; all if none.
        index: Option<String>,
        /// Committed and peak: units per second and burst size.
        rates: [(u64, u64); 2],
    },
    /// How fast ports send from now on, by `simple_switch_CLI`'s name.
    QueueRate {
        /// Packets per second; 0 is as fast as it goes.
        packets_per_second: u64,
        /// Port; all if none.
        port: Option<u32>,
    },
    /// Lets time pass until nothing moves. Every packet is run until nothing moves anyway.
    Wait,
}

/// What a reading command reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadKind {
    /// `counter_read`
    Counter,
    /// `register_read`
    Register,
    /// `meter_get_rates`
    Meter,
    /// `mirroring_get`
    CloneSession,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryText {
    /// Runs an action; several make a group that a selector chooses from.
    Actions(Vec<ActionText>),
    /// Runs what a member of the table's profile does.
    Member(u32),
    /// Runs what one of the members of a group does.
    Group(u32),
}

/// An action with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionText {
    /// Action.
    pub name: String,
    /// Arguments: parameter, if it is named, and value. Without names they are in the order of the parameters.
    pub args: Vec<(Option<String>, String)>,
}

/// What a counter has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterCheck {
    /// Bytes rather than packets.
    pub bytes: bool,
    /// How it is compared.
    pub relation: Relation,
    /// With what.
    pub value: u64,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Relation {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "==" => Relation::Eq,
            "!=" => Relation::Ne,
            "<" => Relation::Lt,
            "<=" => Relation::Le,
            ">" => Relation::Gt,
            ">=" => Relation::Ge,
            _ => return None,
        })
    }

    /// Whether `left` stands in this relation to `right`.
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Relation::Eq => left == right,
            Relation::Ne => left != right,
            Relation::Lt => left < right,
            Relation::Le => left <= right,
            Relation::Gt => left > right,
            Relation::Ge => left >= right,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Eq => "==",
            Relation::Ne => "!=",
            Relation::Lt => "<",
            Relation::Le => "<=",
            Relation::Gt => ">",
            Relation::Ge => ">=",
        })
    }
}

/// Why a script cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong and what is wanted.
    pub message: String,
}

const COMMANDS: &[&str] = &[
    "packet",
    "expect",
    "no_packet",
    "add",
    "setdefault",
    "remove",
    "member",
    "group",
    "check_counter",
    "check_register",
    "mirroring_add",
    "mirroring_add_mc",
    "mirroring_delete",
    "mirroring_get",
    "mc_mgrp_create",
    "mc_node_create",
    "mc_node_update",
    "mc_node_associate",
    "counter_read",
    "counter_write",
    "register_read",
    "register_write",
    "register_reset",
    "meter_get_rates",
    "meter_set_rates",
    "meter_array_set_rates",
    "set_queue_rate",
    "wait",
];

/// How long a command that goes on over several lines may be, in bytes.
const COMMAND_LENGTH_MAX: usize = 16 * 1024;

fn begins_with_a_command(line: &str) -> bool {
    COMMANDS.iter().any(|command| split_word(line).0.eq_ignore_ascii_case(command))
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// [`ScriptError`] for the first line that is no command.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let written = text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)));
        let mut written = written.filter(|(_, line)| !line.is_empty()).peekable();
        let mut lines = Vec::new();
        while let Some((number, first)) = written.next() {
            let mut command = parse_line(first);
            // A command that is not whole goes on in the lines below, up to the next one that begins a command.
            let mut whole = first.to_owned();
            let mut below = written.clone();
            while command.is_err()
                && whole.len() < COMMAND_LENGTH_MAX
                && begins_with_a_command(first)
                && let Some((_, line)) = below.next_if(|(_, line)| !begins_with_a_command(line))
            {
                whole.push(' ');
                whole.push_str(line);
                if let Ok(parsed) = parse_line(&whole) {
                    command = Ok(parsed);
                    written = below.clone();
                }
            }
            let command = command.map_err(|message| ScriptError { line: number, message })?;
            lines.push(Line { number, command });
        }
        Ok(Script { lines })
    }

    /// The ports that the script speaks of, each once, in order.
    pub fn ports(&self) -> Vec<u32> {
        let mut ports: Vec<u32> = self
            .lines
            .iter()
            .filter_map(|line| match &line.command {
                Command::Packet { port, .. } | Command::Expect { port, .. } => Some(*port),
                _ => None,
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

fn parse_line(line: &str) -> Result<Command, String> {
    let (word, rest) = split_word(line);
    // Rates may have spaces around their colon; nothing else that is read by words has a colon.
    let spaced = rest.replace(" :", ":").replace(": ", ":");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let usage = |form: &str| format!("`{}` is written `{form}`", word.to_ascii_lowercase());
    Ok(match word.to_ascii_lowercase().as_str() {
        "packet" => {
            let (port, data) = split_word(rest);
            let port = number(port).ok_or_else(|| usage("packet PORT HEX..."))?;
            Command::Packet { port, bytes: hex_bytes(data)? }
        }
        "expect" => {
            let (port, data) = split_word(rest);
            let port = number(port).ok_or_else(|| usage("expect PORT [HEX...] [$]"))?;
            let (pattern, exact_length) = hex_pattern(data)?;
            Command::Expect { port, pattern, exact_length }
        }
        "no_packet" => Command::NoPacket,
        "add" => add(rest)?,
        "setdefault" => {
            let mut cursor = Cursor(rest);
            let table = cursor.name();
            let action = cursor.action()?;
            if table.is_empty() || !cursor.rest().is_empty() {
                return Err(usage("setdefault TABLE ACTION(ARG:VALUE, ...)"));
            }
            Command::SetDefault { table, action }
        }
        "remove" if words.first().is_some_and(|w| w.eq_ignore_ascii_case("all")) => Command::RemoveAll,
        "remove" => remove(rest)
            .ok_or_else(|| usage("remove ALL`, `remove $ID` or `remove TABLE [PRIORITY] KEY:VALUE..."))?,
        "member" => member(rest).ok_or_else(|| usage("member PROFILE NUMBER ACTION [ARG=VALUE...]"))?,
        "group" => match words.as_slice() {
            [profile, group, members @ ..] => Command::Group {
                profile: unquote(profile),
                group: number(group).ok_or_else(|| usage("group PROFILE NUMBER MEMBER..."))?,
                members: numbers(members).ok_or_else(|| usage("group PROFILE NUMBER MEMBER..."))?,
            },
            _ => return Err(usage("group PROFILE NUMBER MEMBER...")),
        },
        "check_counter" => check_counter(rest)
            .ok_or_else(|| usage("check_counter NAME(INDEX|$ID) [packets|bytes ==|!=|<|<=|>|>= N]"))?,
        "check_register" => {
            check_register(rest).ok_or_else(|| usage("check_register NAME(INDEX) [==|!=|<|<=|>|>=] VALUE"))?
        }
        "mirroring_add" => two(&words)
            .map(|(session, port)| Command::MirroringAdd { session, port })
            .ok_or_else(|| usage("mirroring_add SESSION PORT"))?,
        "mirroring_add_mc" => two(&words)
            .map(|(session, group)| Command::MirroringAddGroup { session, group })
            .ok_or_else(|| usage("mirroring_add_mc SESSION GROUP"))?,
        "mirroring_delete" => match words.as_slice() {
            [session] => Command::MirroringDelete {
                session: number(session).ok_or_else(|| usage("mirroring_delete SESSION"))?,
            },
            _ => return Err(usage("mirroring_delete SESSION")),
        },
        "mirroring_get" => match words.as_slice() {
            [session] => {
                Command::Read { kind: ReadKind::CloneSession, name: (*session).to_owned(), index: None }
            }
            _ => return Err(usage("mirroring_get SESSION")),
        },
        "mc_mgrp_create" => match words.as_slice() {
            [group] => {
                Command::GroupCreate { group: number(group).ok_or_else(|| usage("mc_mgrp_create GROUP"))? }
            }
            _ => return Err(usage("mc_mgrp_create GROUP")),
        },
        "mc_node_create" => numbers(&words)
            .and_then(|all| all.split_first().map(|(rid, ports)| (*rid, ports.to_vec())))
            .map(|(rid, ports)| Command::NodeCreate { rid, ports })
            .ok_or_else(|| usage("mc_node_create RID PORT..."))?,
        "mc_node_update" => numbers(&words)
            .and_then(|all| all.split_first().map(|(node, ports)| (*node, ports.to_vec())))
            .map(|(node, ports)| Command::NodeUpdate { node, ports })
            .ok_or_else(|| usage("mc_node_update NODE PORT..."))?,
        "mc_node_associate" => two(&words)
            .map(|(group, node)| Command::NodeAssociate { group, node })
            .ok_or_else(|| usage("mc_node_associate GROUP NODE"))?,
        "register_read" => {
            read(ReadKind::Register, &words).ok_or_else(|| usage("register_read NAME INDEX"))?
        }
        "counter_read" => read(ReadKind::Counter, &words).ok_or_else(|| usage("counter_read NAME INDEX"))?,
        "meter_get_rates" => {
            read(ReadKind::Meter, &words).ok_or_else(|| usage("meter_get_rates NAME INDEX"))?
        }
        "register_write" => match words.as_slice() {
            [register, index, value] => Command::RegisterWrite {
                register: unquote(register),
                index: number(index).ok_or_else(|| usage("register_write NAME INDEX VALUE"))?,
                value: (*value).to_owned(),
            },
            _ => return Err(usage("register_write NAME INDEX VALUE")),
        },
        "register_reset" => match words.as_slice() {
            [register] => Command::RegisterReset { register: unquote(register) },
            _ => return Err(usage("register_reset NAME")),
        },
        "counter_write" => match words.as_slice() {
            [counter, numbers @ ..] if numbers.len() == 3 => {
                let all: Option<Vec<u64>> = numbers.iter().map(|n| number(n)).collect();
                let all = all.ok_or_else(|| usage("counter_write NAME INDEX PACKETS BYTES"))?;
                Command::CounterWrite {
                    counter: unquote(counter),
                    index: all[0],
                    packets: all[1],
                    bytes: all[2],
                }
            }
            _ => return Err(usage("counter_write NAME INDEX PACKETS BYTES")),
        },
        "meter_set_rates" => match words.as_slice() {
            [meter, index, committed, peak] => Command::MeterSetRates {
                meter: unquote(meter),
                index: Some(index.trim_start_matches('$').to_owned()),
                rates: [rate(committed)?, rate(peak)?],
            },
            _ => return Err(usage("meter_set_rates NAME INDEX|$ID RATE:BURST RATE:BURST")),
        },
        "meter_array_set_rates" => match words.as_slice() {
            [meter, committed, peak] => Command::MeterSetRates {
                meter: unquote(meter),
                index: None,
                rates: [rate(committed)?, rate(peak)?],
            },
            _ => return Err(usage("meter_array_set_rates NAME RATE:BURST RATE:BURST")),
        },
        "set_queue_rate" => {
            let form = || usage("set_queue_rate PACKETS_PER_SECOND [PORT]");
            let (rate, port) = match words.as_slice() {
                [rate] => (rate, None),
                [rate, port] => (rate, Some(number(port).ok_or_else(form)?)),
                _ => return Err(form()),
            };
            Command::QueueRate { packets_per_second: number(rate).ok_or_else(form)?, port }
        }
        "wait" => Command::Wait,
        _ => return Err(format!("`{word}` is no command; there are {}", COMMANDS.join(", "))),
    })
}

/// The line up to a `#` that is not in a quoted name.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|c| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    line[..end.unwrap_or(line.len())].trim()
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

fn unquote(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let value = match text.get(..2) {
        Some("0x" | "0X") => u64::from_str_radix(&text[2..], 16),
        Some("0b" | "0B") => u64::from_str_radix(&text[2..], 2),
        _ => text.parse(),
    };
    T::try_from(value.ok()?).ok()
}

fn numbers(words: &[&str]) -> Option<Vec<u32>> {
    words.iter().map(|w| number(w)).collect()
}

fn two(words: &[&str]) -> Option<(u32, u32)> {
    match numbers(words)?.as_slice() {
        [a, b] => Some((*a, *b)),
        _ => None,
    }
}

fn read(kind: ReadKind, words: &[&str]) -> Option<Command> {
    match words {
        [name, index] => Some(Command::Read { kind, name: unquote(name), index: Some(number(index)?) }),
        _ => None,
    }
}

/// `RATE:BURST` with the rate per microsecond.
fn rate(text: &str) -> Result<(u64, u64), String> {
    let parsed = text.split_once(':').and_then(|(rate, burst)| {
        let rate: f64 = rate.parse().ok()?;
        let per_second = rate * 1e6;
        let valid = per_second.is_finite() && (0.0..1e18).contains(&per_second);
        valid.then_some((per_second.round() as u64, number(burst)?))
    });
    parsed.ok_or_else(|| format!("`{text}` is no rate; `RATE:BURST` is wanted, the rate per microsecond"))
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = nibbles(text)?
        .into_iter()
        .map(|n| n.ok_or("`*` in a packet that arrives"))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err(format!("{} hexadecimal digits are no whole number of bytes", digits.len()));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

type Pattern = Option<Vec<Option<u8>>>;

fn hex_pattern(text: &str) -> Result<(Pattern, bool), String> {
    let (text, exact) = match text.trim_end().strip_suffix('$') {
        Some(before) => (before, true),
        None => (text, false),
    };
    let pattern = nibbles(text)?;
    Ok(((!pattern.is_empty() || exact).then_some(pattern), exact))
}

fn nibbles(text: &str) -> Result<Vec<Option<u8>>, String> {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '*' => Ok(None),
            c => {
                c.to_digit(16).map(|d| Some(d as u8)).ok_or_else(|| format!("`{c}` is no hexadecimal digit"))
            }
        })
        .collect()
}

const ADD_USAGE: &str = "`add` is written `add TABLE [PRIORITY] KEY:VALUE... ACTION(ARG:VALUE, ...)... [= ID]`, \
     with `member=N` or `group=N` instead of actions if these were made before";

fn add(text: &str) -> Result<Command, String> {
    let mut cursor = Cursor(text);
    let table = cursor.name();
    if table.is_empty() {
        return Err(ADD_USAGE.to_owned());
    }
    let (priority, keys) = cursor.entry_key();
    for (kind, make) in [("member", EntryText::Member as fn(u32) -> EntryText), ("group", EntryText::Group)] {
        let mut ahead = cursor;
        if ahead.name() == kind && ahead.eat("=") {
            let does = make(number(&ahead.name()).ok_or_else(|| ADD_USAGE.to_owned())?);
            let id = ahead.entry_id().map_err(|()| ADD_USAGE.to_owned())?;
            return Ok(Command::Add { table, priority, keys, does, id });
        }
    }
    let mut actions = Vec::new();
    let id = loop {
        actions.push(cursor.action()?);
        if cursor.rest().is_empty() || cursor.rest().starts_with('=') {
            break cursor.entry_id().map_err(|()| ADD_USAGE.to_owned())?;
        }
    };
    Ok(Command::Add { table, priority, keys, does: EntryText::Actions(actions), id })
}

fn remove(text: &str) -> Option<Command> {
    if let Some(id) = text.trim().strip_prefix('$') {
        return (!id.is_empty() && !id.contains(char::is_whitespace))
            .then(|| Command::RemoveNamed { id: id.to_owned() });
    }
    let mut cursor = Cursor(text);
    let table = cursor.name();
    let (priority, keys) = cursor.entry_key();
    (!keys.is_empty() && cursor.rest().is_empty()).then_some(Command::Remove { table, priority, keys })
}

/// The arguments of a member's action are written `ARG=VALUE`, or in parentheses as everywhere else.
fn member(text: &str) -> Option<Command> {
    let mut cursor = Cursor(text);
    let profile = cursor.name();
    let member = number(&cursor.name())?;
    let mut ahead = cursor;
    let action = match ahead.action() {
        Ok(action) => {
            cursor = ahead;
            action
        }
        Err(_) => {
            let name = cursor.name();
            let mut args = Vec::new();
            while !cursor.rest().is_empty() {
                let arg = cursor.name();
                if !cursor.eat("=") {
                    return None;
                }
                args.push((Some(arg), cursor.take_until(char::is_whitespace).to_owned()));
            }
            ActionText { name, args }
        }
    };
    let whole = !profile.is_empty() && !action.name.is_empty() && cursor.rest().is_empty();
    whole.then_some(Command::Member { profile, member, action })
}

/// `NAME(INDEX)` and what follows.
fn cell(text: &str) -> Option<(String, String, &str)> {
    let open = text.find('(')?;
    let close = open + text[open..].find(')')?;
    let index = text[open + 1..close].trim().trim_start_matches('$').to_owned();
    Some((unquote(text[..open].trim()), index, &text[close + 1..]))
}

fn check_counter(text: &str) -> Option<Command> {
    let (counter, index, rest) = cell(text)?;
    let check = match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] => None,
        [unit, relation, value] => Some(CounterCheck {
            bytes: match unit.to_ascii_lowercase().as_str() {
                "packets" => false,
                "bytes" => true,
                _ => return None,
            },
            relation: Relation::parse(relation)?,
            value: number(value)?,
        }),
        _ => return None,
    };
    Some(Command::CheckCounter { counter, index, check })
}

fn check_register(text: &str) -> Option<Command> {
    let (register, index, rest) = cell(text)?;
    let (relation, value) = match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [value] => (Relation::Eq, (*value).to_owned()),
        [relation, value] => (Relation::parse(relation)?, (*value).to_owned()),
        _ => return None,
    };
    Some(Command::CheckRegister { register, index: number(&index)?, relation, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Command {
        Script::parse(text).unwrap().lines.remove(0).command
    }

    #[test]
    fn packets_and_expectations() {
        assert_eq!(one("packet 1 0a 0B 0c0d"), Command::Packet { port: 1, bytes: vec![10, 11, 12, 13] });
        assert_eq!(
            one("EXPECT 2 a* $"),
            Command::Expect { port: 2, pattern: Some(vec![Some(10), None]), exact_length: true }
        );
        assert_eq!(one("expect 2"), Command::Expect { port: 2, pattern: None, exact_length: false });
        assert_eq!(Script::parse("\npacket 1 0a0").unwrap_err().line, 2);
        assert!(Script::parse("packet 1 0*").is_err());
        assert!(Script::parse("pakcet 1 00").unwrap_err().message.contains("there are packet"));
    }

    #[test]
    fn entries() {
        let Command::Add { table, priority, keys, does: EntryText::Actions(actions), id } =
            one("add ipv4_lpm 10 hdr.ipv4.dst:0x0a000001/24 h.isValid():1 fwd.set(port:2, mac:0x1) = $A")
        else {
            panic!("not an add");
        };
        assert_eq!((table.as_str(), priority, id.as_deref()), ("ipv4_lpm", Some(10), Some("A")));
        assert_eq!(
            keys,
            [("hdr.ipv4.dst".into(), "0x0a000001/24".into()), ("h.isValid()".into(), "1".into())]
        );
        let [action] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(action.name, "fwd.set");
        assert_eq!(action.args, [(Some("port".into()), "2".into()), (Some("mac".into()), "0x1".into())]);
        let Command::Add { does: EntryText::Actions(actions), .. } = one("add t k:1 set(2, 0x1)") else {
            panic!("not an add")
        };
        assert_eq!(actions[0].args, [(None, "2".into()), (None, "0x1".into())]);
        let Command::Add { keys, does: EntryText::Actions(actions), .. } =
            one("add t ip:2001:db8::1/64 a(mac:02:00:00:00:00:01) b()")
        else {
            panic!("not an add");
        };
        assert_eq!(keys, [("ip".into(), "2001:db8::1/64".into())]);
        assert_eq!(actions[0].args, [(Some("mac".into()), "02:00:00:00:00:01".into())]);
        assert_eq!(actions[1].name, "b");
        assert!(matches!(one("add c.t e:0 c.a()"), Command::Add { priority: None, .. }));
        assert!(Script::parse("add t").is_err());
    }

    #[test]
    fn spaces_and_line_ends_within_an_entry() {
        let entry = |text| {
            let script = Script::parse(text).unwrap();
            assert_eq!(script.lines.len(), 2, "{text}");
            script.lines[0].command.clone()
        };
        let plain = entry("add c.t 3 h.f[7:4]:1&&&3 h.isValid():1 x:1/8 r:2..5 c.a(p:2, q:0x1) = A\nwait");
        for text in [
            "add c.t 3 h.f[7:4] : 1 &&& 3 h.isValid() : 1 x : 1 / 8 r: 2 .. 5 c.a ( p : 2 , q : 0x1 ) =A\nwait",
            "add \"c.t\" 3 \"h.f[7:4]\":1&&&3 \"h.isValid()\":1 x:1/8 r:2..5 \"c.a\"(\"p\":2 q:0x1) = $A\nwait",
            "add c.t 3 h.f[7:4]:1&&&3 # two keys\n\n  h.isValid():1 x:1/8 r:2..5\n  c.a(p:2,\n q:0x1) = A\nwait",
        ] {
            assert_eq!(entry(text), plain, "{text}");
        }
        assert_eq!(
            one("setdefault t\n a(x : 1)"),
            Command::SetDefault {
                table: "t".into(),
                action: ActionText { name: "a".into(), args: vec![(Some("x".into()), "1".into())] },
            }
        );
        // What no line below completes is reported where it begins.
        assert_eq!(Script::parse("wait\nadd t k:1\n\npakcet 1 00").unwrap_err().line, 2);
    }

    #[test]
    fn members_groups_and_removal() {
        let action = |name: &str, args: &[(&str, &str)]| ActionText {
            name: name.to_owned(),
            args: args.iter().map(|(n, v)| (Some((*n).to_owned()), (*v).to_owned())).collect(),
        };
        let set = action("set", &[("port", "0x0001"), ("tag", "2")]);
        let member = Command::Member { profile: "s".to_owned(), member: 3, action: set };
        assert_eq!(one("member s 3 set port=0x0001 tag=2"), member);
        assert_eq!(one("member s 3 set(port:0x0001, tag:2)"), member);
        let profile = "s".to_owned();
        assert_eq!(one("group s 1 0 3"), Command::Group { profile, group: 1, members: vec![0, 3] });
        let does = |text: &str| match one(text) {
            Command::Add { does, keys, .. } => (does, keys.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!(does("add t k:1 group=7"), (EntryText::Group(7), 1));
        assert_eq!(does("add t member = 7"), (EntryText::Member(7), 0));
        let keys = vec![("a.b".to_owned(), "1".to_owned()), ("c".to_owned(), "2&&&3".to_owned())];
        let remove = Command::Remove { table: "t".to_owned(), priority: Some(4), keys };
        assert_eq!(one("remove t 4 a.b:1 c:2&&&3"), remove);
        assert_eq!(one("remove $e1"), Command::RemoveNamed { id: "e1".to_owned() });
        assert_eq!(one("remove all"), Command::RemoveAll);
        let rate = Command::QueueRate { packets_per_second: 10, port: Some(2) };
        assert_eq!(one("set_queue_rate 10 2"), rate);
        for wrong in [
            "remove t",
            "remove $",
            "member s",
            "member s 1 a b",
            "group s",
            "add t k:1 group=x",
            "set_queue_rate",
        ] {
            assert!(parse_line(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn checks() {
        let Command::CheckCounter { index, check: Some(check), .. } =
            one("check_counter cnt($A) packets >= 3")
        else {
            panic!("not a check");
        };
        assert_eq!((index.as_str(), check.relation, check.value), ("A", Relation::Ge, 3));
        assert!(matches!(one("check_register r(3) 0x10"), Command::CheckRegister { index: 3, .. }));
        assert!(Script::parse("check_counter cnt(0) packets ~ 3").is_err());
        let Command::MeterSetRates { rates, .. } = one("meter_set_rates m 2 0.000005:4 0.00002:5") else {
            panic!("not a meter");
        };
        assert_eq!(rates, [(5, 4), (20, 5)]);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(?s).{0,200}") {
            let _ = Script::parse(&text);
        }

        #[test]
        fn any_line_is_answered(
            command in "(packet|expect|add|setdefault|check_counter|check_register|meter_set_rates|mc_node_create) ",
            rest in "[ 0-9a-z():$*/,=.]{0,60}",
        ) {
            let _ = Script::parse(&(command + &rest));
        }
    }
}
