//! What clients do that they should not: the switch answers as it should, or not at all, and goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use heddle_p4rt_proto::v1;
use tonic::Code;

use crate::served::{Switch, connect};

fn server_count(switch: &Switch, name: &str) -> u64 {
    let stats: serde_json::Value =
        serde_json::from_str(&switch.tool_says(&["stats", "--json"])).expect("JSON");
    stats["server"][name].as_u64().unwrap_or_else(|| panic!("no count of {name}: {stats}"))
}

#[test]
fn garbage_ends_the_connection_that_it_came_by_alone() {
    let switch = Switch::start(&["--no-pipeline"]);
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03garbage!"]
    {
        let mut tcp = TcpStream::connect(switch.address).expect("it accepts");
        tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
        tcp.write_all(garbage).expect("it reads");
        let mut answer = Vec::new();
        // Closed, perhaps by reset: what matters is that it is.
        let _ = tcp.read_to_end(&mut answer);
    }
    // Right at first, then not.
    let mut tcp = TcpStream::connect(switch.address).expect("it accepts");
    tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    tcp.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it reads");
    tcp.write_all(&[0xff; 128]).expect("it reads");
    let _ = tcp.read_to_end(&mut Vec::new());
    assert_eq!(server_count(&switch, "handshakes_failed"), 3);
    switch.stop();
}

#[test]
fn half_open_connections_keep_nobody_out() {
    let switch = Switch::start(&["--no-pipeline"]);
    let silent: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(switch.address).expect("it accepts")).collect();
    let begun: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut tcp = TcpStream::connect(switch.address).expect("it accepts");
            tcp.write_all(b"PRI * HTTP/2").expect("it reads");
            tcp
        })
        .collect();
    assert_eq!(server_count(&switch, "connections"), 1);
    drop((silent, begun));
    switch.stop();
}

#[test]
fn streams_beyond_the_limit_are_refused_with_a_reason() {
    let switch = Switch::start(&["--no-pipeline", "--max-streams", "1000"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let refused = runtime.block_on(async {
        let mut open = Vec::new();
        let mut refused = Vec::new();
        for _ in 0..3 {
            let mut client = connect(switch.address).await;
            for _ in 0..400 {
                let (say, said) = tokio::sync::mpsc::channel(1);
                let said = tokio_stream::wrappers::ReceiverStream::new(said);
                match client.stream_channel(said).await {
                    Ok(heard) => open.push((say, heard)),
                    Err(status) => refused.push(status),
                }
            }
        }
        assert_eq!(open.len(), 1000);
        refused
    });
    assert_eq!(refused.len(), 200);
    assert!(refused.iter().all(|status| status.code() == Code::ResourceExhausted), "{:?}", refused[0]);
    drop(runtime);
    switch.stop();
}

#[test]
fn messages_beyond_the_limit_are_refused() {
    let switch = Switch::start(&["--no-pipeline", "--max-message-bytes", "100000"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let status = runtime.block_on(async {
        let mut client = connect(switch.address).await;
        let config =
            v1::ForwardingPipelineConfig { p4_device_config: vec![0; 200_000], ..Default::default() };
        let request = v1::SetForwardingPipelineConfigRequest { config: Some(config), ..Default::default() };
        client.set_forwarding_pipeline_config(request).await.expect_err("it is too large")
    });
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    switch.stop();
}

#[test]
fn calls_beyond_the_rate_are_refused() {
    let switch = Switch::start(&["--no-pipeline", "--max-call-rate", "10"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let codes = runtime.block_on(async {
        let mut client = connect(switch.address).await;
        let mut codes = Vec::new();
        for _ in 0..50 {
            let asked = client.capabilities(v1::CapabilitiesRequest::default()).await;
            codes.push(asked.map_or_else(|status| status.code(), |_| Code::Ok));
        }
        codes
    });
    assert!(codes[..10].iter().all(|code| *code != Code::ResourceExhausted), "{codes:?}");
    assert!(codes.iter().filter(|code| **code == Code::ResourceExhausted).count() > 20, "{codes:?}");
}

#[test]
fn a_call_that_is_no_message_is_refused() {
    let switch = Switch::start(&["--no-pipeline"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let code = runtime.block_on(async {
        // A message of another type: its bytes are none of a WriteRequest.
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{}", switch.address)).expect("address");
        let channel = endpoint.connect().await.expect("it serves");
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.expect("it is ready");
        let codec = tonic_prost::ProstCodec::<v1::Uint128, v1::WriteResponse>::default();
        let path = http::uri::PathAndQuery::from_static("/p4.v1.P4Runtime/Write");
        let wrong = v1::Uint128 { high: u64::MAX, low: 7 };
        let first = grpc.unary(tonic::Request::new(wrong), path, codec).await;
        let codec = tonic_prost::ProstCodec::<v1::Uint128, v1::WriteResponse>::default();
        let path = http::uri::PathAndQuery::from_static("/p4.v1.P4Runtime/Fly");
        grpc.ready().await.expect("it is ready");
        let second = grpc.unary(tonic::Request::new(wrong), path, codec).await;
        (first.expect_err("it is refused").code(), second.expect_err("it is refused").code())
    });
    assert_ne!(code.0, Code::Ok);
    assert_eq!(code.1, Code::Unimplemented);
    switch.stop();
}

#[test]
fn entries_beyond_the_limit_are_refused() {
    let switch = Switch::start(&["pipelines/l3_router.p4", "--max-entries", "2"]);
    let add = |dst: &str| {
        switch.tool(&["table", "add", "ipv4_route", &format!("dst={dst}"), "-a", "to_group", "-p", "group=7"])
    };
    assert!(add("10.1.0.0/16").status.success() && add("10.2.0.0/16").status.success());
    let output = add("10.3.0.0/16");
    assert!(!output.status.success());
    assert!(crate::served::text(&output.stderr).contains("--max-entries"));
    switch.tool_says(&["table", "rm", "ipv4_route", "dst=10.1.0.0/16"]);
    assert!(add("10.3.0.0/16").status.success());
    switch.stop();
}
