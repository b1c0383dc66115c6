//! The log port's one suite of cases on each of its implementations.

use std::cell::RefCell;
use std::sync::Arc;

use connectors::embedded::{EmbeddedLog, Settings, conformance};
use topology::sim::SimLog;

#[test]
fn the_embedded_log_does_what_the_port_says() {
    // The folders outlive the logs that were opened in them.
    let folders = RefCell::new(Vec::new());
    conformance::run_all(&|| {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, report) = EmbeddedLog::open(folder.path(), Settings::default()).expect("a log in an empty folder");
        assert_eq!(report.torn_bytes, 0);
        folders.borrow_mut().push(folder);
        log
    });
    assert_eq!(folders.borrow().len(), conformance::CASES.len(), "each case had a log of its own");
}

#[test]
fn the_simulated_log_does_what_the_port_says() {
    conformance::run_all(&|| Arc::new(SimLog::new()));
}
