//! Checks of calendars.

use hashbrown::HashSet;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::SlaCode;
use super::calendar::{Calendar, Hours};
use super::check::Check;
use super::spec::CalendarSpec;
use crate::route::nearest_help;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Check<'_> {
    pub(super) fn calendar(&mut self, spec: &CalendarSpec) -> Option<Calendar> {
        let noted = self.faults.len();
        let zone = TimeZone::get(&spec.time_zone).ok();
        if zone.is_none() {
            let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
            let nearest = crate::route::nearest(&spec.time_zone, names.iter().map(String::as_str));
            let help = nearest.map(|name| format!("nearest: {name:?}"));
            let message = format!("names the time zone {:?}, which does not exist", spec.time_zone);
            self.fault(SlaCode::UnknownTimeZone, "time_zone", message, help);
        }
        let mut holidays = HashSet::new();
        for text in &spec.holidays {
            if let Ok(date) = text.parse::<Date>() {
                holidays.insert(date);
            } else {
                let help = Some("dates are written 2026-08-15".to_owned());
                self.fault(SlaCode::BadDate, "holidays", format!("lists the holiday {text:?}, which is no date"), help);
            }
        }
        let hours = self.hours(spec);
        (noted == self.faults.len()).then_some(())?;
        Some(Calendar::new(&zone?, &hours, &holidays))
    }

    fn hours(&mut self, spec: &CalendarSpec) -> [Vec<Hours>; 7] {
        let mut hours: [Vec<Hours>; 7] = Default::default();
        for (weekday, texts) in &spec.hours {
            let Some(place) = WEEKDAYS.iter().position(|name| name == weekday) else {
                let message = format!("names the weekday {weekday:?}, which does not exist");
                self.fault(SlaCode::BadHours, "hours", message, nearest_help(weekday, &WEEKDAYS));
                continue;
            };
            for text in texts {
                let Some(parsed) = parse_hours(text) else {
                    let message = format!("has the working hours {text:?}, which cannot be read");
                    let help =
                        Some("hours are written 09:30-18:00, from the earlier to the later; 24:00 ends a day".into());
                    self.fault(SlaCode::BadHours, "hours", message, help);
                    continue;
                };
                hours[place].push(parsed);
            }
            hours[place].sort_unstable_by_key(|(from, _)| *from);
            if hours[place].windows(2).any(|pair| pair[0].1.is_none_or(|until| until > pair[1].0)) {
                let message = format!("has working hours on {weekday} that overlap");
                self.fault(SlaCode::BadHours, "hours", message, Some("join them".into()));
            }
        }
        if hours.iter().all(Vec::is_empty) {
            let help = Some("add hours, such as monday = [\"09:00-18:00\"]".to_owned());
            self.fault(SlaCode::BadHours, "hours", "has no working hours at all", help);
        }
        hours
    }
}

fn parse_hours(text: &str) -> Option<Hours> {
    let (from, until) = text.split_once('-')?;
    let from: Time = from.trim().parse().ok()?;
    if until.trim() == "24:00" {
        return Some((from, None));
    }
    let until: Time = until.trim().parse().ok()?;
    (from < until).then_some((from, Some(until)))
}
