//! `heddle` under the name of BMv2's switch, serving.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use heddle_p4rt_proto::v1::stream_message_response::Update as Heard;

use crate::served::{Controller, PATIENCE, heddle, text, top};

/// A port of this host's that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// Until somebody accepts connections there, as Mininet and p4-utils wait for a switch.
fn await_listener(port: u16) {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < PATIENCE, "nobody listens on port {port}");
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_switch_listens_for_thrift_and_grpc_and_passes_packets_by_the_cpu_port() {
    let (thrift, grpc) = (free_port(), free_port());
    let address = format!("127.0.0.1:{grpc}");
    let args = ["--no-p4", "--device-id", "1", "--thrift-port", &thrift.to_string(), "--log-console", "--"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .arg0("simple_switch_grpc")
        .args(args)
        .args(["--grpc-server-addr", &address, "--cpu-port", "510"])
        .current_dir(top())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Running)
        .expect("heddle starts");
    await_listener(thrift);
    await_listener(grpc);
    let output = heddle(&["pipeline", "load", "tests/clients/router.p4", "--grpc", &address]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut controller = Controller::new(SocketAddr::from(([127, 0, 0, 1], grpc)));
    // Out by the controller's port, through the program, and back in by it.
    controller.packet_out(vec![0x77; 60], &[&[0x01, 0xfe], &[0]]);
    let Heard::Packet(packet) = controller.hear() else { panic!("a packet was to come back") };
    assert_eq!(packet.payload.as_ref(), [0x77; 60]);
    // From port 510 it came.
    assert_eq!(packet.metadata[0].value, [0x01, 0xfe]);
    assert!(child.0.try_wait().expect("it can be asked").is_none(), "it runs on");
    // As scripts end it.
    let ended = Command::new("kill").arg(child.0.id().to_string()).status().expect("kill starts");
    assert!(ended.success());
    child.0.wait().expect("it ends");
}
