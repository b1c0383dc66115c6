//! The JCMS event hub's binary: hands over to the command line.

mod bench;
mod cli;
mod config;
mod generate;
mod monitoring;
mod parts;
mod report;
mod runtime;
mod sandbox;
mod wiring;

use std::process::ExitCode;

/// Many small records of many sizes live for milliseconds: this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    use_small_pages();
    cli::main()
}

/// Asks the kernel for pages of 4 KiB only.
///
/// Records live for milliseconds, and what the allocator gives back comes again as a huge page that
/// the kernel has to clear first, 2 MiB at a time: measured, a sixth of the processor time and
/// two fifths of the memory. Where the kernel refuses, only speed is lost.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
