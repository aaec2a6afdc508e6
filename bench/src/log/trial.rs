//! What a process that runs a pipeline is told, and what it tells of every rate that it tried.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{Outcome, Way};

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) way: Way,
    pub(crate) format: String,
    /// Of each rate.
    pub(crate) seconds: f64,
    pub(crate) object: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) collector: Option<SocketAddr>,
}

/// What it tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Records sent to warm all up.
    pub(crate) warm: u64,
    /// The first is a rate that nothing has to fear.
    pub(crate) tried: Vec<Tried>,
}

/// One rate, tried.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Events in a second: each packet asks for one.
    pub(crate) offered: f64,
    /// Where they were lost.
    pub(crate) ring: u64,
    pub(crate) bus: u64,
    pub(crate) queue: u64,
    pub(crate) sent: u64,
    /// From the first packet to the last record sent.
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
}

impl Tried {
    fn rate(&self) -> f64 {
        self.sent as f64 / self.seconds
    }

    fn lost(&self) -> u64 {
        self.ring + self.bus + self.queue
    }

    /// Nothing lost, and nothing put off.
    pub(crate) fn is_kept_up_with(&self) -> bool {
        self.lost() == 0 && self.rate() > 0.95 * self.offered
    }

    fn cpu_per_100k(&self) -> f64 {
        self.cpu / self.sent as f64 * 1e5
    }
}

impl Told {
    /// What came of it, if `came` records came to a collector.
    pub(crate) fn outcome(&self, came: Option<u64>) -> Result<Outcome> {
        let tried = &self.tried;
        let sent = self.warm + tried.iter().map(|tried| tried.sent).sum::<u64>();
        let best = tried.iter().filter(|tried| tried.is_kept_up_with());
        let best = best
            .max_by(|a, b| a.rate().total_cmp(&b.rate()))
            .context("no rate was kept up with")?;
        let least = |lost: fn(&Tried) -> u64| {
            let offered = tried.iter().filter(|tried| lost(tried) > 0);
            offered.map(|tried| tried.offered).min_by(f64::total_cmp)
        };
        Ok(Outcome {
            rate: best.rate(),
            most: tried.iter().map(Tried::rate).max_by(f64::total_cmp),
            cpu: best.cpu_per_100k(),
            calm: tried.first().map(Tried::cpu_per_100k),
            loses_at: least(Tried::lost),
            ring_at: least(|tried| tried.ring),
            offered: tried
                .iter()
                .map(|tried| tried.offered)
                .max_by(f64::total_cmp),
            came: came.unwrap_or(sent) as f64 / sent as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(offered: f64, ring: u64, queue: u64, sent: u64, seconds: f64) -> Tried {
        Tried {
            offered,
            ring,
            bus: 0,
            queue,
            sent,
            seconds,
            cpu: 0.5,
        }
    }

    #[test]
    fn the_best_is_what_was_kept_up_with_and_the_warm_up_counts_as_sent() {
        let told = Told {
            warm: 50,
            tried: vec![
                tried(100.0, 0, 0, 100, 1.0),
                tried(200.0, 0, 0, 200, 1.04),
                tried(300.0, 0, 0, 300, 1.2),
                tried(400.0, 0, 1, 399, 1.0),
                tried(800.0, 5, 3, 792, 1.0),
            ],
        };
        let outcome = told.outcome(Some(1841)).unwrap();
        assert!((outcome.rate - 200.0 / 1.04).abs() < 1e-9);
        assert_eq!(
            (outcome.loses_at, outcome.ring_at),
            (Some(400.0), Some(800.0))
        );
        assert_eq!((outcome.offered, outcome.most), (Some(800.0), Some(792.0)));
        assert!((outcome.came - 1.0).abs() < 1e-9);
        assert!((outcome.calm.unwrap() - 500.0).abs() < 1e-9);
    }
}
