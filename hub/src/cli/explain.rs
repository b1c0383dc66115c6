//! `hub explain`: the page behind a code, offline.

use connectors::http::ProblemCode;
use processors::route::RouteCode;
use processors::sla::SlaCode;
use schemas::Code;

use super::exit::{self, Exit, fail};
use crate::config::{ConfigCode, nearest};

/// `hub explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A code such as HUB-2003, or its name such as `bad_timestamp`.
    code: String,
}

struct Page {
    number: &'static str,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    status: Option<u16>,
}

/// The codes of objectives and calendars.
const SLA: [(SlaCode, &str); 18] = [
    (SlaCode::UnknownFamily, "An objective is about a family of events that does not exist."),
    (
        SlaCode::UnknownKind,
        "An objective is about a kind of entity that its family does not have, or that has no clocks.",
    ),
    (SlaCode::UnknownState, "An objective names a state that its kind of entity does not have."),
    (SlaCode::UnknownCalendar, "An objective names a calendar that is not configured."),
    (SlaCode::BadTarget, "A target or a warning level cannot be read, or is zero."),
    (SlaCode::DuplicateName, "Two objectives, or two calendars, have the same name."),
    (SlaCode::BadName, "The name of an objective or calendar is empty, or holds a character that names may not have."),
    (SlaCode::RoleConflict, "One state has two roles in an objective that exclude each other, or a role has no state."),
    (SlaCode::CalendarMismatch, "A business clock needs a calendar, and a calendar a business clock."),
    (SlaCode::UnknownTimeZone, "A calendar names a time zone that does not exist."),
    (SlaCode::BadHours, "Working hours cannot be read, overlap, or are none at all."),
    (SlaCode::BadDate, "A holiday is not a date."),
    (SlaCode::NoHolidays, "A calendar lists no holiday for a year."),
    (SlaCode::Overlap, "Two objectives are for the same entities, and their clocks always count the same time."),
    (SlaCode::NeverCounts, "An objective's clock rests in every state in which it could count."),
    (
        SlaCode::VersionMismatch,
        "Two versions of an objective are not for the same kind of entity, or start their clocks otherwise.",
    ),
    (SlaCode::VersionOverlap, "Two versions of an objective are valid at the same time."),
    (SlaCode::BadLadder, "A step of a ladder stands at no share from 1 to 100 percent, or calls nobody."),
];

/// Every page, by number.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for code in ConfigCode::ALL {
        pages.push(Page {
            number: code.number(),
            name: code.name(),
            title: code.title(),
            help: code.help(),
            status: None,
        });
    }
    for code in RouteCode::ALL {
        pages.push(Page {
            number: code.number(),
            name: code.name(),
            title: "A route, or a condition in it, cannot be used as it is written.",
            help: "The message names the place and the nearest name; `hub check FILE` shows all faults at once.",
            status: None,
        });
    }
    for (code, title) in SLA {
        pages.push(Page {
            number: code.number(),
            name: code.name(),
            title,
            help: "The message names the place and what may stand there; `hub check FILE` shows all faults at once.",
            status: None,
        });
    }
    for code in Code::ALL {
        let status = Some(code.http_status());
        pages.push(Page { number: code.number(), name: code.name(), title: code.title(), help: code.help(), status });
    }
    for code in ProblemCode::ALL {
        let status = Some(code.http_status());
        pages.push(Page { number: code.number(), name: code.name(), title: code.title(), help: code.help(), status });
    }
    pages
}

impl Explain {
    pub(super) fn run(self) -> Exit {
        let pages = pages();
        let wanted = self.code.trim();
        let found = pages
            .iter()
            .find(|page| page.number.eq_ignore_ascii_case(wanted) || page.name.eq_ignore_ascii_case(wanted));
        let Some(page) = found else {
            let known = pages.iter().flat_map(|page| [page.number, page.name]);
            let near = nearest(wanted, known).map_or_else(String::new, |near| format!("; nearest: {near}"));
            return fail(Exit::Failed, format_args!("there is no code {wanted:?}{near}"));
        };
        let status = page.status.map_or_else(String::new, |status| format!("\nHTTP status: {status}"));
        exit::print(&format!("{} {}\n\n{}\n{}{status}", page.number, page.name, page.title, page.help))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_number_has_one_page() {
        let mut numbers: Vec<_> = super::pages().iter().map(|page| page.number).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
