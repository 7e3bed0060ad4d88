//! Completion of names from the program that a running switch has.
//!
//! Invariant: completing never fails and never waits for long: without a switch there are no candidates.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;

use super::Target;
use super::names::{Named, Names};

/// What has been typed so far, behind the shell's own part of the line.
fn typed() -> Vec<String> {
    let words = std::env::args().skip_while(|word| word != "--").skip(1);
    words.collect()
}

/// The value of an option among what has been typed.
fn option(words: &[String], long: &str) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == long {
            return words.next().cloned();
        }
        if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.to_owned());
        }
    }
    None
}

fn names() -> Option<Names> {
    let words = typed();
    let target = Target::for_completion(option(&words, "--grpc"), option(&words, "--device-id"));
    target.connect().ok()?.names().ok()
}

fn of<T: Named>(objects: &[T], current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(objects.iter().map(|object| object.name().to_owned()), current)
}

fn candidates(all: impl Iterator<Item = String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy().into_owned();
    all.filter(|name| name.starts_with(&current)).map(CompletionCandidate::new).collect()
}

/// The table that is named on the line.
fn typed_table(names: &Names) -> Option<&heddle_p4rt_proto::config::Table> {
    typed().iter().find_map(|word| names.p4info.tables.iter().find(|table| table.name() == word))
}

pub(crate) fn tables(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.tables, current)).unwrap_or_default()
}

pub(crate) fn keys(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(names) = names() else { return Vec::new() };
    let Some(table) = typed_table(&names) else { return Vec::new() };
    candidates(table.match_fields.iter().map(|field| format!("{}=", field.name)), current)
}

pub(crate) fn actions(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(names) = names() else { return Vec::new() };
    let table = typed_table(&names);
    let is_listed =
        |id: u32| table.is_none_or(|table| table.action_refs.iter().any(|action| action.id == id));
    let actions = names.p4info.actions.iter().filter(|action| is_listed(action.id()));
    candidates(actions.map(|action| action.name().to_owned()), current)
}

pub(crate) fn params(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(names) = names() else { return Vec::new() };
    let words = typed();
    let Some(name) = option(&words, "-a").or_else(|| option(&words, "--action")) else { return Vec::new() };
    let Some(action) = names.p4info.actions.iter().find(|action| action.name() == name) else {
        return Vec::new();
    };
    candidates(action.params.iter().map(|param| format!("{}=", param.name)), current)
}

pub(crate) fn counters(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.counters, current)).unwrap_or_default()
}

pub(crate) fn meters(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.meters, current)).unwrap_or_default()
}

pub(crate) fn registers(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.registers, current)).unwrap_or_default()
}

pub(crate) fn profiles(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.action_profiles, current)).unwrap_or_default()
}

pub(crate) fn digests(current: &OsStr) -> Vec<CompletionCandidate> {
    names().map(|names| of(&names.p4info.digests, current)).unwrap_or_default()
}
