//! What was measured, as a table, as JSON and as bars.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use heddle_benches::plot;
use heddle_benches::series::Series;
use heddle_ports::spec::PortKind;
use serde_json::{Value, json};

use crate::forwarder::Kind;

#[derive(Debug)]
struct Rates {
    kind: Kind,
    bytes: usize,
    offered: Series,
    delivered: Series,
    cpu_ns: Series,
}

#[derive(Debug)]
struct Single {
    kind: Kind,
    value: Series,
    cpu_ns: Series,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rates: Vec<Rates>,
    echoes: Vec<Single>,
    tcp: Vec<Single>,
    /// What could not be measured, and why.
    pub(crate) missing: Vec<(Kind, String)>,
}

fn single(list: &mut Vec<Single>, kind: Kind) -> &mut Single {
    let at = list.iter().position(|of| of.kind == kind).unwrap_or_else(|| {
        list.push(Single { kind, value: Series::default(), cpu_ns: Series::default() });
        list.len() - 1
    });
    &mut list[at]
}

impl Results {
    pub(crate) fn missing(&mut self, kind: Kind, why: String) {
        self.missing.push((kind, why));
    }

    pub(crate) fn rate(
        &mut self,
        kind: Kind,
        bytes: usize,
        offered: f64,
        delivered: f64,
        cpu_ns: Option<f64>,
    ) {
        let at = self.rates.iter().position(|of| of.kind == kind && of.bytes == bytes).unwrap_or_else(|| {
            let series = Series::default;
            self.rates.push(Rates { kind, bytes, offered: series(), delivered: series(), cpu_ns: series() });
            self.rates.len() - 1
        });
        let rates = &mut self.rates[at];
        rates.offered.0.push(offered);
        rates.delivered.0.push(delivered);
        rates.cpu_ns.0.extend(cpu_ns);
    }

    pub(crate) fn echo(&mut self, kind: Kind, median_us: f64) {
        single(&mut self.echoes, kind).value.0.push(median_us);
    }

    pub(crate) fn tcp(&mut self, kind: Kind, gbps: f64, cpu_ns: Option<f64>) {
        let of = single(&mut self.tcp, kind);
        of.value.0.push(gbps);
        of.cpu_ns.0.extend(cpu_ns);
    }

    /// Of pairs of turns, the one's packets per second by the other's.
    fn ratios(&self, one: Kind, other: Kind, bytes: usize) -> Series {
        let of = |kind| self.rates.iter().find(|of| of.kind == kind && of.bytes == bytes);
        let Some((one, other)) = of(one).zip(of(other)) else { return Series::default() };
        one.delivered.ratios(&other.delivered)
    }

    /// As Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        let median = |series: &Series, by: f64, digits: usize| {
            series.median().map_or_else(|| "-".to_owned(), |of| format!("{:.digits$}", of.median / by))
        };
        let interval = |series: &Series, by: f64, digits: usize| {
            series.median().map_or_else(
                || "-".to_owned(),
                |of| format!("{:.digits$} to {:.digits$}", of.low / by, of.high / by),
            )
        };
        if !self.rates.is_empty() {
            line(
                "| packets per second | bytes | kpps | interval | offered, kpps | CPU ns/packet |".to_owned(),
            );
            line("|---|---|---|---|---|---|".to_owned());
            for of in &self.rates {
                line(format!(
                    "| {} | {} | {} | {} | {} | {} |",
                    of.kind.name(),
                    of.bytes,
                    median(&of.delivered, 1e3, 0),
                    interval(&of.delivered, 1e3, 0),
                    median(&of.offered, 1e3, 0),
                    median(&of.cpu_ns, 1.0, 0),
                ));
            }
            line(String::new());
            line(
                "| of the bare forwarder's packets per second | bytes | ratio | interval | pairs |"
                    .to_owned(),
            );
            line("|---|---|---|---|---|".to_owned());
            for kind in [PortKind::AfPacket, PortKind::Xdp] {
                for bytes in [64, 1_514] {
                    let ratios = self.ratios(Kind::Heddle(kind), Kind::Bare(kind), bytes);
                    if ratios.0.is_empty() {
                        continue;
                    }
                    line(format!(
                        "| {} | {bytes} | {} | {} | {} |",
                        Kind::Heddle(kind).name(),
                        median(&ratios, 1.0, 3),
                        interval(&ratios, 1.0, 3),
                        ratios.0.len()
                    ));
                }
            }
            line(String::new());
        }
        if !self.echoes.is_empty() {
            line("| round trip of a ping | us | interval |".to_owned());
            line("|---|---|---|".to_owned());
            for of in &self.echoes {
                line(format!(
                    "| {} | {} | {} |",
                    of.kind.name(),
                    median(&of.value, 1.0, 0),
                    interval(&of.value, 1.0, 0)
                ));
            }
            line(String::new());
        }
        if !self.tcp.is_empty() {
            line("| TCP, one stream | Gb/s | interval | CPU ns/KB |".to_owned());
            line("|---|---|---|---|".to_owned());
            for of in &self.tcp {
                line(format!(
                    "| {} | {} | {} | {} |",
                    of.kind.name(),
                    median(&of.value, 1.0, 2),
                    interval(&of.value, 1.0, 2),
                    median(&of.cpu_ns, 1.0, 0)
                ));
            }
            line(String::new());
        }
        for (kind, why) in &self.missing {
            line(format!("Not measured: {} ({why}).", kind.name()));
        }
        text
    }

    fn json(&self) -> Value {
        let rates: Vec<_> = self
            .rates
            .iter()
            .map(|of| {
                json!({ "system": of.kind.name(), "bytes": of.bytes, "delivered_pps": of.delivered.json(),
                        "offered_pps": of.offered.json(), "cpu_ns_per_packet": of.cpu_ns.json() })
            })
            .collect();
        let singles = |list: &[Single], name: &str| -> Vec<Value> {
            let of = |of: &Single| json!({ "system": of.kind.name(), name: of.value.json(), "cpu_ns_per_kb": of.cpu_ns.json() });
            list.iter().map(of).collect()
        };
        let missing: Vec<_> =
            self.missing.iter().map(|(kind, why)| json!({ "system": kind.name(), "why": why })).collect();
        json!({
            "rates": rates,
            "echoes": singles(&self.echoes, "round_trip_us"),
            "tcp": singles(&self.tcp, "gbps"),
            "not_measured": missing,
        })
    }

    /// Writes `endtoend.md`, `endtoend.json` and a plot for each measure.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("endtoend.md"), self.table())?;
        fs::write(folder.join("endtoend.json"), format!("{:#}\n", self.json()))?;
        let rates = self.rates.iter().filter(|of| of.bytes == 64);
        let rates: Vec<_> =
            rates.map(|of| (of.kind.name(), of.delivered.median().map(|of| of.median / 1e3))).collect();
        let of = |list: &[Single]| -> Vec<_> {
            list.iter().map(|of| (of.kind.name(), of.value.median().map(|of| of.median))).collect()
        };
        for (name, title, bars) in [
            ("endtoend-rate", "64-byte packets over veth, kpps", rates),
            ("endtoend-echo", "round trip of a ping, us", of(&self.echoes)),
            ("endtoend-tcp", "TCP, one stream, Gb/s", of(&self.tcp)),
        ] {
            if !bars.is_empty() {
                fs::write(folder.join(format!("{name}.svg")), plot::bars(title, &bars, "Heddle"))?;
            }
        }
        Ok(())
    }
}
