//! Chapter 16: packets, digests, idle entries and errors on streams.

use heddle_ir::Bits;
use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::p4_data::Data;
use heddle_p4rt::proto::v1::stream_error::Details;
use heddle_p4rt::proto::v1::stream_message_request::Update as Incoming;
use heddle_p4rt::proto::v1::stream_message_response::Update as Outgoing;
use heddle_p4rt::proto::v1::update::Type;

use crate::fixture::{Device, arbitration, sent};

fn say(device: &mut Device, update: Incoming) -> Vec<Outgoing> {
    let primary = device.primary;
    device.core.stream_message(0, primary, v1::StreamMessageRequest { update: Some(update) });
    sent(&mut device.core, primary)
}

fn metadata(metadata_id: u32, value: &[u8]) -> v1::PacketMetadata {
    v1::PacketMetadata { metadata_id, value: value.to_vec() }
}

fn error(messages: Vec<Outgoing>) -> v1::StreamError {
    match messages.as_slice() {
        [Outgoing::Error(error)] => error.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_get_and_lose_their_controller_header() {
    let mut device = Device::new();
    let packet = v1::PacketOut { payload: vec![1, 2].into(), metadata: vec![metadata(1, &[1, 5])] };
    assert_eq!(say(&mut device, Incoming::Packet(packet)), []);
    // Nine bits of the port, seven of padding that may be left out.
    assert_eq!(device.core.switch().injected, [[0x82, 0x80, 1, 2].as_slice()]);
    device.core.packet_in(0, vec![0x82, 0x83, 9].into());
    let primary = device.primary;
    let wanted =
        v1::PacketIn { payload: vec![9].into(), metadata: vec![metadata(1, &[1, 5]), metadata(2, &[3])] };
    assert_eq!(sent(&mut device.core, primary), [Outgoing::Packet(wanted)]);
    device.core.packet_in(0, vec![1].into());
    assert_eq!(
        (sent(&mut device.core, primary), device.core.dropped()),
        (vec![], 1),
        "shorter than its header"
    );
}

#[test]
fn packets_with_wrong_metadata_are_not_sent_and_told_of() {
    let mut device = Device::new();
    for (given, code) in [
        (vec![], Code::InvalidArgument),
        (vec![metadata(1, &[1]), metadata(7, &[1])], Code::InvalidArgument),
        (vec![metadata(1, &[1]), metadata(1, &[1])], Code::InvalidArgument),
        (vec![metadata(1, &[2, 0])], Code::OutOfRange),
    ] {
        let packet = v1::PacketOut { payload: vec![1].into(), metadata: given };
        let error = error(say(&mut device, Incoming::Packet(packet.clone())));
        assert_eq!(error.canonical_code, i32::from(code), "{}", error.message);
        assert_eq!(error.details, Some(Details::PacketOut(v1::PacketOutError { packet_out: Some(packet) })));
    }
    assert!(device.core.switch().injected.is_empty());
}

#[test]
fn only_the_primary_sends_packets() {
    let mut device = Device::new();
    let backup = device.core.open_stream(0);
    let packet = v1::PacketOut { payload: vec![1].into(), metadata: vec![metadata(1, &[1])] };
    let message = v1::StreamMessageRequest { update: Some(Incoming::Packet(packet)) };
    device.core.stream_message(0, backup, message.clone());
    assert_eq!(error(sent(&mut device.core, backup)).canonical_code, i32::from(Code::PermissionDenied));
    device.core.stream_message(0, backup, arbitration(None, Some(v1::Uint128 { high: 0, low: 1 })));
    sent(&mut device.core, backup);
    device.core.stream_message(0, backup, message);
    assert_eq!(error(sent(&mut device.core, backup)).canonical_code, i32::from(Code::PermissionDenied));
    assert!(device.core.switch().injected.is_empty());
    device.core.packet_in(0, vec![0, 0].into());
    assert_eq!(sent(&mut device.core, backup), [], "packets go to the primary");
}

#[test]
fn digests_are_gathered_sent_and_acknowledged() {
    let mut device = Device::new();
    let digest_id = device.id("seen_t");
    let digest = device.core.state().expect("a program").program().digests.keys().next().expect("one");
    let values = |src: u128| vec![Bits::new(48, src), Bits::new(9, 3)];
    let primary = device.primary;
    device.core.digest(0, digest, values(1));
    assert_eq!(sent(&mut device.core, primary), [], "not switched on");
    let config = v1::digest_entry::Config { max_timeout_ns: 100, max_list_size: 2, ack_timeout_ns: 1_000 };
    device.done(Type::Insert, v1::DigestEntry { digest_id, config: Some(config) });
    device.core.digest(10, digest, values(1));
    device.core.digest(10, digest, values(1));
    assert_eq!((sent(&mut device.core, primary), device.core.poll_timeout()), (vec![], Some(0)));
    device.core.handle_timeout(110);
    let lists = sent(&mut device.core, primary);
    let [Outgoing::Digest(list)] = lists.as_slice() else { panic!("{lists:?}") };
    assert_eq!((list.digest_id, list.timestamp, list.data.len()), (digest_id, 1_000_110, 1));
    let number = |bytes: &[u8]| v1::P4Data { data: Some(Data::Bitstring(bytes.to_vec())) };
    let members = vec![number(&[1]), number(&[3])];
    assert_eq!(list.data[0].data, Some(Data::Struct(v1::P4StructLike { members })));
    device.core.digest(120, digest, values(1));
    device.core.digest(120, digest, values(2));
    assert_eq!(sent(&mut device.core, primary), [], "one is known, one waits");
    let ack = v1::DigestListAck { digest_id, list_id: list.list_id };
    assert_eq!(say(&mut device, Incoming::DigestAck(ack)), []);
    device.core.digest(130, digest, values(1));
    let lists = sent(&mut device.core, primary);
    assert!(matches!(lists.as_slice(), [Outgoing::Digest(list)] if list.data.len() == 2), "{lists:?}");
    let wrong = v1::DigestListAck { digest_id: 1, list_id: 1 };
    let error = error(say(&mut device, Incoming::DigestAck(wrong)));
    assert_eq!(error.canonical_code, i32::from(Code::InvalidArgument));
    assert!(matches!(error.details, Some(Details::DigestListAck(_))));
}

#[test]
fn idle_entries_are_told_of_once_per_time_out() {
    let mut device = Device::new();
    let second = 1_000_000_000;
    let entry = v1::TableEntry {
        idle_timeout_ns: 3 * second,
        metadata: b"m".to_vec(),
        controller_metadata: 4,
        ..device.exact(1, device.drop())
    };
    device.done(Type::Insert, entry.clone());
    device.done(Type::Insert, device.exact(2, device.drop()));
    let primary = device.primary;
    let mut told = Vec::new();
    let mut now_ns = 0;
    while now_ns <= 10 * second as u64 {
        device.core.handle_timeout(now_ns);
        told.extend(sent(&mut device.core, primary).into_iter().map(|update| (now_ns, update)));
        let next_ns = device.core.poll_timeout().expect("it looks again");
        assert!(next_ns > now_ns);
        now_ns = next_ns;
    }
    assert_eq!(told.len(), 3, "{told:?}");
    let Outgoing::IdleTimeoutNotification(first) = &told[0].1 else { panic!("{told:?}") };
    assert_eq!(first.table_entry, [v1::TableEntry { action: None, ..entry }]);
    let third = second as u64 / 10;
    for (at, wanted) in told.iter().map(|(at, _)| *at).zip([3, 6, 9]) {
        assert!(at.abs_diff(wanted * second as u64) <= third, "{at}");
    }
}

#[test]
fn other_messages_are_told_of() {
    let mut device = Device::new();
    let other = heddle_p4rt::proto::Any { type_url: "x/y".to_owned(), value: vec![] };
    let error = error(say(&mut device, Incoming::Other(other)));
    assert_eq!(error.canonical_code, i32::from(Code::Unimplemented));
    assert!(matches!(error.details, Some(Details::Other(_))));
    let primary = device.primary;
    device.core.stream_message(0, primary, v1::StreamMessageRequest { update: None });
    assert_eq!(sent(&mut device.core, primary).len(), 1);
}
