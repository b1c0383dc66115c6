//! The log port's one suite of cases on each of its implementations.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use connectors::embedded::conformance::{self, Subject};
use connectors::embedded::{EmbeddedLog, Settings};
use connectors::kafka::GroupProtocol;
use topology::sim::{FaultPlan, SimLog};

use crate::support::Broker;

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
    // Where commits take their time as well.
    let slow = FaultPlan { slow_commit: 1_000, ..FaultPlan::NONE };
    conformance::run_all(&|| Arc::new(SimLog::with_faults(7, slow)));
}

#[test]
fn kafka_does_what_the_port_says() {
    let broker = Broker::start();
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        for (name, case) in conformance::CASES {
            let log = broker.log_with(&format!("{protocol:?}.{name}."), "one", |settings| settings.protocol = protocol);
            let began = std::time::Instant::now();
            case(Subject { log: &*log, patience: Duration::from_secs(30) });
            println!("{protocol:?} {name}: {:?}", began.elapsed());
        }
    }
}
