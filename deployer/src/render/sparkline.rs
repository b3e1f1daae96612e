//! A row of values in one line of text. Pure.

use crate::aws::metric_data::Point;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character for each of `count` periods of `period` seconds from `from` on, scaled to the greatest; a space where
/// nothing was counted.
pub(crate) fn sparkline(points: &[Point], from: i64, period: i64, count: usize) -> String {
    let top = points.iter().map(|(_, value)| *value).fold(0.0_f64, f64::max);
    let mut bars = vec![' '; count];
    for (time, value) in points {
        let place = usize::try_from((time - from).div_euclid(period)).ok();
        if let Some(bar) = place.and_then(|place| bars.get_mut(place)) {
            // Nothing is the lowest bar; anything more is higher.
            let height = if top > 0.0 { (value / top * 7.0).ceil().clamp(0.0, 7.0) } else { 0.0 };
            *bar = BARS[height as usize];
        }
    }
    bars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_has_its_place_and_the_greatest_its_full_height() {
        let points = [(0, 0.0), (60, 1.0), (180, 70.0), (240, 140.0), (6_000, 1_000_000.0)];
        assert_eq!(sparkline(&points[..4], 0, 60, 6), "▁▂ ▅█ ");
        assert_eq!(sparkline(&[(0, 0.0)], 0, 60, 2), "▁ ");
        assert_eq!(sparkline(&[], 0, 60, 3), "   ");
        assert_eq!(sparkline(&[(-60, 1.0), (600, 2.0)], 0, 60, 2), "  ", "what lies outside is not drawn");
    }
}
