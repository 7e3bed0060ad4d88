//! The plots of a page: bars, lines and a map of links, as SVG without scripts.
//!
//! Invariant: no coordinate is anything but a finite number, whatever the values.

use std::fmt::Write as _;

use super::escaped;
use crate::report::Report;

/// A row of a bar chart.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    /// Least and most, for the thin line.
    pub(super) range: (f64, f64),
    pub(super) label: String,
    pub(super) colour: &'static str,
}

/// A curve.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) colour: &'static str,
}

/// One row for each bar, the values written beside them, and a dashed line at a mark.
pub(super) fn bars(html: &mut String, rows: &[Bar], mark: Option<f64>) {
    const ROW: usize = 26;
    const LEFT: f64 = 90.0;
    const WIDTH: f64 = 420.0;
    let most =
        rows.iter().flat_map(|row| [row.value, row.range.1]).chain(mark).fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + WIDTH * (value / most).clamp(0.0, 1.0);
    let height = ROW * rows.len() + 8;
    let _ = write!(html, "<svg viewBox=\"0 0 840 {height}\" role=img>");
    for (row, bar) in rows.iter().enumerate() {
        let (y, name) = (ROW * row + 4, escaped(&bar.name));
        let _ = write!(
            html,
            "<text x=0 y={}>{name}</text><rect x={LEFT} y={y} width=\"{:.1}\" height=18 rx=2 fill=\"{}\"><title>{name}: {}</title></rect>\
             <text x=\"{:.1}\" y={}>{}</text>",
            y + 14,
            x(bar.value) - LEFT,
            bar.colour,
            bar.label,
            x(bar.value.max(bar.range.1)) + 8.0,
            y + 14,
            bar.label,
        );
        if bar.range.0 < bar.range.1 {
            let (from, to, middle) = (x(bar.range.0), x(bar.range.1), y + 9);
            let _ =
                write!(html, "<path d=\"M{from:.1} {middle}H{to:.1}\" stroke=\"#e9a23b\" stroke-width=2 />");
        }
    }
    if let Some(mark) = mark {
        let _ = write!(html, "<path class=ideal d=\"M{:.1} 0V{height}\" />", x(mark));
    }
    *html += "</svg>";
}

/// A number of a scale near a part of what there is, so that few lines are drawn.
fn step(most: f64) -> f64 {
    let rough = (most / 4.0).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

/// A number of a scale or a legend, as short as its size allows.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 1.0 => format!("{value:.2}"),
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Curves on one scale that ends at `most`, with a legend.
pub(super) fn lines(html: &mut String, all: &[Line], x_name: &str, most: (f64, f64)) {
    const LEFT: f64 = 44.0;
    const TOP: f64 = 8.0;
    const WIDTH: f64 = 560.0;
    const HEIGHT: f64 = 200.0;
    let x = |value: f64| LEFT + WIDTH * (value / most.0).clamp(0.0, 1.0);
    let y = |value: f64| TOP + HEIGHT * (1.0 - (value / most.1).clamp(0.0, 1.0));
    let legend_rows = all.len().div_ceil(4);
    let _ = write!(html, "<svg viewBox=\"0 0 620 {}\" role=img>", 250 + 18 * legend_rows);
    let ticks = |most: f64| {
        let step = step(most);
        (0..=8).map(move |tick| f64::from(tick) * step).take_while(move |value| *value <= most * 1.001)
    };
    for value in ticks(most.1) {
        let at = y(value);
        let _ = write!(
            html,
            "<path class=rule d=\"M{LEFT} {at:.1}H{}\" /><text class=faint text-anchor=end x={} y=\"{:.1}\">{}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            at + 4.0,
            short(value)
        );
    }
    let below = TOP + HEIGHT + 18.0;
    for value in ticks(most.0) {
        let at = x(value);
        let _ = write!(
            html,
            "<text class=faint text-anchor=middle x=\"{at:.1}\" y={below}>{}</text>",
            short(value)
        );
    }
    let _ = write!(
        html,
        "<text class=faint text-anchor=end x={} y={}>{}</text>",
        LEFT + WIDTH,
        below + 15.0,
        escaped(x_name)
    );
    for (number, line) in all.iter().enumerate() {
        let name = escaped(&line.name);
        let mut path = String::new();
        for (index, &(px, py)) in line.points.iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if index == 0 { 'M' } else { 'L' }, x(px), y(py));
        }
        let peak = line.points.iter().map(|point| point.1).fold(0.0, f64::max);
        let _ = write!(
            html,
            "<path d=\"{path}\" fill=none stroke=\"{}\" stroke-width=1.8><title>{name}: at most {peak:.1}</title></path>",
            line.colour
        );
        let (lx, ly) = (LEFT + 142.0 * (number % 4) as f64, 252 + 18 * (number / 4));
        let _ = write!(
            html,
            "<rect x={lx} y={} width=12 height=4 fill=\"{}\"/><text x={} y={ly}>{name}</text>",
            ly - 6,
            line.colour,
            lx + 17.0
        );
    }
    *html += "</svg>";
}

