//! Machines, as the times that a round takes on them.

/// A machine. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Machine {
    /// A verifying pass by its rows, rising; one of a row count between two takes as long as the next greater.
    pub verify: Vec<(usize, f64)>,
    /// A step of the draft model.
    pub draft_step: f64,
    /// How much longer a pass takes for each token of context, as a share.
    pub per_key: f64,
    /// The host's own work for a round.
    pub host: f64,
    /// From a submit to the beginning of the work on an idle device.
    pub dispatch: f64,
    /// From the end of the work until the host knows: the shortest time, and the mean of what chance adds.
    pub read_back: (f64, f64),
    /// Rounds that can be in flight.
    pub max_in_flight: usize,
    /// Of the device's timestamps; `None` where it has none.
    pub resolution: Option<f64>,
    /// Spread of the times by chance, as a share.
    pub noise: f64,
}

impl Machine {
    /// The H200 under headless Chromium that the figures in the tests are from, before its kernels were rewritten.
    pub fn h200() -> Self {
        Self {
            verify: vec![(1, 3.25), (2, 3.4), (3, 4.1), (4, 4.3), (6, 4.7), (8, 4.65), (12, 4.65), (16, 4.9)],
            draft_step: 0.16,
            per_key: 0.0,
            host: 0.1,
            dispatch: 0.05,
            read_back: (0.4, 1.4),
            max_in_flight: 8,
            resolution: Some(0.1),
            noise: 0.03,
        }
    }

    /// An integrated GPU: a pass is bound by memory, so rows are cheap, and the attention grows with the text.
    pub fn laptop() -> Self {
        Self {
            verify: vec![
                (1, 11.0),
                (2, 11.6),
                (3, 12.4),
                (4, 13.2),
                (6, 15.5),
                (8, 17.5),
                (12, 23.0),
                (16, 28.0),
            ],
            draft_step: 1.0,
            per_key: 0.0006,
            host: 0.4,
            dispatch: 0.1,
            read_back: (1.0, 1.0),
            max_in_flight: 8,
            resolution: Some(0.1),
            noise: 0.05,
        }
    }

    /// A phone: slow passes whose time rises with their rows, no timestamps, and a load that comes and goes.
    pub fn phone() -> Self {
        Self {
            verify: vec![
                (1, 34.0),
                (2, 39.0),
                (3, 46.0),
                (4, 52.0),
                (6, 68.0),
                (8, 83.0),
                (12, 120.0),
                (16, 155.0),
            ],
            draft_step: 4.0,
            per_key: 0.001,
            host: 1.5,
            dispatch: 0.3,
            read_back: (3.0, 3.0),
            max_in_flight: 8,
            resolution: None,
            noise: 0.08,
        }
    }

    /// The CPU engine on two cores, natively.
    pub fn cpu() -> Self {
        Self {
            verify: vec![
                (1, 15.7),
                (2, 16.2),
                (3, 18.6),
                (4, 21.3),
                (5, 24.2),
                (6, 27.2),
                (7, 32.0),
                (8, 36.9),
                (12, 56.0),
                (16, 75.0),
            ],
            draft_step: 1.7,
            per_key: 0.0002,
            host: 0.02,
            dispatch: 0.0,
            read_back: (0.0, 0.0),
            max_in_flight: 1,
            resolution: Some(0.0),
            noise: 0.05,
        }
    }

    /// A pass over `rows` rows behind `context` tokens.
    pub(super) fn verify(&self, rows: usize, context: usize) -> f64 {
        let found = self.verify.iter().find(|(most, _)| *most >= rows).or(self.verify.last());
        found.map_or(0.0, |(_, ms)| ms * (1.0 + self.per_key * context as f64))
    }

    /// What the device says of a time.
    pub(super) fn told(&self, ms: f64) -> f64 {
        match self.resolution {
            None => 0.0,
            Some(0.0) => ms,
            Some(resolution) => (ms / resolution).round() * resolution,
        }
    }
}
