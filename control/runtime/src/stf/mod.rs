//! Simple-test-framework scripts: packets in, packets expected out, and the control plane in between.
//!
//! The language is the one of p4c's test suites, case-insensitive in its commands, one command a line:
//!
//! ```text
//! packet PORT HEX...                       a packet arrives
//! expect PORT [HEX...] [$]                 a packet leaves: `*` is any digit, `$` ends it; without `$` more may
//!                                          follow; without data only the port counts
//! add TABLE [PRIORITY] KEY:VALUE... ACTION(ARG:VALUE, ...)... [= ID]
//! setdefault TABLE ACTION(ARG:VALUE, ...)
//! remove all                               remove $ID        remove TABLE [PRIORITY] KEY:VALUE...
//! member PROFILE NUMBER ACTION [ARG=VALUE...]              group PROFILE NUMBER MEMBER...
//! check_counter NAME(INDEX|$ID) [packets|bytes ==|!=|<|<=|>|>= N]
//! check_register NAME(INDEX) [==|!=|<|<=|>|>=] VALUE
//! mirroring_add SESSION PORT               mirroring_add_mc SESSION GROUP
//! mc_mgrp_create GROUP   mc_node_create RID PORT...   mc_node_associate GROUP NODE
//! register_write NAME INDEX VALUE          register_reset NAME
//! counter_write NAME INDEX PACKETS BYTES
//! meter_set_rates NAME INDEX|$ID RATE:BURST RATE:BURST     rates per microsecond
//! set_queue_rate PACKETS_PER_SECOND [PORT]
//! wait
//! ```
//!
//! Several actions make a group that the table's selector chooses from; `member=N` and `group=N` in place of actions
//! name what `member` and `group` made. In table values, `*` digits are not compared (ternary keys), `/n` gives a prefix (lpm), `low..high` a range,
//! `value&&&mask` a mask. Keys left out match anything; an exact key left out is zero.

mod cursor;
mod runner;
mod script;

pub use runner::{Failure, Outcome, RunError, Runner, run};
pub use script::{Command, CounterCheck, Line, Relation, Script, ScriptError};