/// Most switches that a map has room for.
const MAP_MAX: usize = 64;

/// Who sends to whom for how much of the time: a map, or if that were too large the busiest links.
pub(super) fn heat(html: &mut String, report: &Report) {
    // Every cable stands there twice: those at one end first, then those at the other, so that tiers stay together.
    let cables = || report.links.iter().step_by(2);
    let mut names: Vec<&str> = Vec::new();
    for name in cables().map(|link| link.from.as_str()).chain(cables().map(|link| link.to.as_str())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut busiest: Vec<_> = report.links.iter().collect();
    busiest.sort_by(|a, b| b.utilisation.total_cmp(&a.utilisation));
    if names.len() > MAP_MAX {
        *html += "<table><tr><th>the 20 busiest<th>% of the time";
        for link in busiest.into_iter().take(20) {
            let (from, to) = (escaped(&link.from), escaped(&link.to));
            let _ = write!(html, "<tr><td>{from} to {to}<td>{:.1}", 100.0 * link.utilisation);
        }
        *html += "</table>";
        return;
    }
    // A cell for two that have no link is left empty.
    const CELL: usize = 24;
    let edge = 8 * names.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(4, 16) + 8;
    let (side, most) = (CELL * names.len() + edge, busiest.first().map_or(0.0, |link| link.utilisation));
    let most = most.max(f64::MIN_POSITIVE);
    let _ = write!(html, "<svg viewBox=\"0 0 {side} {side}\" role=img style=\"max-width:{side}px\">");
    for (row, name) in names.iter().enumerate() {
        let (at, name) = (edge + CELL * row + 16, escaped(name));
        let _ = write!(
            html,
            "<text x=0 y={at}>{name}</text><text transform=\"translate({at} {}) rotate(-90)\">{name}</text>",
            edge - 4
        );
    }
    let position = |name: &str| names.iter().position(|known| *known == name).unwrap_or(0);
    for link in &report.links {
        let (x, y) = (edge + CELL * position(&link.to), edge + CELL * position(&link.from));
        let (from, to, percent) = (escaped(&link.from), escaped(&link.to), 100.0 * link.utilisation);
        let _ = write!(
            html,
            "<rect x={x} y={y} width=22 height=22 fill=\"#d8533b\" fill-opacity=\"{:.2}\"><title>{from} to {to}: {percent:.1} %, {} bytes, \
             {} marked, {} trimmed, {} dropped</title></rect><text text-anchor=middle x={} y={} style=\"font-size:9px\">{percent:.0}</text>",
            (link.utilisation / most).clamp(0.04, 1.0),
            link.bytes,
            link.marked,
            link.trimmed,
            link.dropped,
            x + 11,
            y + 14,
        );
    }
    *html += "</svg><p>Rows send, columns receive; the darker, the nearer to the busiest link. Point at a cell for its figures.</p>";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_few_round_steps() {
        for (most, expected) in [(100.0, 50.0), (1.0, 0.5), (37.0, 10.0), (420.0, 200.0), (7e6, 2e6)] {
            let step = step(most);
            assert!((step / expected - 1.0).abs() < 1e-9, "{most}: {step}");
            assert!((2.0..=8.0).contains(&(most / step)));
        }
    }
}
