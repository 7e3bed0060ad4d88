//! `simple_switch` and `simple_switch_grpc`: BMv2's command line as one of `heddle run`.
//!
//! General options stand before `--`, the target's own after it. Long ones may be shortened, as boost allows.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;

use super::{Unsupported, read};
use crate::command::CommandLine;
use crate::exit::{Exit, UsageError};
use crate::logging;

/// The version of BMv2 whose command line this is.
const VERSION: &str = concat!("1.15.5 (heddle ", env!("CARGO_PKG_VERSION"), ")");
/// The port that drops in v1model as it comes.
const DROP_PORT: u32 = 511;
/// The version of BMv2's JSON that is read.
const JSON_VERSION: &str = "2.23";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With P4Runtime.
    Grpc,
    /// Without.
    Plain,
}

/// The options of every BMv2 target.
#[derive(Parser, Debug)]
#[command(
    disable_version_flag = true,
    infer_long_args = true,
    override_usage = "SWITCH_NAME [options] <path to JSON config file> [-- target options]",
    max_term_width = 100
)]
struct General {
    /// Attach network interface <interface-name> as port <port-num> (may be repeated)
    #[arg(short, long, value_name = "PORT@INTERFACE")]
    interface: Vec<String>,
    /// Write pcap files for interfaces into this directory, the current one unless given
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pcap: Option<PathBuf>,
    /// Not supported
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    use_files: Option<String>,
    /// Not supported
    #[arg(long, value_name = "ADDRESS")]
    packet_in: Option<String>,
    /// TCP port that is kept open for scripts that wait for it; Thrift is not served
    #[arg(long, value_name = "PORT")]
    thrift_port: Option<u16>,
    /// Device ID
    #[arg(long, value_name = "ID", default_value_t = 0)]
    device_id: u64,
    /// Accepted and not served: there is no nanomsg log
    #[arg(long, value_name = "ADDRESS")]
    nanolog: Option<String>,
    /// Log to standard output what happens to packets
    #[arg(long)]
    log_console: bool,
    /// Log to this file what happens to packets
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// How much to log
    #[arg(short = 'L', long, value_enum, default_value_t = Level::Trace)]
    log_level: Level,
    /// Flush the log after every message; it always is
    #[arg(long)]
    log_flush: bool,
    /// Bytes after which a log file is put aside and a new one begun
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    log_file_max_size: Option<u64>,
    /// Log files put aside that are kept
    #[arg(long, value_name = "COUNT")]
    log_file_max_files: Option<u64>,
    /// Accepted and not served: there is no nanomsg; notifications come by P4Runtime
    #[arg(long, value_name = "ADDRESS")]
    notifications_addr: Option<String>,
    /// Accepted and not served: there is no p4dbg
    #[arg(long)]
    debugger: bool,
    /// Accepted and not served: there is no p4dbg
    #[arg(long, value_name = "ADDRESS")]
    debugger_addr: Option<String>,
    /// Not supported
    #[arg(long, value_name = "FILE")]
    restore_state: Option<PathBuf>,
    /// Log so many bytes of every packet received and sent
    #[arg(long, value_name = "BYTES")]
    dump_packet_data: Option<u64>,
    /// Print the version
    #[arg(short = 'v', long)]
    version: bool,
    /// Print the version of BMv2's JSON that is read
    #[arg(long)]
    json_version: bool,
    /// Start without a program
    #[arg(long)]
    no_p4: bool,
    /// Ports at most; there is no such limit
    #[arg(long, value_name = "COUNT")]
    max_port_count: Option<u32>,
    /// Warn of reads of invalid headers; `heddle check` does, before anything runs
    #[arg(long)]
    warn_on_invalid_hdr_read: bool,
    /// Reads of invalid headers give zero; they always do
    #[arg(long)]
    ret_zero_on_invalid_hdr_read: bool,
    /// The program
    #[arg(value_name = "JSON")]
    rest: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Off,
}

