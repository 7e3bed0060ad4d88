//! `heddle counter`, `heddle meter`, `heddle register`: cells of a running switch's arrays.

use anyhow::bail;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use heddle_p4rt_proto::config;
use heddle_p4rt_proto::v1;
use heddle_p4rt_proto::v1::entity::Entity;
use heddle_p4rt_proto::v1::p4_data::Data;
use heddle_p4rt_proto::v1::update::Type;
use serde_json::{Value, json};

use crate::client::names::{Named, find};
use crate::client::{Target, complete, text, values};
use crate::exit::Exit;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle counter read ingressTunnelCounter 100\n  heddle counter reset ingressTunnelCounter"
)]
pub(crate) struct CounterOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: CounterCommand,
}

#[derive(Subcommand, Debug)]
enum CounterCommand {
    /// The counters
    Ls,
    /// What a cell has counted, or every cell that has counted anything
    Read {
        /// The counter
        #[arg(add = ArgValueCompleter::new(complete::counters))]
        counter: String,
        /// The cell
        index: Option<i64>,
    },
    /// Set a cell, or all, to zero
    Reset {
        /// The counter
        #[arg(add = ArgValueCompleter::new(complete::counters))]
        counter: String,
        /// The cell
        index: Option<i64>,
    },
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle meter read my_meter\n  heddle meter set my_meter 5 --cir 1000000 --cburst 10000 --pir 2000000 --pburst 20000\n  heddle meter unset my_meter 5\n\nRates are per second, in bytes or packets as the program declares the meter."
)]
pub(crate) struct MeterOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: MeterCommand,
}

#[derive(Subcommand, Debug)]
enum MeterCommand {
    /// The meters
    Ls,
    /// How a cell is configured, or every cell that is
    Read {
        /// The meter
        #[arg(add = ArgValueCompleter::new(complete::meters))]
        meter: String,
        /// The cell
        index: Option<i64>,
    },
    /// Configure a cell, or all
    Set {
        /// The meter
        #[arg(add = ArgValueCompleter::new(complete::meters))]
        meter: String,
        /// The cell
        index: Option<i64>,
        /// Committed rate, per second
        #[arg(long)]
        cir: i64,
        /// Burst of the committed rate
        #[arg(long)]
        cburst: i64,
        /// Peak rate, per second
        #[arg(long)]
        pir: i64,
        /// Burst of the peak rate
        #[arg(long)]
        pburst: i64,
        /// Excess burst, of a meter of one rate
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        eburst: i64,
    },
    /// Take a cell's configuration away, or all: everything is green again
    Unset {
        /// The meter
        #[arg(add = ArgValueCompleter::new(complete::meters))]
        meter: String,
        /// The cell
        index: Option<i64>,
    },
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heddle register read bloom_filter 17\n  heddle register write bloom_filter 17 1"
)]
pub(crate) struct RegisterOptions {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: RegisterCommand,
}

#[derive(Subcommand, Debug)]
enum RegisterCommand {
    /// The registers
    Ls,
    /// A cell's value, or every cell that is not zero
    Read {
        /// The register
        #[arg(add = ArgValueCompleter::new(complete::registers))]
        register: String,
        /// The cell
        index: Option<i64>,
    },
    /// Set a cell
    Write {
        /// The register
        #[arg(add = ArgValueCompleter::new(complete::registers))]
        register: String,
        /// The cell
        index: i64,
        /// Its value
        value: String,
    },
}

fn at(index: Option<i64>) -> Option<v1::Index> {
    index.map(|index| v1::Index { index })
}

fn number(index: Option<&v1::Index>) -> i64 {
    index.map_or(0, |index| index.index)
}

fn modify(entity: Entity) -> Vec<v1::Update> {
    vec![v1::Update { r#type: Type::Modify.into(), entity: Some(v1::Entity { entity: Some(entity) }) }]
}

fn list<T: Named>(objects: &[T], size: impl Fn(&T) -> i64, json: bool) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> =
        objects.iter().map(|object| vec![object.name().to_owned(), size(object).to_string()]).collect();
    let objects: Vec<Value> =
        objects.iter().map(|object| json!({ "name": object.name(), "size": size(object) })).collect();
    show(json, &objects, &["NAME", "CELLS"], &rows)
}

fn show(json: bool, objects: &[Value], heading: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(objects)?);
    } else {
        text::print(heading, rows);
    }
    Ok(())
}

pub(crate) fn counter(options: &CounterOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let names = client.names()?;
    let counters = &names.p4info.counters;
    match &options.command {
        CounterCommand::Ls => list(counters, |counter| counter.size, options.target.json)?,
        CounterCommand::Read { counter, index } => {
            let counter_id = find("counter", counters, counter)?.id();
            let wanted = v1::CounterEntry { counter_id, index: at(*index), data: None };
            let (mut rows, mut objects) = (Vec::new(), Vec::new());
            for entity in client.read(vec![Entity::CounterEntry(wanted)])? {
                let Entity::CounterEntry(cell) = entity else { continue };
                let data = cell.data.unwrap_or_default();
                if index.is_none() && data.packet_count == 0 && data.byte_count == 0 {
                    continue;
                }
                let cell = number(cell.index.as_ref());
                objects
                    .push(json!({ "index": cell, "packets": data.packet_count, "bytes": data.byte_count }));
                rows.push(vec![cell.to_string(), data.packet_count.to_string(), data.byte_count.to_string()]);
            }
            show(options.target.json, &objects, &["INDEX", "PACKETS", "BYTES"], &rows)?;
        }
        CounterCommand::Reset { counter, index } => {
            let counter_id = find("counter", counters, counter)?.id();
            let data = Some(v1::CounterData::default());
            client.write(modify(Entity::CounterEntry(v1::CounterEntry {
                counter_id,
                index: at(*index),
                data,
            })))?;
        }
    }
    Ok(Exit::Success)
}

