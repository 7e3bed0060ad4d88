//! Plots as SVG.

use std::fmt::Write as _;

/// Bars, one below the other; those whose names begin with `ours` stand out.
pub fn bars(title: &str, bars: &[(String, Option<f64>)], ours: &str) -> String {
    const BAR_WIDTH: f64 = 380.0;
    const LINE_HEIGHT: usize = 24;
    let most = bars.iter().filter_map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    // Wide enough for 13 pixels high letters, most of which are narrower.
    let longest = bars.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let label_width = 10.0 + 7.0 * longest as f64;
    let width = label_width + BAR_WIDTH + 80.0;
    let height = LINE_HEIGHT * (bars.len() + 2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-weight=\"bold\">{title}</text>\n"
    );
    for (line, (name, value)) in bars.iter().enumerate() {
        let y = LINE_HEIGHT * (line + 2);
        let colour = if name.starts_with(ours) { "#2a6fb0" } else { "#9aa5b1" };
        let value = value.unwrap_or(0.0);
        let length = BAR_WIDTH * value / most;
        let shown = if value < 20.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{label_width}\" y=\"{y}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y}\">{shown}</text>",
            label_width + 8.0,
            y - 13,
            label_width + 14.0 + length,
        );
    }
    svg + "</svg>\n"
}
