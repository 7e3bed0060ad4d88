//! Sections 9.3, 9.4 and 9.7: counters, meters and registers, direct and not.

use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1::entity::Entity as Kind;
use heddle_p4rt::proto::v1::p4_data::Data;
use heddle_p4rt::proto::v1::update::Type;
use heddle_p4rt::proto::v1::{self, Index, P4Data, P4StructLike};

use heddle_state::Color;

use crate::fixture::Device;

const DATA: v1::CounterData = v1::CounterData { byte_count: 100, packet_count: 2 };
const METER: v1::MeterConfig = v1::MeterConfig { cir: 1, cburst: 2, pir: 3, pburst: 4, eburst: 0 };

fn at(index: i64) -> Option<Index> {
    Some(Index { index })
}

fn number(bytes: &[u8]) -> P4Data {
    P4Data { data: Some(Data::Bitstring(bytes.to_vec())) }
}

#[test]
fn counters_are_read_and_written_one_by_one_and_all_at_once() {
    let mut device = Device::new();
    let counter_id = device.id("ports");
    let cell = |index, data| v1::CounterEntry { counter_id, index, data };
    let read = device.echo(Type::Modify, cell(at(3), Some(DATA)), cell(at(3), None));
    assert_eq!(read, Kind::CounterEntry(cell(at(3), Some(DATA))));
    device.done(Type::Modify, cell(at(3), None));
    let all = device.read(cell(None, None));
    assert_eq!(all.len(), 16);
    assert_eq!(all[3], Kind::CounterEntry(cell(at(3), Some(DATA))), "unset data change nothing");
    assert_eq!(all[4], Kind::CounterEntry(cell(at(4), Some(v1::CounterData::default()))));
    device.done(Type::Modify, cell(None, Some(DATA)));
    let every = device.read(v1::CounterEntry::default());
    assert!(every.iter().all(|kind| matches!(kind, Kind::CounterEntry(entry) if entry.data == Some(DATA))));
}

#[test]
fn indices_are_checked() {
    let mut device = Device::new();
    let (counter_id, meter_id, register_id) = (device.id("ports"), device.id("rates"), device.id("words"));
    for (index, code) in [(-1, Code::InvalidArgument), (32, Code::OutOfRange), (i64::MAX, Code::OutOfRange)] {
        let counter = v1::CounterEntry { counter_id, index: at(index), data: Some(DATA) };
        assert_eq!(device.refused(Type::Modify, counter).0, code);
        let meter = v1::MeterEntry { meter_id, index: at(index), ..Default::default() };
        assert_eq!(device.refused(Type::Modify, meter).0, code);
        let register = v1::RegisterEntry { register_id, index: at(index), data: Some(number(&[1])) };
        let (found, message) = device.refused(Type::Modify, register.clone());
        assert_eq!(found, code);
        assert!(message.contains("`I.words`"), "{message}");
        let error = device.try_read(register).expect_err("no such cell");
        assert_eq!(error.canonical_code, i32::from(code));
    }
}

#[test]
fn cells_are_modified_only() {
    let mut device = Device::new();
    let (counter_id, meter_id, register_id) = (device.id("ports"), device.id("rates"), device.id("words"));
    for kind in [Type::Insert, Type::Delete] {
        let counter = v1::CounterEntry { counter_id, index: at(1), data: Some(DATA) };
        assert_eq!(device.refused(kind, counter).0, Code::InvalidArgument);
        let meter = v1::MeterEntry { meter_id, index: at(1), ..Default::default() };
        assert_eq!(device.refused(kind, meter).0, Code::InvalidArgument);
        let register = v1::RegisterEntry { register_id, index: at(1), data: Some(number(&[1])) };
        assert_eq!(device.refused(kind, register).0, Code::InvalidArgument);
        let entry = Some(device.exact(1, device.drop()));
        let counter = v1::DirectCounterEntry { table_entry: entry.clone(), data: Some(DATA) };
        assert_eq!(device.refused(kind, counter).0, Code::InvalidArgument);
        let meter = v1::DirectMeterEntry { table_entry: entry, ..Default::default() };
        assert_eq!(device.refused(kind, meter).0, Code::InvalidArgument);
    }
}

#[test]
fn meters_are_configured_and_reset() {
    let mut device = Device::new();
    let meter_id = device.id("rates");
    let cell = |index, config| v1::MeterEntry { meter_id, index, config, counter_data: None };
    let read = device.echo(Type::Modify, cell(at(1), Some(METER)), cell(at(1), None));
    assert_eq!(read, Kind::MeterEntry(cell(at(1), Some(METER))));
    let read = device.echo(Type::Modify, cell(at(1), None), cell(at(1), None));
    assert_eq!(read, Kind::MeterEntry(cell(at(1), None)), "unset: green for all packets");
    device.done(Type::Modify, cell(None, Some(METER)));
    assert_eq!(device.read(cell(None, None)).len(), 8);
    for config in [
        v1::MeterConfig { pir: 0, ..METER },
        v1::MeterConfig { cir: -1, ..METER },
        v1::MeterConfig { eburst: 1, ..METER },
    ] {
        assert_eq!(device.refused(Type::Modify, cell(at(1), Some(config))).0, Code::InvalidArgument);
    }
}

