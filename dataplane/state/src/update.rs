//! Changes that the control plane asks for, as data.
//!
//! Invariant: an [`Update`] means the same whoever makes it (P4Runtime, a runtime file, a test script): objects
//! are named by their IR ids, values by [`Bits`] of the width the program declares.

use heddle_ir::{ActionId, Bits, CounterId, KeyMatch, MeterId, ProfileId, RegisterId, TableId, ValueSetId};

use crate::meter::MeterConfig;

/// One change. A batch of them goes through [`crate::State::write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Adds an entry to a table.
    InsertEntry(EntrySpec),
    /// Replaces action, idle timeout and metadata of an entry. Its direct counter and meter keep their values.
    ModifyEntry(EntrySpec),
    /// Removes an entry.
    DeleteEntry(EntryKey),
    /// Changes nothing, and is refused if there is no such entry.
    ExpectEntry(EntryKey),
    /// Removes every entry of a table that the program has not declared as constant.
    ClearTable(TableId),
    /// Sets the action that a table runs on a miss.
    SetDefault {
        /// The table.
        table: TableId,
        /// The action.
        action: ActionSpec,
    },
    /// Gives a table the default action that the program declares.
    ResetDefault(TableId),
    /// Adds a member to an action profile.
    CreateMember(MemberSpec),
    /// Replaces the action of a member, for every entry and group that refers to it.
    ModifyMember(MemberSpec),
    /// Removes a member that no entry and no group refers to.
    DeleteMember {
        /// The profile.
        profile: ProfileId,
        /// The member.
        id: u32,
    },
    /// Adds a group to an action selector.
    CreateGroup(GroupSpec),
    /// Replaces the members of a group. Its `max_size` stays as created unless given.
    ModifyGroup(GroupSpec),
    /// Removes a group that no entry refers to.
    DeleteGroup {
        /// The profile.
        profile: ProfileId,
        /// The group.
        id: u32,
    },
    /// Replaces all entries of a value set.
    SetValueSet {
        /// The value set.
        value_set: ValueSetId,
        /// Its entries: one match per key of the value set.
        entries: Vec<Vec<KeyMatch>>,
    },
    /// Sets a cell of an indirect counter.
    WriteCounter {
        /// The counter.
        counter: CounterId,
        /// The cell; `None` means all of them.
        index: Option<u64>,
        /// Its new value. What the counter does not count is ignored.
        value: CounterValue,
    },
    /// Sets the direct counter of an entry.
    WriteDirectCounter {
        /// Whose.
        entry: DirectOf,
        /// Its new value. What the counter does not count is ignored.
        value: CounterValue,
    },
    /// Configures a cell of an indirect meter. Its buckets start full.
    WriteMeter {
        /// The meter.
        meter: MeterId,
        /// The cell; `None` means all of them.
        index: Option<u64>,
        /// Rates and bursts; `None` makes it unconfigured, which is always green.
        config: Option<MeterConfig>,
    },
    /// Configures the direct meter of an entry. Its buckets start full.
    WriteDirectMeter {
        /// Whose.
        entry: DirectOf,
        /// Rates and bursts; `None` makes it unconfigured, which is always green.
        config: Option<MeterConfig>,
    },
    /// Counts the packets of a cell of an indirect meter by colour from zero again.
    ResetMeterColors {
        /// The meter.
        meter: MeterId,
        /// The cell; `None` means all of them.
        index: Option<u64>,
    },
    /// Counts the packets of the direct meter of an entry by colour from zero again.
    ResetDirectMeterColors(DirectOf),
    /// Sets a cell of a register.
    WriteRegister {
        /// The register.
        register: RegisterId,
        /// The cell; `None` means all of them.
        index: Option<u64>,
        /// Of the register's width.
        value: Bits,
    },
    /// Adds a multicast group.
    CreateMulticastGroup(MulticastGroup),
    /// Replaces a multicast group.
    ModifyMulticastGroup(MulticastGroup),
    /// Removes a multicast group.
    DeleteMulticastGroup(u32),
    /// Adds a clone session.
    CreateCloneSession(CloneSession),
    /// Replaces a clone session.
    ModifyCloneSession(CloneSession),
    /// Removes a clone session.
    DeleteCloneSession(u32),
}

