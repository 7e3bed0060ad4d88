//! Chapters 14, 15 and 17: programs, and what a switch says of itself.

use heddle_p4rt::SwitchError;
use heddle_p4rt::proto::config::P4Info;
use heddle_p4rt::proto::prost::Message as _;
use heddle_p4rt::proto::rpc::Code;
use heddle_p4rt::proto::tmp::P4DeviceConfig;
use heddle_p4rt::proto::v1;
use heddle_p4rt::proto::v1::get_forwarding_pipeline_config_request::ResponseType;
use heddle_p4rt::proto::v1::set_forwarding_pipeline_config_request::Action as Step;
use heddle_p4rt::proto::v1::update::Type;

use crate::fixture::{Device, ELECTION, PROGRAM, arbitration, code, config_of, empty};

fn get(device: &Device, kind: ResponseType) -> v1::ForwardingPipelineConfig {
    let request = v1::GetForwardingPipelineConfigRequest { device_id: 1, response_type: kind.into() };
    device.core.get_forwarding_pipeline_config(&request).expect("a program").config.expect("a config")
}

fn entries(device: &mut Device) -> usize {
    let table_id = device.table("exact_one");
    device.read(v1::TableEntry { table_id, ..Default::default() }).len()
}

#[test]
fn without_a_program_calls_say_so_in_the_words_that_controllers_know() {
    let mut core = empty();
    let stream = core.open_stream(0);
    core.stream_message(0, stream, arbitration(None, Some(ELECTION)));
    let request = v1::GetForwardingPipelineConfigRequest { device_id: 1, ..Default::default() };
    let status = core.get_forwarding_pipeline_config(&request).expect_err("none");
    assert_eq!(code(&status), Code::FailedPrecondition);
    assert_eq!(status.message, "No forwarding pipeline config set for this device");
    let write = v1::WriteRequest { device_id: 1, election_id: Some(ELECTION), ..Default::default() };
    assert_eq!(code(&core.write(0, &write).result.expect_err("none")), Code::FailedPrecondition);
    let read = v1::ReadRequest { device_id: 1, ..Default::default() };
    assert_eq!(code(&core.read(0, &read).expect_err("none")), Code::FailedPrecondition);
    let other = v1::GetForwardingPipelineConfigRequest { device_id: 3, ..Default::default() };
    assert_eq!(code(&core.get_forwarding_pipeline_config(&other).expect_err("none")), Code::NotFound);
}

#[test]
fn a_program_is_given_back_in_the_parts_asked_for() {
    let device = Device::new();
    let all = get(&device, ResponseType::All);
    assert_eq!(all.p4_device_config, PROGRAM.as_bytes());
    assert_eq!(all.cookie.expect("given").cookie, 7);
    assert_eq!(all.p4info.as_ref(), Some(&device.p4info));
    let cookie = get(&device, ResponseType::CookieOnly);
    assert_eq!((cookie.p4info, cookie.p4_device_config.len(), cookie.cookie), (None, 0, all.cookie));
    let info = get(&device, ResponseType::P4infoAndCookie);
    assert_eq!((info.p4info.is_some(), info.p4_device_config.len()), (true, 0));
    let blob = get(&device, ResponseType::DeviceConfigAndCookie);
    assert_eq!((blob.p4info.is_some(), blob.p4_device_config.len()), (false, PROGRAM.len()));
}

#[test]
fn only_the_primary_sets_a_program() {
    let mut device = Device::new();
    let request = v1::SetForwardingPipelineConfigRequest {
        device_id: 1,
        election_id: Some(v1::Uint128 { high: 0, low: 1 }),
        action: Step::Verify.into(),
        config: Some(config_of(PROGRAM)),
        ..Default::default()
    };
    let mut set = |request: &v1::SetForwardingPipelineConfigRequest| {
        code(&device.core.set_forwarding_pipeline_config(0, request).expect_err("refused"))
    };
    assert_eq!(set(&request), Code::PermissionDenied);
    assert_eq!(
        set(&v1::SetForwardingPipelineConfigRequest { device_id: 4, ..request.clone() }),
        Code::NotFound
    );
    let role = v1::SetForwardingPipelineConfigRequest { role: "nobody".to_owned(), ..request };
    assert_eq!(set(&role), Code::NotFound);
}

