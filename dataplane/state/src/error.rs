//! Why a state cannot be built, or a change is refused.
//!
//! Invariant: every error names the object by its control-plane name and says what would be accepted.

use thiserror::Error;

/// Why no state can be built for a program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// No worker would ever read it.
    #[error("a switch needs at least one worker")]
    NoWorkers,
    /// An array is larger than what all arrays together may take.
    #[error(
        "{kind} `{name}` has {cells} cells and would take the arrays to {wanted_bytes} bytes, more than the limit of \
         {limit_bytes}; declare it smaller, or run fewer workers"
    )]
    TooLarge {
        /// `counter`, `meter` or `register`.
        kind: &'static str,
        /// Its control-plane name.
        name: String,
        /// The size it is declared with.
        cells: u64,
        /// Memory that it and those before it would take.
        wanted_bytes: u128,
        /// Memory that they may take.
        limit_bytes: u64,
    },
    /// A table would not fit into memory if it were full.
    #[error(
        "table `{name}` has room for {entries} entries of {bytes_per_entry} bytes and would take the tables to \
         {wanted_bytes} bytes, more than the limit of {limit_bytes}; declare it smaller"
    )]
    TableTooLarge {
        /// Its control-plane name.
        name: String,
        /// The size it is declared with.
        entries: u64,
        /// What one takes with what finds it, at least.
        bytes_per_entry: u64,
        /// Memory that it and those before it would take.
        wanted_bytes: u128,
        /// Memory that they may take.
        limit_bytes: u64,
    },
    /// The system has no memory left for an array.
    #[error("no memory for the {bytes} bytes of {kind} `{name}`; declare it smaller, or run fewer workers")]
    NoMemory {
        /// `counter`, `meter`, `register` or `table`.
        kind: &'static str,
        /// Its control-plane name.
        name: String,
        /// Memory it takes; for a table, what is attached to its first entries.
        bytes: u64,
    },
    /// A table's keys or an action's data are wider than an entry can be.
    #[error("{kind} `{name}` needs {words} words of 64 bits in an entry, more than {limit}")]
    TooWide {
        /// `table` or `action`.
        kind: &'static str,
        /// Its control-plane name.
        name: String,
        /// Words needed.
        words: usize,
        /// Words allowed.
        limit: usize,
    },
    /// A table has more actions than an entry can tell apart.
    #[error("table `{table}` has {actions} actions, more than {limit}")]
    TooManyActions {
        /// Its control-plane name.
        table: String,
        /// Its actions.
        actions: usize,
        /// Actions allowed.
        limit: usize,
    },
    /// An entry that the program declares is refused.
    #[error("entry {index} that the program declares for table `{table}`: {error}")]
    DeclaredEntry {
        /// The table.
        table: String,
        /// Position in [`heddle_ir::Table::entries`].
        index: usize,
        /// Why.
        #[source]
        error: UpdateError,
    },
    /// A default action that the program declares is refused.
    #[error("the default action that the program declares for table `{table}`: {error}")]
    DeclaredDefault {
        /// The table.
        table: String,
        /// Why.
        #[source]
        error: UpdateError,
    },
}

/// Why a batch of changes was refused. Nothing of the batch was applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("update {index}: {error}")]
pub struct WriteError {
    /// Position of the refused update in the batch.
    pub index: usize,
    /// Why it was refused.
    #[source]
    pub error: UpdateError,
}