/// What tells an entry of a table from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// The table.
    pub table: TableId,
    /// One per key that is not a selector key, in the order of [`heddle_ir::Table::keys`].
    pub matches: Vec<KeyMatch>,
    /// Given if and only if a key is ternary, range or optional. Which number wins is up to
    /// [`heddle_ir::Table::largest_priority_wins`].
    pub priority: Option<u32>,
}

/// An entry of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySpec {
    /// What it matches.
    pub key: EntryKey,
    /// What it does.
    pub action: EntryAction,
    /// Time without a hit after which it is reported as idle; 0 for never.
    pub idle_timeout_ns: u64,
    /// Bytes that mean something to the control plane only.
    pub metadata: Vec<u8>,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryAction {
    /// Runs an action. For tables that own their actions.
    Action(ActionSpec),
    /// Runs the action of a member of the table's profile.
    Member(u32),
    /// Runs the action of one member of a group of the table's profile.
    Group(u32),
    /// Runs one of these actions: a group made with the entry and removed with it.
    OneShot(Vec<OneShotMember>),
}

/// An action with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSpec {
    /// The action.
    pub action: ActionId,
    /// Values of its parameters, in order and width.
    pub args: Vec<Bits>,
}

/// One of the actions of a one-shot group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneShotMember {
    /// The action.
    pub action: ActionSpec,
    /// Its share of the traffic, relative to the others'; at least 1.
    pub weight: u32,
    /// The port without which it is not picked.
    pub watch_port: Option<u32>,
}

/// A member of an action profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSpec {
    /// The profile.
    pub profile: ProfileId,
    /// Its number.
    pub id: u32,
    /// What it does.
    pub action: ActionSpec,
}

/// A group of an action selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// The profile.
    pub profile: ProfileId,
    /// Its number.
    pub id: u32,
    /// Largest sum of weights; `None` for the selector's own limit.
    pub max_size: Option<u32>,
    /// Its members, each member once.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's number.
    pub member: u32,
    /// Its share of the traffic, relative to the others'; at least 1.
    pub weight: u32,
    /// The port without which it is not picked.
    pub watch_port: Option<u32>,
}

/// The owner of a direct counter or meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectOf {
    /// An entry.
    Entry(EntryKey),
    /// The default entry of a table: what runs on a miss.
    Default(TableId),
}

impl DirectOf {
    /// The table.
    pub fn table(&self) -> TableId {
        match self {
            DirectOf::Entry(key) => key.table,
            DirectOf::Default(table) => *table,
        }
    }
}

/// What a counter has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterValue {
    /// Packets; zero if the counter counts bytes only.
    pub packets: u64,
    /// Bytes; zero if the counter counts packets only.
    pub bytes: u64,
}

/// A multicast group: the copies that [`heddle_ir::Decision::Replicate`] makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MulticastGroup {
    /// Its number.
    pub id: u32,
    /// One per copy, in the order the copies are made.
    pub replicas: Vec<Replica>,
}

/// One copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// Where it goes.
    pub port: u32,
    /// The copy's replication id.
    pub instance: u32,
    /// Where it goes instead while `port` is down: the first of these that is up.
    pub backups: Vec<BackupReplica>,
}

/// Where a copy goes when the port it is meant for is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReplica {
    /// Where it goes.
    pub port: u32,
    /// The copy's replication id.
    pub instance: u32,
}

/// A clone session: the copies that [`heddle_ir::Stmt::Mirror`] makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneSession {
    /// Its number.
    pub id: u32,
    /// One per copy, in the order the copies are made.
    pub replicas: Vec<Replica>,
    /// Bytes a copy is cut off to; 0 for all.
    pub packet_length_bytes: u32,
    /// The queue of the copies.
    pub class_of_service: u32,
}