#[test]
fn verifying_changes_nothing_and_says_what_is_wrong() {
    let mut device = Device::new();
    device.done(Type::Insert, device.exact(1, device.drop()));
    device.set(Step::Verify, Some(config_of(PROGRAM))).expect("it can be realised");
    for (config, part) in [
        (None, "needs a config"),
        (Some(config_of("")), "empty"),
        (Some(config_of("control {")), "does not compile"),
        (Some(config_of("{}")), "heddle compile"),
        (
            Some(v1::ForwardingPipelineConfig { p4info: Some(P4Info::default()), ..config_of("\u{1}") }),
            "does not compile",
        ),
        (
            Some(v1::ForwardingPipelineConfig { p4_device_config: vec![0xff, 0xfe], ..Default::default() }),
            "neither text",
        ),
    ] {
        let status = device.set(Step::Verify, config).expect_err("refused");
        assert_eq!(code(&status), Code::InvalidArgument);
        assert!(status.message.contains(part), "{part}: {}", status.message);
    }
    let mut other = device.p4info.clone();
    other.tables[0].match_fields[0].bitwidth = 47;
    let other = v1::ForwardingPipelineConfig { p4info: Some(other), ..config_of(PROGRAM) };
    let status = device.set(Step::Verify, Some(other)).expect_err("they do not fit");
    assert_eq!(code(&status), Code::InvalidArgument);
    assert!(status.message.contains("hdr.eth.dst"), "{}", status.message);
    assert_eq!(entries(&mut device), 1);
    assert_eq!(code(&device.set(Step::Unspecified, None).expect_err("no action")), Code::InvalidArgument);
}

#[test]
fn committing_begins_anew() {
    let mut device = Device::new();
    device.done(Type::Insert, device.exact(1, device.drop()));
    device.done(Type::Insert, v1::MulticastGroupEntry { multicast_group_id: 1, ..Default::default() });
    device.set(Step::VerifyAndCommit, Some(config_of(PROGRAM))).expect("again");
    assert_eq!(entries(&mut device), 0);
    assert_eq!(device.read(v1::MulticastGroupEntry::default()).len(), 0);
}

#[test]
fn what_is_saved_takes_writes_and_is_committed_with_them() {
    let mut device = Device::new();
    assert_eq!(code(&device.set(Step::Commit, None).expect_err("nothing is saved")), Code::NotFound);
    device.done(Type::Insert, device.exact(1, device.drop()));
    let before = device.core.state().expect("a program").clone();
    device.set(Step::VerifyAndSave, Some(config_of(PROGRAM))).expect("saved");
    device.set(Step::VerifyAndSave, Some(config_of(PROGRAM))).expect("saved again");
    assert_eq!(entries(&mut device), 0, "calls are about what is saved");
    device.done(Type::Insert, device.exact(2, device.drop()));
    device.done(Type::Insert, device.exact(3, device.drop()));
    let table = before.program().tables.keys().next().expect("a table");
    assert_eq!(before.entry_count(table), 1, "packets still see what was");
    assert!(std::sync::Arc::ptr_eq(device.core.state().expect("a program"), &before));
    assert_eq!(
        code(&device.set(Step::Commit, Some(config_of(PROGRAM))).expect_err("with a config")),
        Code::InvalidArgument
    );
    device.set(Step::Commit, None).expect("committed");
    assert_eq!(entries(&mut device), 2);
    assert!(!std::sync::Arc::ptr_eq(device.core.state().expect("a program"), &before));
    assert_eq!(code(&device.set(Step::Commit, None).expect_err("it is committed")), Code::NotFound);
}

#[test]
fn reconciling_keeps_what_still_fits() {
    let mut device = Device::new();
    let entry = v1::TableEntry { metadata: b"m".to_vec(), ..device.exact(1, device.forward(2, 3)) };
    device.done(Type::Insert, entry.clone());
    let group =
        v1::MulticastGroupEntry { multicast_group_id: 1, metadata: b"g".to_vec(), ..Default::default() };
    device.done(Type::Insert, group.clone());
    let config = v1::digest_entry::Config { max_timeout_ns: 1, max_list_size: 2, ack_timeout_ns: 3 };
    device.done(Type::Insert, v1::DigestEntry { digest_id: device.id("seen_t"), config: Some(config) });
    let register = v1::RegisterEntry {
        register_id: device.id("words"),
        index: Some(v1::Index { index: 3 }),
        data: Some(v1::P4Data { data: Some(v1::p4_data::Data::Bitstring(vec![9])) }),
    };
    device.done(Type::Modify, register.clone());
    let changed = PROGRAM.replace("size = 8;", "size = 16;");
    device.set(Step::ReconcileAndCommit, Some(config_of(&changed))).expect("reconciled");
    let asked = v1::TableEntry { table_id: device.table("exact_one"), ..Default::default() };
    assert_eq!(device.read(asked), [v1::entity::Entity::TableEntry(entry)]);
    assert_eq!(device.read(group).len(), 1);
    assert_eq!(device.read(v1::DigestEntry::default()).len(), 1);
    assert_eq!(device.read(register.clone()), [v1::entity::Entity::RegisterEntry(register)]);
    assert_eq!(device.core.kept().expect("it took over").entries, 1);
    assert_eq!(
        code(&device.set(Step::ReconcileAndCommit, None).expect_err("no config")),
        Code::InvalidArgument
    );
}

