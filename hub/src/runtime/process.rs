//! What the system knows of this process and of others, from `/proc`; nothing where there is none.

use std::io;
use std::path::Path;

/// Makes a directory, and those above it that are missing, for this user only: what the hub keeps
/// is about customers.
pub fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The process that listens on this port, where this user may see it.
pub(super) fn listener_of(port: u16) -> Option<u32> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| table.lines().filter_map(|line| listening_inode(line, port)).collect::<Vec<_>>())
        .collect();
    let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let is_one = |target: &Path| sockets.iter().any(|socket| target.as_os_str() == socket.as_str());
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut files = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
        files.any(|file| std::fs::read_link(file.path()).is_ok_and(|target| is_one(&target))).then_some(pid)
    })
}

/// The inode in a line of `/proc/net/tcp` that tells of a listener on this port.
fn listening_inode(line: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let local = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
    (local == port && *fields.get(3)? == LISTEN).then(|| fields.get(9).map(ToString::to_string))?
}

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

/// Bytes of memory that this process may use: the machine's, or less where its control group says so.
pub(super) fn memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = total.trim().trim_end_matches(" kB").parse::<u64>().ok()?.saturating_mul(1024);
    // "max" stands for no bound.
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(group.map_or(machine, |bound: u64| bound.min(machine)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_listener_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(super::listener_of(port), Some(std::process::id()));
        drop(listener);
        assert_eq!(super::listener_of(port), None);
    }

    #[test]
    fn directories_are_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let above = tempfile::tempdir().unwrap();
        let directory = above.path().join("a/b");
        super::private_directory(&directory).unwrap();
        super::private_directory(&directory).unwrap();
        assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_machine_has_more_memory_than_this_process_uses() {
        assert!(super::memory().unwrap() as f64 > super::usage().unwrap().0);
    }

    #[test]
    fn a_running_process_uses_memory() {
        let (bytes, seconds) = super::usage().unwrap();
        assert!(bytes > 100_000.0 && seconds >= 0.0);
    }
}
