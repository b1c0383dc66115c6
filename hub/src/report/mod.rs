//! The report of a partner's period as a file: JSON for programs, HTML for people.

mod html;

use std::io::Write as _;
use std::path::Path;

use schemas::{ScorePart, Scorecard, Timestamp};
use serde_json::{Value, json};

pub use html::html;

/// A card as JSON.
pub fn json(card: &Scorecard) -> Value {
    let share = |ppm: Option<i64>| ppm.map(|ppm| ppm as f64 / 1e6);
    let part = |part: &ScorePart| {
        json!({
            "name": part.name,
            "share": share(part.share_ppm),
            "target": part.target_ppm as f64 / 1e6,
            "met": part.share_ppm.map(|found| found >= part.target_ppm),
            "good": part.good,
            "count": part.count,
            "weight": part.weight,
            "suspect": part.suspect,
            "late": part.late,
        })
    };
    json!({
        "partner": card.partner_id,
        "period": card.period,
        "period_kind": card.period_kind,
        "start": card.start_at.to_string(),
        "end": card.end_at.to_string(),
        "score": share(card.score_ppm),
        "final": card.revision > 0,
        "revision": card.revision,
        "parts": card.parts.iter().map(part).collect::<Vec<_>>(),
        "our_faults": card.our_faults,
        "response_p50_ms": card.response_p50_ms,
        "response_p95_ms": card.response_p95_ms,
        "told_at": card.told_at.to_string(),
    })
}

/// The card of such JSON; nothing where it is of another shape.
pub fn from_json(value: &Value) -> Option<Scorecard> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |name: &str| {
        let at: jiff::Timestamp = value[name].as_str()?.parse().ok()?;
        Some(Timestamp(at.as_millisecond()))
    };
    let ppm = |share: &Value| share.as_f64().map(|share| (share * 1e6).round() as i64);
    let part = |part: &Value| {
        Some(ScorePart {
            name: text(&part["name"])?,
            count: part["count"].as_i64()?,
            good: part["good"].as_i64()?,
            share_ppm: ppm(&part["share"]),
            target_ppm: ppm(&part["target"])?,
            weight: i32::try_from(part["weight"].as_i64()?).ok()?,
            suspect: part["suspect"].as_i64()?,
            late: part["late"].as_i64()?,
        })
    };
    Some(Scorecard {
        partner_id: text(&value["partner"])?,
        period: text(&value["period"])?,
        period_kind: text(&value["period_kind"])?,
        start_at: time("start")?,
        end_at: time("end")?,
        score_ppm: ppm(&value["score"]),
        parts: value["parts"].as_array()?.iter().map(part).collect::<Option<_>>()?,
        our_faults: value["our_faults"].as_i64()?,
        response_p50_ms: value["response_p50_ms"].as_i64(),
        response_p95_ms: value["response_p95_ms"].as_i64(),
        revision: value["revision"].as_i64()?,
        told_at: time("told_at")?,
    })
}

/// Writes both forms to `FOLDER/PERIOD/PARTNER.json` and `.html`. What is there already and says the same is left as
/// it is; a reader never sees half a file.
pub fn write(folder: &Path, card: &Scorecard) -> std::io::Result<()> {
    let folder = folder.join(file_name(&card.period));
    std::fs::create_dir_all(&folder)?;
    let name = file_name(&card.partner_id);
    let text = serde_json::to_string_pretty(&json(card)).map_err(std::io::Error::other)?;
    put(&folder, &format!("{name}.json"), format!("{text}\n").as_bytes())?;
    put(&folder, &format!("{name}.html"), html(card).as_bytes())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    if std::fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let new = folder.join(format!(".{name}.new"));
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

/// The longest name, in bytes: with an ending it is one that every file system takes.
const NAME_BYTES: usize = 200;

/// A name that is one file's: whatever else a partner is called by stands as `%` and its byte.
fn file_name(text: &str) -> String {
    let mut name = if text.is_empty() { "%".to_owned() } else { String::new() };
    for (place, byte) in text.bytes().enumerate() {
        // A name that begins with a dot is hidden, or leads elsewhere.
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && place > 0) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > NAME_BYTES {
        let hash = topology::murmur2(text.as_bytes());
        name.truncate(NAME_BYTES);
        name.push_str(&format!("-{hash:08x}"));
    }
    name
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn card(partner: &str) -> Scorecard {
        let part = |name: &str, share_ppm| ScorePart {
            name: name.into(),
            count: 200,
            good: 190,
            share_ppm,
            target_ppm: 980_000,
            weight: 1,
            suspect: 0,
            late: 2,
        };
        Scorecard {
            partner_id: partner.into(),
            period: "2026-11".into(),
            period_kind: "month".into(),
            start_at: Timestamp(1_000),
            end_at: Timestamp(2_000),
            score_ppm: Some(950_000),
            parts: vec![part("availability", Some(950_000)), part("disputes", None)],
            our_faults: 3,
            response_p50_ms: Some(120),
            response_p95_ms: None,
            revision: 1,
            told_at: Timestamp(3_000),
        }
    }

    #[test]
    fn files_lie_in_their_folder_whatever_the_partner_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(400);
        for (partner, name) in [("P-1.a", "P-1.a"), ("../../etc/x", "%2E.%2F..%2Fetc%2Fx"), ("", "%")] {
            assert_eq!(file_name(partner), name);
        }
        assert!(file_name(&long).len() < 220 && file_name(&long) != file_name(&format!("{long}y")));
        assert_eq!(from_json(&json(&card("P"))), Some(card("P")));
        write(folder.path(), &card("../p")).unwrap();
        let path = folder.path().join("2026-11/%2E.%2Fp.json");
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        write(folder.path(), &card("../p")).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before, "what says the same is left alone");
        let read: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            (&read["score"], &read["parts"][0]["met"], &read["parts"][1]["met"]),
            (&0.95.into(), &false.into(), &Value::Null)
        );
        assert_eq!(std::fs::read_dir(folder.path().join("2026-11")).unwrap().count(), 2, "nothing half written stays");
    }
}
