//! Topics as a file that operations keep: `deploy/topics.toml` is the one of the shipped defaults.

use std::path::Path;

use serde::Deserialize;
use topology::{Cleanup, TopicSpec};

use crate::config::{duration, nearest};

const HEAD: &str = "\
# The topics that the hub needs, as `hub topics list --output toml` writes them. Change how long they are kept,
# then: hub topics plan --file topics.toml, and hub topics apply --file topics.toml. The number of partitions is
# log.partitions of the configuration, and stays once a topic exists.
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsFile {
    topic: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: toml::Spanned<String>,
    partitions: u32,
    cleanup: Kind,
    retention: Option<toml::Spanned<String>>,
    retention_bytes: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Delete,
    Compact,
    #[serde(rename = "compact,delete")]
    CompactDelete,
}

/// The file's text.
pub(super) fn write(topics: &[TopicSpec]) -> String {
    let mut out = HEAD.to_owned();
    for spec in topics {
        out += &format!("\n[[topic]]\nname = \"{}\"\npartitions = {}\n", spec.name, spec.partitions);
        match spec.cleanup {
            Cleanup::Compact => out += "cleanup = \"compact\"\n",
            Cleanup::Delete | Cleanup::CompactDelete => {
                let both = spec.cleanup == Cleanup::CompactDelete;
                out += if both { "cleanup = \"compact,delete\"\n" } else { "cleanup = \"delete\"\n" };
                if let Some(kept) = spec.retention {
                    out += &format!("retention = \"{}\"\n", duration::display(kept));
                }
                if let Some(bytes) = spec.retention_bytes {
                    out += &format!("retention_bytes = {bytes}\n");
                }
            }
        }
    }
    out
}

/// Reads a file that must name just the topics in `needed`.
///
/// # Errors
/// Every fault, each a sentence with its place.
pub(super) fn read(path: &Path, needed: &[TopicSpec]) -> Result<Vec<TopicSpec>, Vec<String>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![format!("{} cannot be read: {error}", path.display())])?;
    parse(&path.display().to_string(), &text, needed)
}

fn parse(path: &str, text: &str, needed: &[TopicSpec]) -> Result<Vec<TopicSpec>, Vec<String>> {
    let file: TopicsFile = toml::from_str(text).map_err(|error| vec![format!("{path}: {error}")])?;
    let place = |span: std::ops::Range<usize>| {
        let line = text[..span.start].matches('\n').count() + 1;
        format!("{path}:{line}")
    };
    let (mut topics, mut faults): (Vec<TopicSpec>, Vec<String>) = (Vec::new(), Vec::new());
    for entry in file.topic {
        let (at, name) = (place(entry.name.span()), entry.name.into_inner());
        if topics.iter().any(|known| *known.name == *name) {
            faults.push(format!("{at}: {name} is named twice"));
            continue;
        }
        if !needed.iter().any(|spec| *spec.name == *name) {
            let known = needed.iter().map(|spec| &*spec.name);
            let help = nearest(&name, known).map_or_else(String::new, |near| format!("; the nearest name is {near}"));
            faults.push(format!("{at}: the hub has no topic {name}{help}"));
            continue;
        }
        if entry.partitions == 0 {
            faults.push(format!("{at}: {name} needs at least one partition"));
        }
        if entry.cleanup == Kind::Compact && (entry.retention.is_some() || entry.retention_bytes.is_some()) {
            faults.push(format!("{at}: {name} is compacted: retention does not go with it"));
        }
        let retention = entry.retention.and_then(|kept| {
            let at = place(kept.span());
            duration::parse(kept.get_ref()).map_err(|why| faults.push(format!("{at}: {why}"))).ok()
        });
        topics.push(TopicSpec {
            name: name.into(),
            partitions: entry.partitions,
            cleanup: match entry.cleanup {
                Kind::Delete => Cleanup::Delete,
                Kind::Compact => Cleanup::Compact,
                Kind::CompactDelete => Cleanup::CompactDelete,
            },
            retention,
            retention_bytes: entry.retention_bytes,
        });
    }
    if faults.is_empty() {
        let absent = needed.iter().filter(|spec| !topics.iter().any(|known| known.name == spec.name));
        faults.extend(absent.map(|spec| format!("{path}: {} is missing, which the hub needs", spec.name)));
    }
    if faults.is_empty() { Ok(topics) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::wiring;

    fn needed() -> Vec<TopicSpec> {
        let windows = TopicSpec::compact_delete("hub.windows", 4, Duration::from_hours(27));
        let order = TopicSpec::delete("hub.order", 4, Some(Duration::from_hours(168)));
        vec![order, TopicSpec::compact("hub.catalog", 1), windows]
    }

    #[test]
    fn what_is_written_is_read_again() {
        let topics =
            [TopicSpec { retention_bytes: Some(9), ..needed()[0].clone() }, needed()[1].clone(), needed()[2].clone()];
        assert_eq!(parse("t", &write(&topics), &needed()).unwrap(), topics);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "[[topic]]\nname = \"hub.ordre\"\npartitions = 1\ncleanup = \"delete\"\n\
                    [[topic]]\nname = \"hub.catalog\"\npartitions = 0\ncleanup = \"compact\"\nretention = \"soon\"\n";
        let faults = parse("topics.toml", text, &needed()).unwrap_err();
        let expected = [
            "topics.toml:2: the hub has no topic hub.ordre; the nearest name is hub.order",
            "topics.toml:6: hub.catalog needs at least one partition",
            "topics.toml:6: hub.catalog is compacted: retention does not go with it",
        ];
        assert_eq!(faults[..3], expected);
        assert!(faults[3].starts_with("topics.toml:9: "), "{faults:?}");
        let missing = parse("t", &write(&needed()[..1]), &needed()[..2]).unwrap_err();
        assert_eq!(missing, ["t: hub.catalog is missing, which the hub needs"]);
        assert!(parse("t", "[[topic]]\nname = 3", &needed()).unwrap_err()[0].contains("line 2"));
    }

    #[test]
    fn the_shipped_file_is_what_the_defaults_need() {
        let config = Config::defaults();
        let mut topics = wiring::topics(&config, &wiring::topology(&config).unwrap());
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        let shipped = include_str!("../../../../deploy/topics.toml");
        assert_eq!(shipped, write(&topics), "write it anew: hub topics list --output toml > deploy/topics.toml");
    }
}
