//! What the process itself uses, from `/proc`; nothing where there is none.

/// Bytes of memory that are the process's own, and the seconds of processor time it has used.
pub(super) fn usage() -> Option<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = resident.trim().trim_end_matches(" kB").parse().ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold spaces; what follows its closing bracket is numbers.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    Some((kibibytes * 1024.0, (ticks(11)? + ticks(12)?) / 100.0))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_running_process_uses_memory() {
        let (bytes, seconds) = super::usage().unwrap();
        assert!(bytes > 100_000.0 && seconds >= 0.0);
    }
}
