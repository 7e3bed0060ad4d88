//! Turns of a measurement, and what holds for most of them.

use serde_json::{Value, json};

/// What was measured, turn by turn.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<f64>);

/// The middle of a series, and what it lies between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The median of many such turns is not less than this, and not more than `high`, in 19 of 20 cases, whatever their
    /// distribution.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

impl Series {
    /// Turn by turn, by how much this is of another.
    pub fn ratios(&self, other: &Series) -> Series {
        Series(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }

    /// None of no turns.
    pub fn median(&self) -> Option<Median> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (last, middle) = (sorted.len().checked_sub(1)?, sorted.len() / 2);
        // Two of the turns in order: the binomial distribution, by the normal approximation.
        let reach = (0.98 * (sorted.len() as f64).sqrt()).ceil() as usize;
        let low = middle.saturating_sub(reach);
        let high = (sorted.len().div_ceil(2) + reach).min(last);
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[middle]) / 2.0;
        Some(Median { median, low: sorted[low], high: sorted[high] })
    }

    /// The median alone; not a number of no turns.
    pub fn middle(&self) -> f64 {
        self.median().map_or(f64::NAN, |of| of.median)
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let median = self.median();
        json!({
            "median": median.map(|of| of.median),
            "interval": median.map(|of| [of.low, of.high]),
            "turns": self.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_its_interval() {
        assert_eq!(Series::default().median(), None);
        assert_eq!(Series(vec![3.0, 1.0]).median(), Some(Median { median: 2.0, low: 1.0, high: 3.0 }));
        let turns = Series((0..31).rev().map(f64::from).collect());
        assert_eq!(turns.median(), Some(Median { median: 15.0, low: 9.0, high: 22.0 }));
    }
}
