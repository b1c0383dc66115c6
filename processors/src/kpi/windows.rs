//! The keys of the merging task's stores.

use super::catalog::{KPIS, Kpi};
use super::labels::By;
use super::settings::Size;

/// One window of one KPI in one dimension: all its values share a key's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    pub(super) kpi: Kpi,
    /// The number of its [`Size`], or of a table beside the windows.
    pub(super) table: u8,
    pub(super) by: u8,
    pub(super) start: i64,
}

/// Besides the sizes: what was published as the highest of a total.
pub(super) const HIGHEST: u8 = 5;
/// How many bytes come before the value.
const HEAD_BYTES: usize = 11;

impl Window {
    pub(super) fn new(kpi: Kpi, size: Size, by: By, start: i64) -> Self {
        Self { kpi, table: size as u8, by: by as u8, start }
    }

    /// The beginning of the keys of its values.
    pub(super) fn prefix(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(HEAD_BYTES + 24);
        key.extend_from_slice(&[self.kpi as u8, self.table, self.by]);
        key.extend_from_slice(&((self.start as u64) ^ (1 << 63)).to_be_bytes());
        key
    }

    /// The key of one value.
    pub(super) fn key(self, value: &str) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(value.as_bytes());
        key
    }

    /// The window and the value of a key.
    pub(super) fn parse(key: &[u8]) -> Option<(Self, &str)> {
        let (head, value) = key.split_at_checked(HEAD_BYTES)?;
        let kpi = KPIS.get(usize::from(head[0]))?.kpi;
        let start = u64::from_be_bytes(head[3..].try_into().ok()?) ^ (1 << 63);
        let window = Self { kpi, table: head[1], by: head[2], start: start as i64 };
        Some((window, std::str::from_utf8(value).ok()?))
    }

    /// Its size, where its table is one.
    pub(super) fn size(self) -> Option<Size> {
        Size::ALL.get(usize::from(self.table)).copied()
    }

    /// Its dimension.
    pub(super) fn by(self) -> By {
        By::ALL[usize::from(self.by) % By::ALL.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_and_sort_by_start() {
        let window = |start| Window::new(Kpi::SlaMet, Size::Hour, By::Partner, start);
        for start in [-3_600_000, 0, 1_790_000_000_000] {
            assert_eq!(Window::parse(&window(start).key("p")), Some((window(start), "p")));
        }
        assert!(window(-1).prefix() < window(0).prefix() && window(0).prefix() < window(1).prefix());
        assert_eq!(Window::parse(b"short"), None);
    }
}