/// The options of `simple_switch`.
#[derive(Parser, Debug)]
#[command(
    no_binary_name = true,
    infer_long_args = true,
    disable_help_flag = true,
    override_usage = "... -- [target options]"
)]
struct Plain {
    /// Accepted: programs can always be exchanged
    #[arg(long)]
    enable_swap: bool,
    #[command(flatten)]
    common: Common,
}

/// The options of both targets.
#[derive(clap::Args, Debug)]
struct Common {
    /// The port that means "drop"
    #[arg(long, value_name = "PORT")]
    drop_port: Option<u32>,
    /// Priority queues of every port
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    priority_queues: u16,
    /// Multicast groups at most; there is no such limit
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    max_mc_groups: Option<u32>,
    /// Multicast nodes at most; there is no such limit
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    max_l1_entries: Option<u32>,
    /// Multicast ports at most; there is no such limit
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    max_l2_entries: Option<u32>,
}

/// The options of `simple_switch_grpc`.
#[derive(Parser, Debug)]
#[command(
    no_binary_name = true,
    infer_long_args = true,
    disable_help_flag = true,
    override_usage = "... -- [target options]"
)]
struct Grpc {
    /// Accepted: P4Runtime can always exchange the program
    #[arg(long)]
    disable_swap: bool,
    /// Serve P4Runtime here
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9559")]
    grpc_server_addr: String,
    /// Serve it over TLS
    #[arg(long)]
    grpc_server_ssl: bool,
    /// CA certificates that clients' certificates are checked against
    #[arg(long, value_name = "FILE")]
    grpc_server_cacert: Option<String>,
    /// The server's certificate
    #[arg(long, value_name = "FILE")]
    grpc_server_cert: Option<String>,
    /// The server's key
    #[arg(long, value_name = "FILE")]
    grpc_server_key: Option<String>,
    /// Clients have to have a certificate
    #[arg(long)]
    grpc_server_with_client_auth: bool,
    /// The port of packet-ins and packet-outs
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u32).range(1..))]
    cpu_port: Option<u32>,
    /// Not supported
    #[arg(long, value_name = "ADDRESS")]
    dp_grpc_server_addr: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// What a command line comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Translation {
    /// The command line of `heddle` that does it.
    heddle: Vec<String>,
    /// What is passed over.
    notes: Vec<&'static str>,
}

impl Translation {
    fn push(&mut self, flag: &str) {
        self.heddle.push(flag.to_owned());
    }

    fn push_with(&mut self, flag: &str, value: impl ToString) {
        self.heddle.extend([flag.to_owned(), value.to_string()]);
    }
}

pub(crate) fn run(kind: Kind, arguments: &[String]) -> anyhow::Result<Exit> {
    // A script that ends a switch by its shell's job number sends SIGTERM, which `heddle run` answers.
    let (general, target) = match split(arguments) {
        Ok(parts) => parts,
        Err(exit) => return Ok(exit),
    };
    if general.version {
        println!("{VERSION}");
        return Ok(Exit::Success);
    }
    if general.json_version {
        println!("{JSON_VERSION}");
        return Ok(Exit::Success);
    }
    let translation = match translate(kind, &general, &target)? {
        Ok(translation) => translation,
        Err(exit) => return Ok(exit),
    };
    for note in &translation.notes {
        eprintln!("note: {note}");
    }
    eprintln!("as: heddle {}", translation.heddle.join(" "));
    let words = std::iter::once("heddle".to_owned()).chain(translation.heddle);
    let line = CommandLine::parse_from(words);
    logging::start(&line.log)?;
    line.command.run()
}

/// Reads the general options and finds those of the target.
fn split(arguments: &[String]) -> Result<(General, Vec<String>), Exit> {
    let at = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let (before, after) = arguments.split_at(at);
    let general: General = read(before)?;
    Ok((general, after.get(1..).unwrap_or_default().to_vec()))
}

