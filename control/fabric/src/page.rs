//! Results as one page that needs nothing else: a table and plots, drawn as SVG.
//!
//! Invariant: whatever names the user chose appear as text, never as markup.

use std::fmt::Write as _;

use crate::policy::Policy;
use crate::report::Report;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#333}\
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}text{fill:#ccc}td,th{border-color:#444}}";

/// The page.
pub fn page(title: &str, all: &[(Policy, Vec<Report>)]) -> String {
    let title = escaped(title);
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}: heddle fabric sim</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    let mean = |reports: &[Report], of: &dyn Fn(&Report) -> f64| {
        reports.iter().map(of).sum::<f64>() / reports.len().max(1) as f64
    };
    let ideal_ns = all.first().map_or(0.0, |(_, reports)| mean(reports, &|r| r.ideal_jct_ns));
    let bars: Vec<(String, f64)> = all
        .iter()
        .map(|(policy, reports)| (policy.name().to_owned(), mean(reports, &|r| r.mean_jct_ns) / 1e3))
        .chain([("ideal".to_owned(), ideal_ns / 1e3)])
        .collect();
    html += "<h2>Mean completion time of jobs, microseconds</h2>";
    chart(&mut html, &bars);
    let imbalance: Vec<(String, f64)> = all
        .iter()
        .map(|(policy, reports)| (policy.name().to_owned(), mean(reports, &|r| r.imbalance)))
        .collect();
    html += "<h2>A leaf's busiest link up over the mean of its links, at the worst leaf</h2>";
    chart(&mut html, &imbalance);

    for (policy, reports) in all {
        let Some(report) = reports.first() else { continue };
        let _ = write!(
            html,
            "<h2>{}, seed {}</h2><table><tr><th>job<th>transport<th>completion, us<th>over ideal<th>messages\
             <th>message p99, us<th>resent<th>marked<th>trimmed<th>reordered<th>straggler",
            policy.name(),
            report.seed
        );
        for job in &report.jobs {
            let straggler = match (&job.straggler, &job.straggler_host) {
                (Some((rank, count)), Some(host)) => {
                    format!("rank {rank} on {}, {count} times", escaped(host))
                }
                (Some(_) | None, _) => String::new(),
            };
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{:.1}<td>{:.3}<td>{}<td>{:.1}<td>{}<td>{}<td>{}<td>{}<td>{straggler}",
                escaped(&job.name),
                job.transport,
                job.completion_ns as f64 / 1e3,
                job.completion_ns as f64 / job.ideal_ns.max(1.0),
                job.messages,
                job.message_p99_ns as f64 / 1e3,
                job.retransmitted,
                job.marked,
                job.trimmed,
                job.reordered,
            );
        }
        html += "</table><h3>Links between switches, part of the time sending</h3>";
        heat(&mut html, report);
    }
    html += "</html>\n";
    html
}

fn chart(html: &mut String, bars: &[(String, f64)]) {
    let most = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let _ = write!(html, "<svg viewBox=\"0 0 640 {}\" role=img>", 26 * bars.len());
    for (row, (name, value)) in bars.iter().enumerate() {
        let (y, width) = (26 * row, 440.0 * value / most);
        let _ = write!(
            html,
            "<text x=0 y={}>{}</text><rect x=100 y={y} width=\"{width:.1}\" height=18 fill=\"#3b7dd8\"/>\
             <text x=\"{:.1}\" y={}>{value:.2}</text>",
            y + 14,
            escaped(name),
            106.0 + width,
            y + 14,
        );
    }
    *html += "</svg>";
}

fn heat(html: &mut String, report: &Report) {
    let mut names: Vec<&str> = Vec::new();
    for link in &report.links {
        for name in [link.from.as_str(), link.to.as_str()] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.len() > 64 {
        let mut busiest: Vec<_> = report.links.iter().collect();
        busiest.sort_by(|a, b| b.utilisation.total_cmp(&a.utilisation));
        *html += "<table><tr><th>link<th>part of the time";
        for link in busiest.into_iter().take(20) {
            let _ = write!(
                html,
                "<tr><td>{} to {}<td>{:.3}",
                escaped(&link.from),
                escaped(&link.to),
                link.utilisation
            );
        }
        *html += "</table>";
        return;
    }
    let side = 18 * names.len() + 90;
    let _ = write!(html, "<svg viewBox=\"0 0 {side} {side}\" role=img style=\"max-width:{side}px\">");
    for (row, name) in names.iter().enumerate() {
        let at = 90 + 18 * row;
        let _ = write!(
            html,
            "<text x=0 y={}>{}</text><text transform=\"translate({} 86) rotate(-90)\">{}</text>",
            at + 13,
            escaped(name),
            at + 13,
            escaped(name)
        );
    }
    let position = |name: &str| names.iter().position(|known| *known == name).unwrap_or(0);
    for link in &report.links {
        let (x, y) = (90 + 18 * position(&link.to), 90 + 18 * position(&link.from));
        let _ = write!(
            html,
            "<rect x={x} y={y} width=16 height=16 fill=\"#d8533b\" fill-opacity=\"{:.2}\"><title>{} to {}: {:.3}</title></rect>",
            link.utilisation.clamp(0.03, 1.0),
            escaped(&link.from),
            escaped(&link.to),
            link.utilisation
        );
    }
    *html += "</svg><p>Rows send, columns receive.</p>";
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
