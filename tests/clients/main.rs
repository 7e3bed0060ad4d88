//! P4Runtime clients that others wrote, as their packages are, against `heddle run`.
//!
//! Each needs a Python environment of its own, since what they depend on conflicts. `tests/clients/setup.sh FOLDER` makes
//! them; they are looked for in `target/clients`, or where HEDDLE_CLIENTS says. Without one the test is reported as
//! ignored, with the reason.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

/// By name: the environment, and the script.
const CLIENTS: &[(&str, &str, &str)] = &[
    ("p4runtime_shell", "shell", "shell.py"),
    ("finsy", "finsy", "finsy_controller.py"),
    ("the_tutorials_way", "shell", "tutorials_way.py"),
    ("ptf", "shell", "ptf_run.py"),
];

/// How long a switch may take to listen, and no test's duration: it only bounds how late a failure is noticed.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = CLIENTS
        .iter()
        .map(|&(name, environment, script)| {
            let python = python(environment);
            let missing = missing(&python);
            Trial::test(name, move || run_client(&python, script))
                .with_ignored_flag(missing.is_some())
                .with_kind(missing.unwrap_or_default())
        })
        .collect();
    trials.push(finsys_own_tests());
    trials.push(tutorials());
    let arguments = Arguments { test_threads: Some(1), ..arguments };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn python(environment: &str) -> PathBuf {
    let folder =
        std::env::var_os("HEDDLE_CLIENTS").map_or_else(|| top().join("target/clients"), PathBuf::from);
    folder.join(environment).join("bin/python3")
}

/// Why a test cannot run.
fn missing(python: &Path) -> Option<String> {
    if !serves_p4runtime() {
        return Some("this build of heddle serves no P4Runtime".to_owned());
    }
    (!python.exists()).then(|| format!("no {}; tests/clients/setup.sh makes it", python.display()))
}

fn serves_p4runtime() -> bool {
    let help = Command::new(env!("CARGO_BIN_EXE_heddle")).args(["run", "--help"]).output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--p4runtime"))
}

/// A switch without a program and without ports, and the address that it listens on.
struct Switch {
    child: Child,
    address: SocketAddr,
}

impl Switch {
    fn start(options: &[&str]) -> Result<Switch, Failed> {
        // Free a moment ago; whoever takes it meanwhile makes the test fail, not pass.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_heddle"))
            .args(["run", "--no-pipeline", "--p4runtime", &address.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("heddle ended before it listened: {status}").into());
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                return Err("heddle does not listen".into());
            }
            std::thread::yield_now();
        }
        Ok(Switch { child, address })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(what: &str, command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(format!("{what}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)).into())
}

fn run_client(python: &Path, script: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let (p4info, config) = (folder.path().join("router.p4info.txtpb"), folder.path().join("router.json"));
    let clients = top().join("tests/clients");
    check(
        "heddle compile",
        Command::new(env!("CARGO_BIN_EXE_heddle"))
            .arg("compile")
            .arg(clients.join("router.p4"))
            .arg("-o")
            .arg(&config)
            .arg("--p4info")
            .arg(&p4info),
    )?;
    let switch = Switch::start(&["--device-id", "1", "--cpu-port", "510"])?;
    check(
        script,
        Command::new(python)
            .arg(clients.join(script))
            .args([switch.address.to_string(), "1".to_owned()])
            .args([&p4info, &config])
            .current_dir(folder.path()),
    )
}

/// Files of finsy's own tests that speak to a server.
const FINSYS_TESTS: [&str; 3] =
    ["tests/test_switch.py", "tests/test_controller.py", "tests/test_p4client.py"];

/// The tests of finsy's own client, from a checkout that HEDDLE_FINSY names. Each file has a switch of its own: they count
/// on one that has not seen a controller before.
fn finsys_own_tests() -> Trial {
    let python = python("finsy");
    let checkout = std::env::var_os("HEDDLE_FINSY").map(PathBuf::from);
    let missing = missing(&python).or_else(|| {
        checkout.is_none().then(|| "HEDDLE_FINSY names no checkout of byllyfish/finsy".to_owned())
    });
    let kind = missing.clone().unwrap_or_default();
    // It wants arbitration answered without the status that the specification has set (section 5.4), as finsy's own server does.
    const WITHOUT_STATUS: &str = "not test_insecure_client_vs_insecure_server";
    Trial::test("finsys_own_tests", move || {
        let checkout = checkout.unwrap_or_default();
        for file in FINSYS_TESTS {
            let switch = Switch::start(&["--device-id", "1"])?;
            check(
                file,
                Command::new(&python)
                    .args(["-m", "pytest", "-p", "no:cacheprovider", file, "-k", WITHOUT_STATUS])
                    .env("FINSY_TEST_P4RUNTIME_TARGET", switch.address.to_string())
                    .current_dir(&checkout),
            )?;
        }
        Ok(())
    })
    .with_ignored_flag(missing.is_some())
    .with_kind(kind)
}

/// The exercises of p4lang/tutorials, from a checkout that HEDDLE_TUTORIALS names.
fn tutorials() -> Trial {
    let python = python("tutorials");
    let checkout = std::env::var_os("HEDDLE_TUTORIALS").map(PathBuf::from);
    let missing = missing(&python)
        .map(|missing| missing.replace("clients/setup.sh", "tutorials/setup.sh"))
        .or_else(|| {
            checkout.is_none().then(|| "HEDDLE_TUTORIALS names no checkout of p4lang/tutorials".to_owned())
        });
    let kind = missing.clone().unwrap_or_default();
    Trial::test("tutorials", move || {
        check(
            "the tutorials",
            Command::new(&python)
                .arg(top().join("tests/tutorials/run.py"))
                .arg(env!("CARGO_BIN_EXE_heddle"))
                .arg(checkout.unwrap_or_default())
                .arg("--python")
                .arg(&python),
        )
    })
    .with_ignored_flag(missing.is_some())
    .with_kind(kind)
}