#[test]
fn colours_are_counted_and_reset() {
    let mut device = Device::new();
    let (meter_id, colours) = (device.id("rates"), Some(v1::MeterCounterData::default()));
    let cell = |config, counter_data| v1::MeterEntry { meter_id, index: at(1), config, counter_data };
    let bursts = v1::MeterConfig { cir: 1, cburst: 100, pir: 2, pburst: 200, eburst: 0 };
    device.done(Type::Modify, cell(Some(bursts), None));
    let state = device.core.state().expect("a program").clone();
    let meter =
        state.program().meters.keys().find(|id| state.program().meters[*id].table.is_none()).expect("one");
    for _ in 0..4 {
        state.meter(&state.pin(), meter, 1, 60, 0);
    }
    let data = |packets, bytes| Some(v1::CounterData { byte_count: bytes, packet_count: packets });
    let read = device.read(cell(None, colours));
    let wanted = v1::MeterCounterData { green: data(1, 60), yellow: data(2, 120), red: data(1, 60) };
    assert_eq!(read, [Kind::MeterEntry(cell(Some(bursts), Some(wanted)))]);
    assert_eq!(device.read(cell(None, None)), [Kind::MeterEntry(cell(Some(bursts), None))], "nobody asked");
    let wrong = v1::MeterCounterData { green: data(1, 0), ..Default::default() };
    assert_eq!(device.refused(Type::Modify, cell(Some(bursts), Some(wrong))).0, Code::InvalidArgument);
    device.done(Type::Modify, cell(Some(bursts), None));
    assert_eq!(
        device.read(cell(None, colours)),
        [Kind::MeterEntry(cell(Some(bursts), Some(wanted)))],
        "kept"
    );
    device.done(Type::Modify, cell(Some(bursts), colours));
    let zero = v1::MeterCounterData { green: data(0, 0), yellow: data(0, 0), red: data(0, 0) };
    assert_eq!(device.read(cell(None, colours)), [Kind::MeterEntry(cell(Some(bursts), Some(zero)))]);
}

#[test]
fn a_meter_of_one_rate_has_an_excess_burst() {
    let mut device = Device::new();
    let meter_id = device.id("one_rate");
    let cell = |config, counter_data| v1::MeterEntry { meter_id, index: at(1), config, counter_data };
    let config = v1::MeterConfig { cir: 1, cburst: 100, pir: 1, pburst: 100, eburst: 150 };
    let read = device.echo(Type::Modify, cell(Some(config), None), cell(None, None));
    assert_eq!(read, Kind::MeterEntry(cell(Some(config), None)));
    let state = device.core.state().expect("a program").clone();
    let named = |name: &str| {
        let mut meters = state.program().meters.iter();
        meters.find(|(_, meter)| meter.control.name.ends_with(name)).expect("it is declared").0
    };
    let colours = |meter, count, now_ns| -> Vec<Color> {
        (0..count).map(|_| state.meter(&state.pin(), meter, 1, 60, now_ns)).collect()
    };
    use Color::{Green, Red, Yellow};
    // The committed burst, then the excess burst; after a hundred seconds the committed one is full again, and only then
    // does the excess one fill.
    assert_eq!(colours(named("one_rate"), 4, 0), [Green, Yellow, Yellow, Red]);
    assert_eq!(colours(named("one_rate"), 2, 60_000_000_000), [Green, Red]);
    assert_eq!(colours(named("one_rate"), 3, 200_000_000_000), [Green, Yellow, Red]);

    for wrong in [v1::MeterConfig { pir: 2, ..config }, v1::MeterConfig { pburst: 101, ..config }] {
        assert_eq!(device.refused(Type::Modify, cell(Some(wrong), None)).0, Code::InvalidArgument);
    }
    let meter_id = device.id("two_colours");
    let cell = |config| v1::MeterEntry { meter_id, index: at(1), config, counter_data: None };
    assert_eq!(device.refused(Type::Modify, cell(Some(config))).0, Code::InvalidArgument);
    let config = v1::MeterConfig { cir: 1, cburst: 2, pir: 1, pburst: 2, eburst: 0 };
    device.done(Type::Modify, cell(Some(config)));
    assert_eq!(colours(named("two_colours"), 3, 0), [Green, Green, Red]);
}