pub(crate) fn meter(options: &MeterOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let names = client.names()?;
    let meters = &names.p4info.meters;
    let entry = |meter: &str, index: Option<i64>, config: Option<v1::MeterConfig>| -> anyhow::Result<_> {
        let meter_id = find("meter", meters, meter)?.id();
        Ok(Entity::MeterEntry(v1::MeterEntry { meter_id, index: at(index), config, counter_data: None }))
    };
    match &options.command {
        MeterCommand::Ls => list(meters, |meter| meter.size, options.target.json)?,
        MeterCommand::Read { meter, index } => {
            let (mut rows, mut objects) = (Vec::new(), Vec::new());
            for entity in client.read(vec![entry(meter, *index, None)?])? {
                let Entity::MeterEntry(v1::MeterEntry { index, config: Some(config), .. }) = entity else {
                    continue;
                };
                let cell = number(index.as_ref());
                let v1::MeterConfig { cir, cburst, pir, pburst, eburst } = config;
                objects
                    .push(json!({ "index": cell, "cir": cir, "cburst": cburst, "pir": pir, "pburst": pburst,
                                     "eburst": eburst }));
                rows.push([cell, cir, cburst, pir, pburst, eburst].map(|number| number.to_string()).to_vec());
            }
            show(
                options.target.json,
                &objects,
                &["INDEX", "CIR", "CBURST", "PIR", "PBURST", "EBURST"],
                &rows,
            )?;
        }
        MeterCommand::Set { meter, index, cir, cburst, pir, pburst, eburst } => {
            let config =
                v1::MeterConfig { cir: *cir, cburst: *cburst, pir: *pir, pburst: *pburst, eburst: *eburst };
            client.write(modify(entry(meter, *index, Some(config))?))?;
        }
        MeterCommand::Unset { meter, index } => client.write(modify(entry(meter, *index, None)?))?,
    }
    Ok(Exit::Success)
}

/// Width of a register's cells; none for those that are no plain numbers.
fn width(register: &config::Register) -> Option<i32> {
    use config::p4_bitstring_like_type_spec::TypeSpec;
    use config::p4_data_type_spec::TypeSpec as Data;
    match register.type_spec.as_ref()?.type_spec.as_ref()? {
        Data::Bitstring(bits) => match bits.type_spec.as_ref()? {
            TypeSpec::Bit(bit) => Some(bit.bitwidth),
            TypeSpec::Int(int) => Some(int.bitwidth),
            TypeSpec::Varbit(_) => None,
        },
        Data::Bool(_) => Some(1),
        _ => None,
    }
}

pub(crate) fn register(options: &RegisterOptions) -> anyhow::Result<Exit> {
    let mut client = options.target.connect()?;
    let names = client.names()?;
    let registers = &names.p4info.registers;
    match &options.command {
        RegisterCommand::Ls => list(registers, |register| i64::from(register.size), options.target.json)?,
        RegisterCommand::Read { register, index } => {
            let declared = find("register", registers, register)?;
            let bits = width(declared).unwrap_or(64);
            let wanted = v1::RegisterEntry { register_id: declared.id(), index: at(*index), data: None };
            let (mut rows, mut objects) = (Vec::new(), Vec::new());
            for entity in client.read(vec![Entity::RegisterEntry(wanted)])? {
                let Entity::RegisterEntry(cell) = entity else { continue };
                let value = match cell.data.and_then(|data| data.data) {
                    Some(Data::Bitstring(bytes)) => {
                        if index.is_none() && bytes.iter().all(|byte| *byte == 0) {
                            continue;
                        }
                        values::show(&bytes, bits)
                    }
                    Some(other) => format!("{other:?}"),
                    None => continue,
                };
                let cell = number(cell.index.as_ref());
                objects.push(json!({ "index": cell, "value": value }));
                rows.push(vec![cell.to_string(), value]);
            }
            show(options.target.json, &objects, &["INDEX", "VALUE"], &rows)?;
        }
        RegisterCommand::Write { register, index, value } => {
            let declared = find("register", registers, register)?;
            let Some(bits) = width(declared) else {
                bail!("register `{register}` holds no plain numbers; write it by a controller")
            };
            let data = Some(v1::P4Data { data: Some(Data::Bitstring(values::parse("value", value, bits)?)) });
            let register_id = declared.id();
            client.write(modify(Entity::RegisterEntry(v1::RegisterEntry {
                register_id,
                index: at(Some(*index)),
                data,
            })))?;
        }
    }
    Ok(Exit::Success)
}
