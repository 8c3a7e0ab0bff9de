//! What the figures were taken on, and what else ran there.

use std::fmt;
use std::fs;

use serde::Serialize;

/// The machine at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    cpu: String,
    cores: usize,
    /// Mean number of running processes over 1, 5 and 15 minutes; unknown outside Linux.
    load: Option<String>,
}

impl Machine {
    /// Looks now.
    pub fn look() -> Self {
        let read = |path| fs::read_to_string(path).ok();
        Self {
            cpu: read("/proc/cpuinfo")
                .and_then(|text| cpu_name(&text))
                .unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: read("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")),
        }
    }
}

fn cpu_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.cpu, self.cores)?;
        if let Some(load) = &self.load {
            write!(f, ", load {load}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        assert_eq!(cpu_name("processor: 0\nmodel name\t: Some CPU 3000\n").as_deref(), Some("Some CPU 3000"));
        assert_eq!(cpu_name("processor: 0\n"), None);
    }
}