#[test]
fn direct_counters_and_meters_go_with_their_entry() {
    let mut device = Device::new();
    let key = v1::TableEntry { action: None, ..device.exact(1, device.drop()) };
    let counter =
        |entry: &v1::TableEntry, data| v1::DirectCounterEntry { table_entry: Some(entry.clone()), data };
    assert_eq!(device.refused(Type::Modify, counter(&key, Some(DATA))).0, Code::NotFound);
    let error = device.try_read(counter(&key, None)).expect_err("no such entry");
    assert_eq!(error.canonical_code, i32::from(Code::NotFound));
    device.done(Type::Insert, device.exact(1, device.drop()));
    device.done(Type::Insert, device.exact(2, device.drop()));
    let read = device.echo(Type::Modify, counter(&key, Some(DATA)), counter(&key, None));
    assert_eq!(read, Kind::DirectCounterEntry(counter(&key, Some(DATA))));
    device.done(Type::Modify, counter(&key, None));
    assert_eq!(device.read(counter(&key, None)), [Kind::DirectCounterEntry(counter(&key, Some(DATA)))]);
    let table = v1::TableEntry { table_id: key.table_id, ..Default::default() };
    assert_eq!(device.read(counter(&table, None)).len(), 2, "of all entries of the table");
    assert_eq!(device.read(v1::DirectCounterEntry::default()).len(), 2, "of all tables");
    let default = v1::TableEntry { is_default_action: true, ..table.clone() };
    let read = device.echo(Type::Modify, counter(&default, Some(DATA)), counter(&default, None));
    assert_eq!(read, Kind::DirectCounterEntry(counter(&default, Some(DATA))));

    let meter = |config| v1::DirectMeterEntry { table_entry: Some(key.clone()), config, counter_data: None };
    let read = device.echo(Type::Modify, meter(Some(METER)), meter(None));
    assert_eq!(read, Kind::DirectMeterEntry(meter(Some(METER))));
    let read = device.echo(Type::Modify, meter(None), meter(None));
    assert_eq!(read, Kind::DirectMeterEntry(meter(None)));
    let other = v1::TableEntry { table_id: device.table("route"), ..Default::default() };
    assert!(device.try_read(counter(&other, None)).is_err(), "it has none");
    let none = v1::DirectCounterEntry { table_entry: None, data: Some(DATA) };
    assert_eq!(device.refused(Type::Modify, none).0, Code::InvalidArgument);
}

#[test]
fn registers_are_read_and_written_with_wildcards() {
    let mut device = Device::new();
    let register_id = device.id("words");
    let cell = |index, data| v1::RegisterEntry { register_id, index, data };
    let read = device.echo(Type::Modify, cell(at(3), Some(number(&[0, 0, 9]))), cell(at(3), None));
    assert_eq!(read, Kind::RegisterEntry(cell(at(3), Some(number(&[9])))));
    let all = device.read(cell(None, None));
    assert_eq!(all.len(), 32);
    assert_eq!(all[2], Kind::RegisterEntry(cell(at(2), Some(number(&[0])))));
    device.done(Type::Modify, cell(None, Some(number(&[7]))));
    let all = device.read(cell(None, None));
    assert!(all.iter().all(|kind| matches!(kind, Kind::RegisterEntry(e) if e.data == Some(number(&[7])))));
    for (data, code) in [
        (None, Code::InvalidArgument),
        (Some(P4Data { data: None }), Code::InvalidArgument),
        (Some(P4Data { data: Some(Data::Bool(true)) }), Code::InvalidArgument),
        (Some(number(&[1, 0, 0, 0, 0])), Code::OutOfRange),
    ] {
        let (found, message) = device.refused(Type::Modify, cell(at(1), data));
        assert_eq!(found, code, "{message}");
        assert!(message.contains("`I.words`"), "{message}");
    }
    assert_eq!(device.read(v1::RegisterEntry::default()).len(), 36, "of all registers");
}

#[test]
fn registers_of_structs_have_their_members() {
    let mut device = Device::new();
    let register_id = device.id("pairs");
    let pair = |a: &[u8], s: &[u8]| {
        let members = vec![
            number(a),
            P4Data { data: Some(Data::Bool(true)) },
            P4Data { data: Some(Data::EnumValue(vec![200])) },
            number(s),
        ];
        Some(P4Data { data: Some(Data::Struct(P4StructLike { members })) })
    };
    let cell = |data| v1::RegisterEntry { register_id, index: at(2), data };
    let read = device.echo(Type::Modify, cell(pair(&[0x55], &[0xff, 0x9d])), cell(None));
    assert_eq!(read, Kind::RegisterEntry(cell(pair(&[0x55], &[0x9d]))), "a signed number, shortest form");
    assert_eq!(device.refused(Type::Modify, cell(pair(&[0x80], &[1]))).0, Code::OutOfRange);
    let few = P4StructLike { members: vec![number(&[1])] };
    let few = Some(P4Data { data: Some(Data::Struct(few)) });
    assert_eq!(device.refused(Type::Modify, cell(few)).0, Code::InvalidArgument);
}
