//! The JCMS event hub's binary: hands over to the command line.

mod bench;
mod cli;
mod config;
mod generate;
mod runtime;
mod sandbox;
mod wiring;

use std::process::ExitCode;

/// Many small records of many sizes live for milliseconds: this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
