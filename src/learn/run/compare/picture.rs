//! The comparison as SVG: a bar of tokens a target pass for each way, with its interval.

use plotters::prelude::{
    BLACK, Color, IntoDrawingArea, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, TextStyle};

use super::Figures;

/// Pixels: a bar and the space to the next, names in front of the bars, figures behind them, the whole width, the title.
const PITCH: i32 = 26;
const NAMES: i32 = 250;
const SAID: i32 = 210;
const WIDTH: i32 = 900;
const TITLE: i32 = 44;
const COLOUR: RGBColor = RGBColor(70, 120, 200);

/// Draws them.
///
/// # Errors
/// What the drawing library says.
pub fn picture(title: &str, figures: &[Figures]) -> Result<String, String> {
    let mut svg = String::new();
    let failed = |e: &dyn std::fmt::Display| e.to_string();
    let height = TITLE + PITCH * figures.len() as i32 + 12;
    let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE).map_err(|e| failed(&e))?;
    let style =
        |size: u32, side| TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(side, VPos::Center));
    let title = Text::new(title, (12, TITLE / 2), style(16, HPos::Left));
    area.draw(&title).map_err(|e| failed(&e))?;
    let longest = figures.iter().map(|figures| figures.tau.high).fold(1.0, f64::max);
    let x = |tau: f64| NAMES + (f64::from(WIDTH - NAMES - SAID) * tau / longest) as i32;
    for (place, figures) in figures.iter().enumerate() {
        let top = TITLE + PITCH * place as i32;
        let middle = top + PITCH / 2 - 2;
        let name = format!("{}, {}", figures.drafter, figures.verifier);
        area.draw(&Text::new(name, (NAMES - 8, middle), style(13, HPos::Right))).map_err(|e| failed(&e))?;
        let bar = Rectangle::new([(NAMES, top), (x(figures.tau.value), top + PITCH - 4)], COLOUR.filled());
        area.draw(&bar).map_err(|e| failed(&e))?;
        let interval = [figures.tau.low, figures.tau.high].map(|tau| (x(tau), middle));
        area.draw(&PathElement::new(interval, BLACK.stroke_width(1))).map_err(|e| failed(&e))?;
        let said = format!(
            "{:.2} a pass of {:.1}, {:.2}x plain",
            figures.tau.value, figures.rows, figures.speedup.value
        );
        let said = Text::new(said, (x(figures.tau.high) + 8, middle), style(13, HPos::Left));
        area.draw(&said).map_err(|e| failed(&e))?;
    }
    area.present().map_err(|e| failed(&e))?;
    drop(area);
    Ok(svg)
}
