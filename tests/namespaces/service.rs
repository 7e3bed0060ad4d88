//! A switch as docs/heddle.service runs it: without root, with two capabilities, its state in a folder of its own; by hand, and
//! by systemd itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use libtest_mimic::Failed;

use crate::host::{Host, Link, run};
use crate::switch::{Switch, pipelines};

/// `CAP_NET_ADMIN` and `CAP_NET_RAW`, as `/proc/PID/status` shows them.
const CAPABILITIES: &str = "0000000000003000";

/// The user that it runs as.
const USER: &str = "nobody";

/// A folder that `USER` can read, with the binary and a program in it, and one for state that is its own.
fn folder() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let binary = folder.path().join("heddle");
    std::fs::copy(env!("CARGO_BIN_EXE_heddle"), &binary)?;
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755))?;
    std::fs::copy(pipelines().join("l2_switch.p4"), folder.path().join("l2_switch.p4"))?;
    let state = folder.path().join("state");
    std::fs::create_dir(&state)?;
    run(&["chown", USER, &state.to_string_lossy()])?;
    Ok(folder)
}

fn start(folder: &Path, ports: &[String]) -> Result<Switch, Failed> {
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (binary, program, state) = (at("heddle"), at("l2_switch.p4"), at("state"));
    let capabilities = "-all,+net_raw,+net_admin";
    let mut words = vec!["--reuid", USER, "--clear-groups", "--no-new-privs"];
    words.extend([
        "--bounding-set",
        capabilities,
        "--inh-caps",
        capabilities,
        "--ambient-caps",
        capabilities,
    ]);
    words.extend([&binary, "run", &program, "--p4runtime", "127.0.0.1:0", "--state", &state]);
    for port in ports {
        words.extend(["-i", port]);
    }
    Switch::start_as(Path::new("setpriv"), &words)
}

fn status(switch: &Switch, name: &str) -> Result<String, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", switch.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    Ok(line.ok_or("Linux says it")?.to_owned())
}

/// Packets flow, ports come and go by the command line and are there after `kill -9`, and nothing is held that is not needed.
pub(crate) fn unprivileged() -> Result<(), Failed> {
    let (a, b) = (Host::new("10.7.0.1/24", "fd07::1/64")?, Host::new("10.7.0.2/24", "fd07::2/64")?);
    let (la, lb) = (Link::veth(&a, 1_500)?, Link::veth(&b, 1_500)?);
    let folder = folder()?;
    let (first, second) = (format!("1@{}", la.outer), format!("2@{}", lb.outer));
    let switch = start(folder.path(), std::slice::from_ref(&first))?;
    for set in ["CapEff", "CapPrm", "CapBnd", "CapAmb"] {
        assert_eq!(status(&switch, set)?, CAPABILITIES, "{set}");
    }
    assert_eq!(status(&switch, "NoNewPrivs")?, "1");
    assert!(!status(&switch, "Uid")?.contains("\t0"), "it runs as root");
    let grpc = switch.served()?.to_owned();
    let heddle = env!("CARGO_BIN_EXE_heddle");
    run(&[heddle, "port", "add", &second, "--grpc", &grpc])?;
    a.ping(b.ipv4(), &[])?;
    run(&[heddle, "port", "rm", "2", "--grpc", &grpc])?;
    assert!(a.ping(b.ipv4(), &["-c", "1", "-W", "1"]).is_err(), "the port is gone");
    run(&[heddle, "port", "add", &second, "--grpc", &grpc])?;
    a.ping(b.ipv4(), &[])?;
    switch.kill()?;

    // Both ports come back: the one that the command line names, and the one that was added.
    let switch = start(folder.path(), &[first])?;
    let grpc = switch.served()?.to_owned();
    let ports = run(&[heddle, "port", "ls", "--json", "--grpc", &grpc])?;
    assert!(ports.contains(&second), "{ports}");
    a.ping(b.ipv4(), &[])?;
    switch.stop()
}

/// Boots systemd in namespaces of its own; what the unit's user would see, or with no program that it has booted.
fn boot(program: &str) -> Result<String, Failed> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let at = |name: &str| top.join(name).to_string_lossy().into_owned();
    let out = tempfile::NamedTempFile::new_in("/dev/shm")?;
    run(&[
        "timeout",
        "--kill-after=5",
        "60",
        "unshare",
        "--pid",
        "--fork",
        "--mount",
        "--uts",
        "--ipc",
        "--cgroup",
        "--net",
        "--kill-child",
        "bash",
        &at("tests/namespaces/unit.sh"),
        env!("CARGO_BIN_EXE_heddle"),
        &at("docs/heddle.service"),
        program,
        &out.path().to_string_lossy(),
    ])?;
    Ok(std::fs::read_to_string(out.path())?)
}

/// Why this machine cannot boot systemd beside itself.
pub(crate) fn no_systemd() -> Option<String> {
    let why = match boot("") {
        Ok(told) if told.contains("booted") => return None,
        Ok(told) => told,
        Err(error) => error.message().unwrap_or_default().to_owned(),
    };
    Some(format!("systemd cannot be booted beside the one that runs: {}", why.trim()))
}

/// The unit starts as it stands, has two capabilities, is started again when it is killed, knows its program then,
/// and stops well.
pub(crate) fn by_systemd() -> Result<(), Failed> {
    let told = boot(&pipelines().join("l2_switch.p4").to_string_lossy())?;
    let after = |name: &str| -> Result<&str, Failed> {
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.ok_or_else(|| format!("nothing is told of `{name}`:\n{told}"))?.trim())
    };
    assert_eq!(after("started")?, "active", "{told}");
    for set in ["CapEff", "CapPrm", "CapBnd", "CapAmb"] {
        assert_eq!(after(set)?, CAPABILITIES, "{set}");
    }
    assert_eq!(after("NoNewPrivs")?, "1");
    assert!(!after("Uid")?.split_whitespace().any(|id| id == "0"), "it runs as root");
    assert!(after("loaded")?.contains("SwitchIngress.dmac"), "{told}");
    assert_eq!(after("killed")?, after("loaded")?);
    assert_eq!(after("stopped")?, "success", "{told}");
    Ok(())
}