/// Why one change was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// The program has no object of this number.
    #[error("the program has no {kind} number {number}")]
    UnknownObject {
        /// What kind of object.
        kind: &'static str,
        /// The number given.
        number: u32,
    },
    /// The entries of this table are constant.
    #[error("the entries of table `{table}` are constant; change them in the program")]
    ConstTable {
        /// The table.
        table: String,
    },
    /// The program declares this entry as constant.
    #[error("this entry of table `{table}` is constant; change it in the program")]
    ConstEntry {
        /// The table.
        table: String,
    },
    /// The default action of this table is constant.
    #[error("the default action of table `{table}` is constant; change it in the program")]
    ConstDefault {
        /// The table.
        table: String,
    },
    /// The table does not list this action.
    #[error("table `{table}` has no action `{action}`; its actions are {allowed}")]
    UnknownAction {
        /// The table or profile.
        table: String,
        /// The action given.
        action: String,
        /// Those it lists.
        allowed: String,
    },
    /// The action may only be the default action.
    #[error("action `{action}` of table `{table}` may only be its default action, not that of an entry")]
    DefaultOnly {
        /// The table.
        table: String,
        /// The action.
        action: String,
    },
    /// The action may only be in entries.
    #[error("action `{action}` of table `{table}` may only be in entries, not its default action")]
    TableOnly {
        /// The table.
        table: String,
        /// The action.
        action: String,
    },
    /// Wrong number of arguments.
    #[error("action `{action}` takes {wanted} arguments ({params}), not {given}")]
    ArgumentCount {
        /// The action.
        action: String,
        /// Its parameters.
        params: String,
        /// How many there are.
        wanted: usize,
        /// How many were given.
        given: usize,
    },
    /// Wrong number of matches.
    #[error("{kind} `{name}` has {wanted} keys ({keys}), but {given} matches are given")]
    MatchCount {
        /// `table` or `value set`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its keys.
        keys: String,
        /// How many there are.
        wanted: usize,
        /// How many were given.
        given: usize,
    },
    /// Nothing to match.
    #[error("{kind} `{name}` has no keys, so it has no entries; set its default action instead")]
    NoKeys {
        /// `table` or `value set`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A match of a form that the key's kind does not know.
    #[error("key `{key}` of `{table}` is matched as {wanted}, not as {given}")]
    MatchKind {
        /// The table or value set.
        table: String,
        /// The key.
        key: String,
        /// The key's kind.
        wanted: &'static str,
        /// The form given.
        given: &'static str,
    },
    /// A value of another width than declared.
    #[error("{what} of `{of}` has {wanted} bits, but a value of {given} bits is given")]
    Width {
        /// The key, parameter or register meant.
        what: String,
        /// What it belongs to.
        of: String,
        /// The declared width.
        wanted: u32,
        /// The width given.
        given: u32,
    },
    /// A prefix longer than the key.
    #[error("the prefix of key `{key}` of `{table}` has {given} bits, more than the key's {width}")]
    PrefixTooLong {
        /// The table or value set.
        table: String,
        /// The key.
        key: String,
        /// The key's width.
        width: u32,
        /// The length given.
        given: u32,
    },
    /// Bits set where the match does not look.
    #[error("the value of key `{key}` of `{table}` has bits set outside its {mask}; set them to zero")]
    NotCanonical {
        /// The table or value set.
        table: String,
        /// The key.
        key: String,
        /// `mask` or `prefix`.
        mask: &'static str,
    },
    /// A range that nothing is in.
    #[error("the range of key `{key}` of `{table}` begins above its end; give the smaller value first")]
    EmptyRange {
        /// The table or value set.
        table: String,
        /// The key.
        key: String,
    },
    /// No priority where one is needed.
    #[error("an entry of table `{table}` needs a priority, since key `{key}` is matched as {kind}")]
    MissingPriority {
        /// The table.
        table: String,
        /// The key that makes it necessary.
        key: String,
        /// How that key is matched.
        kind: &'static str,
    },
    /// A priority where it would mean nothing.
    #[error(
        "an entry of table `{table}` has no priority, since no two of its entries can overlap undecided; leave it out"
    )]
    UnwantedPriority {
        /// The table.
        table: String,
    },
    /// There is such an entry, member, group or session already.
    #[error("{what} is there already; modify it instead")]
    Exists {
        /// What, with the name of what it belongs to.
        what: String,
    },
    /// There is no such entry, member, group or session.
    #[error("{what} is not there; insert it first")]
    NotFound {
        /// What, with the name of what it belongs to.
        what: String,
    },
    /// Something else refers to it.
    #[error("{what} is still in use by {users} others; remove those first")]
    InUse {
        /// What, with the name of what it belongs to.
        what: String,
        /// How many refer to it.
        users: usize,
    },
    /// No room for one more.
    #[error("{kind} `{name}` is full: it has room for {size}; declare a larger size")]
    Full {
        /// `table`, `action profile` or `value set`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its size.
        size: u64,
    },
    /// Entries of a table with a profile refer to it.
    #[error("table `{table}` takes its actions from profile `{profile}`; give {wanted} instead of an action")]
    NeedsProfile {
        /// The table.
        table: String,
        /// The profile.
        profile: String,
        /// What may be given.
        wanted: &'static str,
    },
    /// Entries of a table without a profile own their action.
    #[error("table `{table}` has no action profile; give an action")]
    NoProfile {
        /// The table.
        table: String,
    },
    /// Groups need a selector.
    #[error("action profile `{profile}` has no selector, so it has no groups; refer to members")]
    NoSelector {
        /// The profile.
        profile: String,
    },
    /// Two members with one number in a group.
    #[error("group {group} of `{profile}` lists member {member} twice; give it a larger weight instead")]
    DuplicateMember {
        /// The profile.
        profile: String,
        /// The group.
        group: u32,
        /// The member.
        member: u32,
    },
    /// A weight of zero.
    #[error("a weight in {what} is 0; it has to be at least 1")]
    ZeroWeight {
        /// The group.
        what: String,
    },
    /// The weights of a group add up to more than allowed.
    #[error("the weights in {what} add up to {given}, more than its limit of {limit}")]
    GroupTooLarge {
        /// The group.
        what: String,
        /// The sum of weights.
        given: u64,
        /// The limit.
        limit: u64,
    },
    /// A cell beyond the array.
    #[error("{kind} `{name}` has {size} cells, so there is no index {index}")]
    IndexOutOfRange {
        /// `counter`, `meter` or `register`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its cells.
        size: u64,
        /// The index given.
        index: u64,
    },
    /// The counter or meter belongs to the entries of a table.
    #[error("{kind} `{name}` is direct; name the entry whose cell is meant")]
    Direct {
        /// `counter` or `meter`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The table's entries have no counter or meter of their own.
    #[error("table `{table}` has no direct {kind}")]
    NoDirect {
        /// The table.
        table: String,
        /// `counter` or `meter`.
        kind: &'static str,
    },
    /// A meter configuration that RFC 2698 excludes.
    #[error("the peak rate {pir} of a meter is below its committed rate {cir}")]
    MeterRates {
        /// Committed rate, per second.
        cir: u64,
        /// Peak rate, per second.
        pir: u64,
    },
    /// An idle timeout where the program has not asked for them.
    #[error("table `{table}` does not support idle timeouts; set `support_timeout` in the program")]
    NoIdleTimeout {
        /// The table.
        table: String,
    },
    /// Two equal entries in a list.
    #[error("{what} is listed twice; list it once")]
    Duplicate {
        /// What.
        what: String,
    },
    /// The system has no memory left.
    #[error("no memory for {what}")]
    NoMemory {
        /// What it was needed for.
        what: String,
    },
}