#[test]
fn a_switch_that_cannot_now_leaves_all_as_it_was() {
    let mut device = Device::new();
    device.done(Type::Insert, device.exact(1, device.drop()));
    for step in [Step::VerifyAndCommit, Step::ReconcileAndCommit] {
        device.core.switch_mut().refuses = Some(SwitchError::Busy("packets are under way".to_owned()));
        let status = device.set(step, Some(config_of(PROGRAM))).expect_err("not now");
        assert_eq!(code(&status), Code::Unavailable);
        assert!(status.message.contains("try again"), "{}", status.message);
        assert_eq!(entries(&mut device), 1);
    }
}

#[test]
fn a_wrapped_program_and_an_artifact_are_taken() {
    let mut device = Device::new();
    let wrapped = P4DeviceConfig { reassign: true, extras: None, device_data: PROGRAM.as_bytes().to_vec() };
    let config = v1::ForwardingPipelineConfig { p4_device_config: wrapped.encode_to_vec(), ..config_of("") };
    device.set(Step::VerifyAndCommit, Some(config)).expect("unwrapped");
    let state = device.core.state().expect("a program");
    let artifact = serde_json::json!({
        "heddle_artifact": 1,
        "compiler": "heddle",
        "program": heddle_ir::text::print(state.program()),
        "p4info": {},
    });
    let given = |version: i64| {
        let mut artifact = artifact.clone();
        artifact["heddle_artifact"] = version.into();
        v1::ForwardingPipelineConfig {
            p4info: Some(device.p4info.clone()),
            ..config_of(&artifact.to_string())
        }
    };
    let (good, bad) = (given(1), given(9));
    let without = v1::ForwardingPipelineConfig { p4info: None, ..good.clone() };
    device.set(Step::VerifyAndCommit, Some(good)).expect("an artifact");
    assert!(
        device.set(Step::Verify, Some(bad)).expect_err("of another version").message.contains("version 9")
    );
    assert!(device.set(Step::Verify, Some(without)).expect_err("no P4Info").message.contains("p4info"));
}

#[test]
fn the_version_is_told() {
    let device = Device::new();
    for device_id in [0, 1] {
        let told = device.core.capabilities(&v1::CapabilitiesRequest { device_id }).expect("known");
        assert_eq!(told.p4runtime_api_version, "1.5.0");
    }
    let status = device.core.capabilities(&v1::CapabilitiesRequest { device_id: 5 }).expect_err("another");
    assert_eq!(code(&status), Code::NotFound);
}

/// Section 8.3 has strings for `varbit`; no program that would send or be sent any is taken.
#[test]
fn programs_that_have_varbits_for_controllers_are_refused() {
    let program = include_str!("ports.p4")
        .replace("header eth_t {", "header text_t { varbit<32> t; }\nheader eth_t {")
        .replace("struct headers_t { eth_t eth; }", "struct headers_t { eth_t eth; text_t text; }");
    for (part, other) in [
        ("key = { hdr.eth.dst : exact; }", "key = { hdr.text.t : exact; }"),
        ("action send(PortId_t port)", "action send(varbit<32> text, PortId_t port)"),
    ] {
        let changed = program.replace(part, other);
        assert_ne!(changed, program);
        let mut device = Device::new();
        let status = device.set(Step::Verify, Some(config_of(&changed))).expect_err("it is refused");
        assert_eq!(code(&status), Code::InvalidArgument);
        assert!(status.message.contains("varbit<32>"), "{}", status.message);
    }
}
