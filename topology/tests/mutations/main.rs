//! Proof that the simulation bites: the runtime is broken on purpose, one fault at a time, and the
//! seeds that pass on the runtime as it is must fail on each.
//!
//! The faults are texts replaced in a copy of the sources below the build folder, so the runtime itself holds
//! no switch for them. One that no longer fits its file fails here and is to be brought up to date.

mod copy;
mod list;

use std::sync::Mutex;

use copy::{Copied, Ended};
use list::MUTATIONS;

/// Builds a copy for each fault: not for every `cargo test`. `make test` runs it.
#[test]
#[ignore = "takes minutes: make mutations"]
fn the_simulation_catches_every_mutation() {
    let left = Mutex::new(MUTATIONS.iter());
    let next = || left.lock().expect("nobody panics with it").next();
    let work = |number| {
        let copied = Copied::new(number);
        if number == 0 {
            let (ended, said) = copied.run();
            assert_eq!(ended, Ended::Passed, "without a mutation the seeds must pass:\n{said}");
        }
        let mut survived = Vec::new();
        while let Some(mutation) = next() {
            let (ended, said) = copied.run_with(mutation);
            println!("{ended:?}: {}", mutation.name);
            match ended {
                Ended::Caught => {}
                Ended::Passed => survived.push(mutation.name),
                Ended::NotBuilt => panic!("{:?} does not compile:\n{said}", mutation.name),
            }
        }
        survived
    };
    // A build has one thread for most of its time.
    let count = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let survived: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|number| scope.spawn(move || work(number))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("its panic says why")).collect()
    });
    assert!(survived.is_empty(), "the simulation does not notice: {survived:#?}");
}

#[test]
fn every_mutation_fits_its_file() {
    for mutation in MUTATIONS {
        let file = copy::sources().join(mutation.file);
        let text = std::fs::read_to_string(&file).expect("the file is there");
        assert_eq!(text.matches(mutation.from).count(), 1, "{:?} in {}", mutation.name, mutation.file);
        assert_ne!(mutation.from, mutation.to, "{:?}", mutation.name);
    }
}
