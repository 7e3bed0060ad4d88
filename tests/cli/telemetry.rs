//! What the fabric tells collectors, as tshark with the dissector of `docs/wireshark` reads it: INT-MD of a transit hop, and
//! reports of packets that went on and of packets that did not (INT-XD).

use std::path::Path;
use std::process::Command;

use super::{heddle, stderr, top};

/// Reports go to port 9, and are asked for of job 7 and of drops.
const TABLES: &str = r#"{
  "table_entries": [
    { "table": "route_v4", "match": { "dst": ["10.0.16.1", 32] }, "action_name": "to_host",
      "action_params": { "port": 1, "mac": "02:00:0a:00:10:01" } },
    { "table": "job_by_qp", "priority": 1, "match": { "dst": "10.0.16.1", "dest_qp": ["0x4001", "0xffffff"] },
      "action_name": "set_job", "action_params": { "job": 7, "tenant": 9 } },
    { "table": "job_policy", "match": { "job": 7 }, "action_name": "set_policy_and_report",
      "action_params": { "policy": 0, "queue": 3 } },
    { "table": "report_collector", "default_action": true, "action_name": "set_collector",
      "action_params": { "src_mac": "02:00:00:00:00:77", "dst_mac": "02:00:00:00:00:99", "src": "10.9.0.7",
                         "dst": "10.9.0.9", "udp_port": 32766, "hw": 5 } } ],
  "register_entries": [
    { "register": "int_config", "index": 0, "value": 16909060 },
    { "register": "report_config", "index": 0, "value": 1 } ],
  "clone_session_entries": [ { "clone_session_id": 2000, "replicas": [ { "egress_port": 9, "instance": 1 } ] } ]
}"#;

/// RoCEv2 of job 7 with 200 bytes of payload; UDP to where no route leads; INT-MD that asks for node and ports and has
/// one hop's already.
fn packets() -> Vec<Vec<u8>> {
    let ethernet = "0200000000010200 0a0020010800";
    let mut roce = bytes(&format!(
        "{ethernet} 456a00f0000040004011 f591 0a002001 0a001001 c35012b700dc0000 0700ffff 00004001 00000006"
    ));
    roce.extend([0xa5; 200]);
    // Seen to be right by the switch itself: a wrong sum would be reported as one.
    let lost = bytes(&format!(
        "{ethernet} 4500001c000040004011 fdbe 0a002001 0a090909 0001000200080000 1122334455667788"
    ));
    let int = bytes(&format!(
        "{ethernet} 456a0048000040004011 f639 0a002001 0a001001 c350bfff00340000 10050000 20000207 c0000000 00000000 \
         0a0b0c0d 00050006 7768617420746865 20736f75726365 20"
    ));
    vec![roce, lost, int]
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

fn capture(path: &Path, packets: &[Vec<u8>]) {
    let mut file = bytes("d4c3b2a1 02000400 00000000 00000000 ffff0000 01000000");
    for (number, packet) in packets.iter().enumerate() {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend((number as u32).to_le_bytes());
        file.extend([0; 4]);
        file.extend(length);
        file.extend(length);
        file.extend(packet);
    }
    std::fs::write(path, file).expect("the folder is writable");
}

/// Fields of every packet of a capture, and whether anything is found wrong outside the packets that reports cut off.
fn dissected(capture: &Path, fields: &[&str]) -> Vec<String> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-X").arg(format!("lua_script:{}", top().join("docs/wireshark/int.lua").display()));
    tshark.args(["-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=;", "-E", "occurrence=a"]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.arg("-r").arg(capture).output().expect("tshark is installed (apt install tshark)");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("Lua"), "{}", stderr(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn tshark_dissects_what_the_fabric_tells() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, tables, out) =
        (folder.path().join("in.pcap"), folder.path().join("tables.json"), folder.path().join("out"));
    capture(&input, &packets());
    std::fs::write(&tables, TABLES).expect("the folder is writable");
    let output = heddle(&[
        "replay",
        "pipelines/ai_fabric.p4",
        "-i",
        &format!("2@{}", input.display()),
        "-p",
        "1",
        "-p",
        "9",
        "--tables",
        &tables.display().to_string(),
        "--out-dir",
        &out.display().to_string(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let reports = dissected(
        &out.join("9.pcap"),
        &[
            "int_report.version",
            "int_report.hardware",
            "int_report.number",
            "int_report.node",
            "int_report.dropped",
            "int_report.tracked",
            "int_report.ingress_port",
            "int_report.egress_port",
            "int_report.queue",
            "int_report.latency_ns",
            "int_report.drop_reason",
            "infiniband.bth.destqp",
            "ip.dst",
            "ip.checksum.status",
            "int_report.short",
            "int_report.length",
        ],
    );
    assert_eq!(
        reports,
        [
            "2;5;0;0x01020304;0;1;2;1;3;0;;0x004001;10.9.0.9,10.0.16.1;1,1;;",
            "2;5;1;0x01020304;1;0;2;65535;;;4;;10.9.0.9,10.9.9.9;1,1;;",
        ]
    );

    let int = dissected(
        &out.join("1.pcap"),
        &[
            "int.type",
            "int.words",
            "int.hops_left",
            "int.instructions",
            "int.node",
            "int.ingress_port",
            "int.egress_port",
            "int.exceeded",
            "ip.checksum.status",
            "int.short",
            "int.odd",
        ],
    );
    assert_eq!(int, [";;;;;;;;1;;", "1;7;6;0xc000;0x01020304,0x0a0b0c0d;2,5;1,6;0;1;;"]);
}
