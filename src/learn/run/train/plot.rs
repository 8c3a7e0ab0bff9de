//! Curves of a run as SVG.

use std::path::Path;

use plotters::prelude::{
    BLACK, BLUE, ChartBuilder, Color, GREEN, IntoDrawingArea, LineSeries, PathElement, RED, RGBColor,
    SVGBackend, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, TextStyle};

use super::metrics::Line;
use crate::learn::run::error::Error;
use crate::learn::run::files;

/// A curve: its name, and its value at a line if it has one there.
type Curve = (&'static str, fn(&Line) -> Option<f32>);

const PLOTS: [(&str, &[Curve]); 3] = [
    ("loss", &[("loss", |line| Some(line.loss))]),
    (
        "alpha",
        &[
            ("batches", |line| line.alpha.first().copied()),
            ("held out", |line| line.held_out.first().copied()),
            ("held out, second step", |line| line.held_out.get(1).copied()),
        ],
    ),
    ("tau", &[("tau at gamma 4, from the held-out acceptances", |line| line.tau)]),
];

const COLOURS: [RGBColor; 3] = [BLUE, RED, GREEN];

/// Writes `loss.svg`, `alpha.svg` and `tau.svg` into `folder`.
///
/// # Errors
/// [`Error::Io`]; [`Error::Run`] where a plot cannot be drawn.
pub fn plot(folder: &Path, lines: &[Line]) -> Result<(), Error> {
    files::folder(folder)?;
    for (name, curves) in PLOTS {
        let path = folder.join(format!("{name}.svg"));
        let svg = draw(name, curves, lines).map_err(|why| Error::Run { path: path.clone(), why })?;
        files::write(&path, svg.as_bytes())?;
    }
    Ok(())
}

fn draw(name: &str, curves: &[Curve], lines: &[Line]) -> Result<String, String> {
    let points: Vec<Vec<(f32, f32)>> = curves
        .iter()
        .map(|(_, value)| {
            let point = |line: &Line| Some((line.step as f32, value(line)?));
            lines.iter().filter_map(point).filter(|(_, y)| y.is_finite()).collect()
        })
        .collect();
    let all = || points.iter().flatten();
    let end = all().map(|(x, _)| *x).fold(1.0, f32::max);
    let top = all().map(|(_, y)| *y).fold(f32::NEG_INFINITY, f32::max);
    let low = all().map(|(_, y)| *y).fold(f32::INFINITY, f32::min).min(0.0);
    let top = if top > low { low + (top - low) * 1.05 } else { low + 1.0 };

    let mut svg = String::new();
    let failed = |e: &dyn std::fmt::Display| e.to_string();
    let area = SVGBackend::with_string(&mut svg, (720, 420)).into_drawing_area();
    area.fill(&WHITE).map_err(|e| failed(&e))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, low..top)
        .map_err(|e| failed(&e))?;
    chart.configure_mesh().x_desc("steps").y_desc(name).draw().map_err(|e| failed(&e))?;
    for ((points, (label, _)), colour) in points.iter().zip(curves).zip(COLOURS) {
        if points.is_empty() {
            continue;
        }
        let series = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        let series = chart.draw_series(series).map_err(|e| failed(&e))?;
        series
            .label(*label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    if points.iter().all(Vec::is_empty) {
        let style = TextStyle::from(("sans-serif", 16).into_font()).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text("nothing measured yet", &style, (360, 200)).map_err(|e| failed(&e))?;
    } else {
        let labels = &mut chart.configure_series_labels();
        labels.background_style(WHITE.mix(0.8)).border_style(BLACK).draw().map_err(|e| failed(&e))?;
    }
    area.present().map_err(|e| failed(&e))?;
    drop(chart);
    drop(area);
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let line = |step: usize| Line {
            step,
            loss: 3.0 / step as f32,
            alpha: vec![0.1 * step as f32],
            held_out: if step == 2 { vec![0.2] } else { vec![] },
            ..Line::default()
        };
        plot(folder.path(), &[]).unwrap();
        plot(folder.path(), &(1..5).map(line).collect::<Vec<_>>()).unwrap();
        let svg = std::fs::read_to_string(folder.path().join("alpha.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("batches") && svg.contains("polyline"));
        let empty = std::fs::read_to_string(folder.path().join("tau.svg")).unwrap();
        assert!(empty.contains("nothing measured yet"));
    }
}
