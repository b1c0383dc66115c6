//! Generated events as a file of JSON lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Generator, Settings};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines.
    pub events: u64,
    /// Bytes, line ends included.
    pub bytes: u64,
}

/// Writes `events` events to a file, or to standard output when `path` is `-`.
///
/// # Errors
///
/// The file cannot be created or written. A reader that closes the pipe early is no error.
pub fn write_path(settings: Settings, events: u64, path: &Path) -> io::Result<Written> {
    if path.as_os_str() == "-" {
        write_events(settings, events, io::stdout().lock())
    } else {
        write_events(settings, events, File::create(path)?)
    }
}

/// Writes `events` events as lines, and flushes.
///
/// # Errors
///
/// `out` cannot be written, unless because its reader closed the pipe: then what was wanted has
/// been read, and the count says how far the writer came.
pub fn write_events(settings: Settings, events: u64, out: impl Write) -> io::Result<Written> {
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    let mut written = Written::default();
    let result =
        Generator::new(settings).take(usize::try_from(events).unwrap_or(usize::MAX)).try_for_each(|generated| {
            out.write_all(generated.json.as_bytes())?;
            out.write_all(b"\n")?;
            written.events += 1;
            written.bytes += generated.json.len() as u64 + 1;
            Ok(())
        });
    match result.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Dropping the buffer would try to write its rest once more.
            let _unwritten = out.into_parts();
            Ok(written)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(written),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::{Settings, write_events};

    struct Closes(usize);

    impl Write for Closes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0 -= 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_counted() {
        let mut out = Vec::new();
        let written = write_events(Settings::default(), 500, &mut out).unwrap();
        assert_eq!(written.events, 500);
        assert_eq!(written.bytes, out.len() as u64);
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 500);
    }

    #[test]
    fn a_closed_pipe_is_success_and_a_full_disk_is_not() {
        assert!(write_events(Settings::default(), 2_000, Closes(1)).is_ok());
        let error = write_events(Settings::default(), 2_000, Full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
