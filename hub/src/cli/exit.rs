//! How a command ends: exit codes that scripts can use.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::config::ConfigCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It failed, or found faults.
    Failed,
    /// The command was not given as it must be.
    Usage,
    /// Some items failed.
    SomeFailed,
    /// Things differ from what they shall be.
    Differs,
    /// The hub cannot be reached.
    Unreachable,
    /// It took too long, or there was no room: another try may do.
    TryAgain,
    /// The hub does not allow it.
    NotAllowed,
    /// The configuration is invalid.
    BadConfig,
    /// Ctrl-C: what was taken in is finished first, unless it comes twice.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::SomeFailed => 3,
            Exit::Differs => 4,
            Exit::Unreachable => 69,
            Exit::TryAgain => 75,
            Exit::NotAllowed => 77,
            Exit::BadConfig => 78,
            Exit::Interrupted => 130,
        })
    }
}

/// Says on stderr why the command failed.
pub(super) fn fail(exit: Exit, why: impl std::fmt::Display) -> Exit {
    eprintln!("error: {why}");
    exit
}

/// Like [`fail`], with a line on what to do.
pub(super) fn fail_with_help(exit: Exit, why: impl std::fmt::Display, help: impl std::fmt::Display) -> Exit {
    eprintln!("error: {why}\nhelp: {help}");
    exit
}

/// Like [`fail_with_help`], with the stable code.
pub(super) fn fail_with_code(exit: Exit, code: ConfigCode, why: impl std::fmt::Display) -> Exit {
    let number = code.number();
    eprintln!("error[{number}]: {why}\nhelp: {}\nnote: hub explain {number}", code.help());
    exit
}

/// Prints a line to stdout; a reader that closed the pipe is no error.
pub(super) fn print(text: &str) -> Exit {
    match writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n')) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => fail(Exit::Failed, format_args!("cannot write to stdout: {error}")),
    }
}

/// Asks on the terminal whether to do what a plan on stderr has shown; a command that was given `--yes` does not ask.
///
/// # Errors
///
/// [`Exit::Usage`] where nobody can be asked, with `what` would be done; [`Exit::Failed`] where the answer is no, with
/// what did not happen.
pub(super) fn confirm(
    question: impl std::fmt::Display,
    what: impl std::fmt::Display,
    declined: impl std::fmt::Display,
) -> Result<(), Exit> {
    if !std::io::stdin().is_terminal() {
        let why = format_args!("{what}, and nobody can be asked");
        return Err(fail_with_help(Exit::Usage, why, "look at the plan above, then add --yes"));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut answer));
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(fail(Exit::Failed, declined))
}