/// The command line of `heddle run` that does what is asked for.
fn translate(kind: Kind, general: &General, target: &[String]) -> anyhow::Result<Result<Translation, Exit>> {
    let mut out = Translation::default();
    out.push("run");
    // BMv2 takes the program from the first word that is no option, on either side of `--`.
    let mut target: Vec<String> = target.to_vec();
    let program = match (general.rest.as_slice(), general.no_p4) {
        ([program], false) => Some(program.clone()),
        ([], false) if target.first().is_some_and(|word| !word.starts_with('-')) => Some(target.remove(0)),
        ([], false) => bail!(UsageError(
            "no program: give the path of the JSON that p4c wrote, or --no-p4 to start without one"
                .to_owned()
        )),
        ([], true) => None,
        ([_], true) => {
            out.notes.push("the program is not loaded, since --no-p4 is given");
            None
        }
        ([_, more @ ..], _) => bail!(UsageError(format!(
            "`{}`: one program is enough; options of the target stand behind `--`",
            more.join(" ")
        ))),
    };
    match &program {
        Some(program) => out.push(program),
        None => out.push("--no-pipeline"),
    }
    refuse(general)?;
    translate_general(general, &mut out)?;
    let common = match kind {
        Kind::Plain => match read::<Plain>(&target) {
            Ok(plain) => {
                if program.is_none() {
                    bail!(UsageError(
                        "--no-p4: nothing could load a program into simple_switch here, which serves no Thrift; use \
                         simple_switch_grpc, which serves P4Runtime"
                            .to_owned()
                    ));
                }
                plain.common
            }
            Err(exit) => return Ok(Err(exit)),
        },
        Kind::Grpc => match read::<Grpc>(&target) {
            Ok(grpc) => {
                translate_grpc(&grpc, general, &mut out)?;
                grpc.common
            }
            Err(exit) => return Ok(Err(exit)),
        },
    };
    if common.drop_port.is_some_and(|port| port != DROP_PORT) {
        bail!(Unsupported {
            flag: "--drop-port",
            instead: "the port that drops is the largest that the program's port fields hold, 511 of nine bits; give the fields \
                      more bits if that is to be a port",
        });
    }
    out.push_with("--priority-queues", common.priority_queues);
    if let Some(port) = general.thrift_port {
        out.push_with("--thrift-port", port);
    }
    Ok(Ok(out))
}

/// What changes the meaning of a run and is not there.
fn refuse(general: &General) -> Result<(), Unsupported> {
    if general.use_files.is_some() {
        return Err(Unsupported {
            flag: "--use-files",
            instead: "`heddle replay PROG -i PORT@X_in.pcap --out-dir DIR --tables FILE.json` runs packets from and to \
                      capture files, without privileges",
        });
    }
    if general.packet_in.is_some() {
        return Err(Unsupported {
            flag: "--packet-in",
            instead: "there is no nanomsg; attach interfaces by -i (a veth pair or `-i 1@tap:NAME`), or run captures by \
                      `heddle replay`",
        });
    }
    if general.restore_state.is_some() {
        return Err(Unsupported {
            flag: "--restore-state",
            instead: "state that BMv2 saved is not read; `heddle run --state DIR` keeps its own from run to run",
        });
    }
    Ok(())
}

