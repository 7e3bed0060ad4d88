//! Clients that do not listen: others are served as if they were not there, and what waits for them is bounded.

use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::stream_message_response::Update as Heard;

use crate::served::{Controller, Switch};

/// The controller's port: what is sent out of it comes back as a packet-in.
const CPU_PORT: &[u8] = &[0x01, 0xfe];
/// Bytes of a packet.
const PACKET_BYTES: usize = 1_000;
/// Packets of a round; more than wait for any client.
const ROUND: usize = 12_000;
/// What a round may add to the memory that is held once the first has filled what there is to fill. A round alone is
/// half as much again.
const GROWTH_BYTES: u64 = 8 << 20;

fn server_count(switch: &Switch, name: &str) -> u64 {
    let stats = switch.tool_says(&["stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    stats["server"][name].as_u64().unwrap_or_else(|| panic!("no count of {name}: {stats}"))
}

fn resident_bytes(switch: &Switch) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", switch.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// Sends packets that all come back, and waits until the switch has dealt with them.
fn round(switch: &Switch, controller: &mut Controller, before: u64) -> u64 {
    let mut packet = vec![0; PACKET_BYTES];
    packet[12] = 0x99;
    for _ in 0..ROUND {
        controller.packet_out(packet.clone(), &[CPU_PORT, &[0]]);
    }
    let wanted = before + ROUND as u64;
    let since = std::time::Instant::now();
    while server_count(switch, "stream_messages") < wanted {
        assert!(since.elapsed() < crate::served::PATIENCE, "the switch takes no more packets");
        // What is under way to the switch goes on.
        let pause = std::time::Duration::from_millis(5);
        let nothing = async { tokio::time::timeout(pause, std::future::pending::<()>()).await };
        controller.runtime.block_on(nothing).expect_err("nothing happens");
    }
    wanted
}

#[test]
fn a_controller_that_does_not_listen_holds_up_nobody_and_fills_nothing() {
    let switch = Switch::start(&["tests/clients/router.p4"]);
    let mut deaf = Controller::new(switch.address);
    // Packets that come faster than the switch gets to them are lost on the way, so this takes what it takes.
    let mut taken = 1;
    while server_count(&switch, "stream_messages_dropped") == 0 {
        assert!(taken < 20 * ROUND as u64, "nothing is bounded");
        taken = round(&switch, &mut deaf, taken);
    }
    let (held_bytes, dropped) = (resident_bytes(&switch), server_count(&switch, "stream_messages_dropped"));
    round(&switch, &mut deaf, taken);
    let grown = resident_bytes(&switch).saturating_sub(held_bytes);
    assert!(grown < GROWTH_BYTES, "{grown} bytes more are held after {ROUND} packets more");
    assert!(
        server_count(&switch, "stream_messages_dropped") > dropped,
        "what comes on top is dropped and counted"
    );

    // Its own writes, and everybody's reads, are answered.
    let group = v1::MulticastGroupEntry { multicast_group_id: 5, ..Default::default() };
    let kind = v1::packet_replication_engine_entry::Type::MulticastGroupEntry(group);
    let entry = v1::PacketReplicationEngineEntry { r#type: Some(kind) };
    let entity = v1::entity::Entity::PacketReplicationEngineEntry(entry);
    deaf.write(vec![crate::served::update(v1::update::Type::Insert, entity)]).expect("it is written");
    assert!(switch.tool_says(&["multicast", "ls"]).lines().any(|line| line.starts_with('5')));

    // Once it listens it has what was kept for it, in order, and then what comes next.
    assert!(matches!(deaf.hear(), Heard::Packet(packet) if packet.payload.len() == PACKET_BYTES));
    switch.stop();
}

#[test]
fn requests_that_never_end_keep_nobody_out() {
    let switch = Switch::start(&["--no-pipeline"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{}", switch.address)).expect("address");
        let channel = endpoint.connect().await.expect("it serves");
        let begun: Vec<_> = (0..200)
            .map(|_| {
                let mut grpc = tonic::client::Grpc::new(channel.clone());
                tokio::spawn(async move {
                    grpc.ready().await.expect("it is ready");
                    let codec = tonic_prost::ProstCodec::<v1::WriteRequest, v1::WriteResponse>::default();
                    let path = http::uri::PathAndQuery::from_static("/p4.v1.P4Runtime/Write");
                    let never = tonic::Request::new(tokio_stream::pending());
                    grpc.client_streaming(never, path, codec).await.map(drop)
                })
            })
            .collect();
        // They are under way; nothing tells how far.
        tokio::time::timeout(std::time::Duration::from_millis(500), std::future::pending::<()>())
            .await
            .expect_err("nothing happens");
        let other = switch.address;
        let answered = async {
            let mut client = crate::served::connect(other).await;
            client.capabilities(v1::CapabilitiesRequest { device_id: 1 }).await.expect("it answers")
        };
        tokio::time::timeout(crate::served::PATIENCE / 4, answered).await.expect("it answers in time");
        assert!(begun.iter().all(|call| !call.is_finished()), "they wait for their requests to end");
        begun.iter().for_each(tokio::task::JoinHandle::abort);
    });
    drop(runtime);
    switch.stop();
}

#[test]
fn a_reader_that_stops_holds_up_nobody() {
    let switch = Switch::start(&["control/p4rt/tests/core/program.p4"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stopped = runtime.block_on(async {
        let mut client = crate::served::connect(switch.address).await;
        let everything = [
            v1::entity::Entity::RegisterEntry(v1::RegisterEntry::default()),
            v1::entity::Entity::CounterEntry(v1::CounterEntry::default()),
            v1::entity::Entity::TableEntry(v1::TableEntry::default()),
        ];
        let entities = everything.into_iter().map(|entity| v1::Entity { entity: Some(entity) }).collect();
        let request = v1::ReadRequest { device_id: 1, entities, ..Default::default() };
        let mut open = Vec::new();
        // More than are answered at a time, none of them taken.
        for _ in 0..100 {
            open.push(client.read(request.clone()).await.expect("it answers"));
        }
        open
    });
    switch.tool_says(&["multicast", "add", "7", "1"]);
    assert!(switch.tool_says(&["multicast", "ls"]).contains('7'));
    drop(stopped);
    switch.stop();
}
