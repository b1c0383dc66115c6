//! What a process costs, as the kernel counts it.

use anyhow::Context as _;

/// The kernel's clock ticks in a second, the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

/// Processor time that a process has used, in seconds.
pub fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    seconds(&text).context("a process without times")
}

fn seconds(stat: &str) -> Option<f64> {
    // The name in parentheses may hold spaces.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / TICKS)
}

/// The most memory that a process has used, in MB: the peak of its resident set.
pub fn peak_megabytes(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    peak(&text).context("a process without a peak")
}

fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

/// The middle one, or the lower of the two; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    percentile(values, 50.0)
}

/// The value that so many per cent do not exceed (nearest rank).
pub fn percentile(values: impl IntoIterator<Item = f64>, percent: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let stat = "42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1 2";
        assert_eq!(seconds(stat), Some(3.0));
        assert_eq!(peak("VmPeak: 9 kB\nVmHWM:\t  2000 kB\n"), Some(2.048));
        assert!(processor_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(peak_megabytes(std::process::id()).unwrap() > 0.1);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
        assert_eq!(percentile((1..=100).map(f64::from), 99.0), Some(99.0));
        assert_eq!(percentile([5.0], 99.0), Some(5.0));
    }
}