fn translate_general(general: &General, out: &mut Translation) -> anyhow::Result<()> {
    general.interface.iter().for_each(|interface| out.push_with("-i", interface));
    if let Some(folder) = &general.pcap {
        if !folder.is_dir() {
            bail!(UsageError(format!("--pcap {}: there is no such directory", folder.display())));
        }
        out.push_with("--pcap", folder.display());
    }
    if general.log_console && general.log_file.is_some() {
        bail!(UsageError("--log-console and --log-file exclude each other".to_owned()));
    }
    let destination = match &general.log_file {
        Some(file) => Some(file.display().to_string()),
        None => general.log_console.then(|| "-".to_owned()),
    };
    let dumps = general.dump_packet_data.is_some_and(|bytes| bytes > 0);
    let shows = match general.log_level {
        Level::Trace | Level::Debug => Some("all"),
        Level::Info => Some("messages"),
        Level::Warn | Level::Error => Some("faults"),
        Level::Off => None,
    };
    if let (Some(destination), Some(shows)) = (destination, shows) {
        out.push(&format!("--packet-log={destination}"));
        out.push_with("--packet-log-style", "bmv2");
        out.push_with("--packet-log-events", shows);
        if let Some(bytes) = general.dump_packet_data.filter(|_| dumps) {
            out.push_with("--packet-log-bytes", bytes);
        }
        if general.log_file.is_some() {
            out.push_with("--packet-log-size", general.log_file_max_size.unwrap_or(5 << 20));
            out.push_with("--packet-log-files", general.log_file_max_files.unwrap_or(3));
        }
    } else if dumps {
        out.notes.push("--dump-packet-data shows nothing without --log-console or --log-file");
    }
    if general.nanolog.is_some() {
        out.notes
            .push("--nanolog is passed over: there is no nanomsg log; --log-console shows the same events");
    }
    if general.notifications_addr.is_some() {
        out.notes.push("--notifications-addr is passed over: digests and time-outs come by P4Runtime");
    }
    if general.debugger || general.debugger_addr.is_some() {
        out.notes.push(
            "--debugger is passed over: there is no p4dbg; `heddle stf --trace` steps through a program",
        );
    }
    Ok(())
}

/// An address by name or number; of several the first of IPv4, which clients of `localhost` try.
fn resolve(address: &str) -> anyhow::Result<SocketAddr> {
    let found: Vec<SocketAddr> = address
        .to_socket_addrs()
        .map_err(|error| {
            UsageError(format!(
                "--grpc-server-addr {address}: {error}; give ADDRESS:PORT, such as 0.0.0.0:9559"
            ))
        })?
        .collect();
    let first = found.iter().find(|found| found.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| UsageError(format!("--grpc-server-addr {address}: names no address")).into())
}

fn translate_grpc(grpc: &Grpc, general: &General, out: &mut Translation) -> anyhow::Result<()> {
    if grpc.dp_grpc_server_addr.is_some() {
        bail!(Unsupported {
            flag: "--dp-grpc-server-addr",
            instead: "packets come and go by interfaces; attach some by -i (a veth pair or `-i 1@tap:NAME`)",
        });
    }
    out.push_with("--p4runtime", resolve(&grpc.grpc_server_addr)?);
    out.push_with("--device-id", general.device_id);
    if let Some(port) = grpc.cpu_port {
        out.push_with("--cpu-port", port);
    }
    if grpc.grpc_server_ssl {
        let (Some(certificate), Some(key)) = (&grpc.grpc_server_cert, &grpc.grpc_server_key) else {
            bail!(UsageError("--grpc-server-ssl needs --grpc-server-cert and --grpc-server-key".to_owned()));
        };
        out.push_with("--tls-cert", certificate);
        out.push_with("--tls-key", key);
        match (&grpc.grpc_server_cacert, grpc.grpc_server_with_client_auth) {
            (Some(authority), true) => out.push_with("--tls-client-ca", authority),
            (None, true) => bail!(UsageError(
                "--grpc-server-with-client-auth needs --grpc-server-cacert to check clients against"
                    .to_owned()
            )),
            (_, false) => {}
        }
    } else if grpc.grpc_server_cert.is_some()
        || grpc.grpc_server_key.is_some()
        || grpc.grpc_server_cacert.is_some()
        || grpc.grpc_server_with_client_auth
    {
        out.notes.push("certificates are passed over, since --grpc-server-ssl is not given");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
