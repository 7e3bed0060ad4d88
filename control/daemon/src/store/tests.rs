//! What is kept comes back, whatever was cut off.

use heddle_p4rt::proto::v1;

use super::*;

fn updates(number: u64) -> Record {
    Record::Updates(v1::WriteRequest { device_id: number, ..v1::WriteRequest::default() })
}

fn settings(folder: &Path) -> StateSettings {
    StateSettings { folder: folder.to_owned(), sync: false }
}

fn open(folder: &Path) -> (Store, Vec<Record>, Found) {
    let mut records = Vec::new();
    let (store, found) = Store::open(&settings(folder), |record| records.push(record)).unwrap();
    (store, records, found)
}

#[test]
fn records_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, records, _) = open(folder.path());
    assert!(records.is_empty());
    for number in 0..10 {
        store.append(&updates(number)).unwrap();
    }
    drop(store);
    let (mut store, records, found) = open(folder.path());
    assert_eq!(records, (0..10).map(updates).collect::<Vec<_>>());
    assert_eq!((found.records, found.cut_bytes), (10, 0));
    store.append(&updates(10)).unwrap();
    drop(store);
    assert_eq!(open(folder.path()).1, (0..11).map(updates).collect::<Vec<_>>());
}

/// Whatever a record's writing was interrupted at, those before it come back and those after it can be added.
#[test]
fn a_log_cut_anywhere_loses_the_cut_record_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(folder.path());
    store.append(&updates(1)).unwrap();
    let whole = store.log_bytes;
    store.append(&updates(2)).unwrap();
    let (path, all) = (store.log_path.clone(), store.log_bytes);
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, all);
    for length in 0..all {
        std::fs::write(&path, &bytes[..length as usize]).unwrap();
        let (mut store, records, _) = open(folder.path());
        let expected: Vec<Record> = if length < whole { vec![] } else { vec![updates(1)] };
        assert_eq!(records, expected, "cut to {length} bytes");
        store.append(&updates(3)).unwrap();
        drop(store);
        let expected: Vec<Record> = expected.into_iter().chain([updates(3)]).collect();
        assert_eq!(open(folder.path()).1, expected, "cut to {length} bytes");
    }
}

#[test]
fn a_flipped_bit_ends_the_log_there() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(folder.path());
    store.append(&updates(1)).unwrap();
    let whole = store.log_bytes as usize;
    store.append(&updates(2)).unwrap();
    let path = store.log_path.clone();
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    for bit in whole * 8..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(open(folder.path()).1, [updates(1)], "bit {bit}");
    }
}

#[test]
fn a_snapshot_replaces_what_came_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, ..) = open(folder.path());
    store.append(&updates(1)).unwrap();
    let mut writer = store.begin_snapshot().unwrap();
    // What happens while it is written comes after it.
    store.append(&updates(2)).unwrap();
    writer.add(&updates(100)).unwrap();
    drop(store);
    // Unfinished, it is as if it had never begun.
    let (store, records, _) = open(folder.path());
    assert_eq!(records, [updates(1), updates(2)]);
    drop(store);
    writer.finish().unwrap();
    let (mut store, records, _) = open(folder.path());
    assert_eq!(records, [updates(100), updates(2)]);
    assert!(!folder.path().join("log-0").exists());
    store.append(&updates(3)).unwrap();
    drop(store);
    assert_eq!(open(folder.path()).1, [updates(100), updates(2), updates(3)]);
}

#[test]
fn two_switches_cannot_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, ..) = open(folder.path());
    let second = Store::open(&settings(folder.path()), |_| {});
    assert!(matches!(second, Err(StoreError::InUse { .. })));
}

#[test]
fn a_file_of_something_else_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log-0"), "the diary of a switch").unwrap();
    let error = Store::open(&settings(folder.path()), |_| {}).unwrap_err().to_string();
    assert!(error.contains("log-0") && error.contains("put the folder aside"), "{error}");
}
