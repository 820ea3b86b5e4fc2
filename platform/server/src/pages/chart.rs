//! A line over time as SVG, drawn here: it says in words what it shows, and the numbers stand in a table below it.

use std::fmt;

use askama::filters::HtmlSafe;

/// One point: time in milliseconds, and the smallest, the mean and the largest value around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) at_ms: i64,
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) max: f64,
}

/// Width and height in the drawing's own units, and what its edges leave to the labels.
const SIZE: (f64, f64) = (720.0, 220.0);
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// A drawing; made of numbers alone, so that nothing in it needs escaping. Title and description are the template's.
pub(super) struct Drawing(String);

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Drawing {}

/// Draws the points of a stretch of time; a percentage has its whole scale. None if there is nothing to draw.
pub(super) fn draw(points: &[Point], from_ms: i64, to_ms: i64, is_percent: bool) -> Option<Drawing> {
    let finite = points.iter().filter(|p| p.min.is_finite() && p.max.is_finite() && p.mean.is_finite());
    let points: Vec<Point> = finite.copied().collect();
    let (low, high) = scale(&points, is_percent)?;
    let span_ms = (to_ms - from_ms).max(1) as f64;
    let x = |at_ms: i64| LEFT + (at_ms - from_ms) as f64 / span_ms * (SIZE.0 - LEFT - RIGHT);
    let y = |value: f64| TOP + (high - value) / (high - low) * (SIZE.1 - TOP - BOTTOM);
    let mut svg = String::new();
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let at = y(value);
        svg += &format!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", SIZE.0 - RIGHT);
        svg += &format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, at + 4.0, short(value));
    }
    for step in 0..=4_i64 {
        let at_ms = from_ms + (to_ms - from_ms) / 4 * step;
        let anchor = if step == 0 {
            "start"
        } else if step == 4 {
            "end"
        } else {
            "middle"
        };
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            x(at_ms),
            SIZE.1 - 8.0,
            clock(at_ms)
        );
    }
    let place = |at: i64, value: f64| format!("{:.1},{:.1}", x(at), y(value));
    let there = points.iter().map(|p| place(p.at_ms, p.max));
    let back = points.iter().rev().map(|p| place(p.at_ms, p.min));
    svg += &format!("<polygon class=\"band\" points=\"{}\"/>", there.chain(back).collect::<Vec<_>>().join(" "));
    let line: Vec<String> = points.iter().map(|p| place(p.at_ms, p.mean)).collect();
    svg += &format!("<polyline class=\"value\" points=\"{}\"/>", line.join(" "));
    // Few points make no line that anybody sees.
    for p in points.iter().filter(|_| points.len() < 3) {
        svg += &format!("<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>", x(p.at_ms), y(p.mean));
    }
    Some(Drawing(svg))
}

fn scale(points: &[Point], is_percent: bool) -> Option<(f64, f64)> {
    let low = points.iter().map(|p| p.min).reduce(f64::min)?;
    let high = points.iter().map(|p| p.max).reduce(f64::max)?;
    if is_percent && low >= 0.0 && high <= 100.0 {
        return Some((0.0, 100.0));
    }
    let room = if high > low { (high - low) * 0.1 } else { high.abs().max(1.0) * 0.1 };
    let low = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    Some((low, high + room))
}

/// Writes a number in four places or so: `1.2k`, `480G`.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e12 => (value / 1e12, "T"),
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text =
        if scaled.abs() >= 100.0 || scaled == scaled.trunc() { format!("{scaled:.0}") } else { format!("{scaled:.1}") };
    format!("{text}{unit}")
}

/// Writes the time of day, UTC.
fn clock(at_ms: i64) -> String {
    let minutes = at_ms.div_euclid(60_000);
    format!("{:02}:{:02}", minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_a_line_within_the_drawing() {
        let point = |at_ms, value| Point { at_ms, min: value, mean: value, max: value };
        let drawn = draw(&[point(0, 10.0), point(500, 90.0), point(1_000, f64::NAN)], 0, 1_000, true);
        let drawn = drawn.map(|d| d.to_string()).unwrap_or_default();
        assert!(drawn.contains("points=\"64.0,174.0 386.0,30.0\""), "{drawn}");
        assert!(draw(&[], 0, 1_000, false).is_none() && draw(&[point(0, f64::INFINITY)], 0, 1, false).is_none());
        assert!(draw(&[point(0, 5.0)], 0, 0, false).is_some(), "one value is a picture too");
    }

    #[test]
    fn numbers_are_short() {
        let all = [0.0, 12.5, 80.0, 12_345.0, 4.8e11].map(short);
        assert_eq!(all, ["0", "12.5", "80", "12.3k", "480G"]);
    }
}
