//! `kill -9`, again and again: what was acknowledged is there, and no request is there by half.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::field_match::{FieldMatchType, Lpm};
use heddle_p4rt_proto::v1::update::Type;

use crate::served::{Controller, Switch, update};

/// Entries of one request.
const TOGETHER: u32 = 10;
/// How often the switch is killed.
const KILLS: u32 = 8;

struct Table {
    id: u32,
    action: v1::Action,
}

/// Looks up `ipv4_route` and its action `to_group`.
fn table(controller: &mut Controller) -> Table {
    let p4info = controller.p4info();
    let ends = |preamble: &Option<heddle_p4rt_proto::config::Preamble>, name: &str| {
        preamble.as_ref().is_some_and(|preamble| preamble.name.ends_with(name))
    };
    let id = |preamble: &Option<heddle_p4rt_proto::config::Preamble>| preamble.as_ref().map_or(0, |p| p.id);
    let table = p4info.tables.iter().find(|table| ends(&table.preamble, "ipv4_route")).expect("the table");
    let action = p4info.actions.iter().find(|action| ends(&action.preamble, "to_group")).expect("the action");
    let params = vec![v1::action::Param { param_id: action.params[0].id, value: vec![7] }];
    Table { id: id(&table.preamble), action: v1::Action { action_id: id(&action.preamble), params } }
}

fn entry(table: &Table, number: u32) -> Entity {
    let value = (0x0b00_0000 + number).to_be_bytes().to_vec();
    let matched = FieldMatchType::Lpm(Lpm { value, prefix_len: 32 });
    Entity::TableEntry(v1::TableEntry {
        table_id: table.id,
        r#match: vec![v1::FieldMatch { field_id: 1, field_match_type: Some(matched) }],
        action: Some(v1::TableAction { r#type: Some(v1::table_action::Type::Action(table.action.clone())) }),
        ..Default::default()
    })
}

/// Numbers of the entries that are there.
fn there(controller: &mut Controller, table: &Table) -> Vec<u32> {
    let wanted = Entity::TableEntry(v1::TableEntry { table_id: table.id, ..Default::default() });
    let mut numbers: Vec<u32> = controller
        .read(wanted)
        .into_iter()
        .filter_map(|entity| match entity {
            Entity::TableEntry(entry) => match entry.r#match.first()?.field_match_type.as_ref()? {
                FieldMatchType::Lpm(lpm) => Some(
                    lpm.value
                        .iter()
                        .fold(0u32, |n, byte| n << 8 | u32::from(*byte))
                        .wrapping_sub(0x0b00_0000),
                ),
                _ => None,
            },
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

fn survives_kills(more: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let state = state.to_str().expect("a name");
    let args = [&["pipelines/l3_router.p4", "--state", state][..], more].concat();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let switch = Switch::start(&args);
        let mut controller = Controller::new(switch.address);
        let table = table(&mut controller);
        let found = there(&mut controller, &table);
        let requests = u32::try_from(found.len()).expect("few") / TOGETHER;
        assert_eq!(
            found,
            (0..requests * TOGETHER).collect::<Vec<_>>(),
            "a request is there by half, or out of turn"
        );
        assert!(requests >= acknowledged, "{acknowledged} requests were acknowledged, {requests} are there");
        // At most the one that was under way came on top.
        assert!(
            requests <= acknowledged + 1,
            "{acknowledged} requests were acknowledged, {requests} are there"
        );
        let done = Arc::new(AtomicU64::new(u64::from(requests)));
        let writer = std::thread::spawn({
            let done = Arc::clone(&done);
            move || {
                for request in requests.. {
                    let numbers = request * TOGETHER..(request + 1) * TOGETHER;
                    let updates = numbers.map(|number| update(Type::Insert, entry(&table, number))).collect();
                    if controller.write(updates).is_err() {
                        break;
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        // In the midst of it, at another moment each time.
        let until = u64::from(requests) + 3 + u64::from(kill) * 5;
        while done.load(Ordering::SeqCst) < until && !writer.is_finished() {
            std::thread::yield_now();
        }
        assert!(!writer.is_finished(), "a write was refused");
        switch.kill();
        writer.join().expect("the writer ends");
        acknowledged = u32::try_from(done.load(Ordering::SeqCst)).expect("few");
    }
    assert!(acknowledged >= KILLS * 3);
}

#[test]
fn every_acknowledged_write_survives_kill_9() {
    survives_kills(&[]);
}

#[test]
fn every_acknowledged_write_survives_kill_9_when_synced() {
    survives_kills(&["--state-sync"]);
}

#[test]
fn everything_comes_back_after_a_clean_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().to_str().expect("a name").to_owned();
    let args = ["--no-pipeline", "--state", &state];
    let before = {
        let switch = Switch::start(&args);
        switch.tool_says(&["pipeline", "load", "pipelines/l3_router.p4"]);
        switch.tool_says(&[
            "table",
            "add",
            "ipv4_route",
            "dst=10.1.0.0/16",
            "-a",
            "to_group",
            "-p",
            "group=7",
        ]);
        switch.tool_says(&["multicast", "add", "3", "1", "2"]);
        switch.tool_says(&["clone", "add", "57", "510"]);
        let seen = everything(&switch);
        switch.stop();
        seen
    };
    // From the snapshot, from the log alone after a kill, and from both.
    let switch = Switch::start(&args);
    assert_eq!(everything(&switch), before);
    switch.tool_says(&["table", "add", "ipv4_route", "dst=10.2.0.0/16", "-a", "to_group", "-p", "group=8"]);
    let before = everything(&switch);
    switch.kill();
    let switch = Switch::start(&args);
    assert_eq!(everything(&switch), before);
    switch.stop();
}

fn everything(switch: &Switch) -> BTreeMap<&'static str, String> {
    let ask = [
        ("tables", &["table", "dump", "--json"][..]),
        ("multicast", &["multicast", "ls", "--json"][..]),
        ("clone", &["clone", "ls", "--json"][..]),
        ("groups", &["group", "ls", "--json"][..]),
        ("program", &["pipeline", "show", "--json"][..]),
        ("ports", &["port", "ls", "--json"][..]),
    ];
    ask.into_iter().map(|(what, args)| (what, switch.tool_says(args))).collect()
}

#[test]
fn two_switches_cannot_run_on_one_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().to_str().expect("a name");
    let _first = Switch::start(&["--no-pipeline", "--state", state]);
    let log = Switch::try_start(&["--no-pipeline", "--state", state]).err().expect("it is refused");
    assert!(log.join("\n").contains("another switch runs on this state"), "{log:?}");
}
