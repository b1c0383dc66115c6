//! The page: whole in itself, without scripts, good on paper and for who hears it read.

use std::fmt::Write as _;

use schemas::{ScorePart, Scorecard};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #bbb}\
    td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.miss{font-weight:bold}caption{text-align:left;\
    padding-bottom:.5rem}footer{color:#444;font-size:.9rem;margin-top:2rem}@media print{body{margin:0}}";

/// What each part is a share of.
fn meaning(part: &str) -> &'static str {
    match part {
        "acknowledgement" => "deliveries taken within the time agreed",
        "completion" => "clocks that ended in time",
        "availability" => "calls answered as they should be",
        "disputes" => "orders without a ticket that names the partner",
        "data_quality" => "orders whose facts had no doubt",
        _ => "",
    }
}

/// The card as a page.
pub fn html(card: &Scorecard) -> String {
    let partner = escaped(&card.partner_id);
    let period = escaped(&card.period);
    let state = match card.revision {
        0 => "provisional: the period is not over".to_owned(),
        1 => "final".to_owned(),
        more => format!("final, amended {} times by what came late", more - 1),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{partner}, {period}</title>\
         <style>{STYLE}</style></head><body>\n<main><h1>Scorecard of {partner}</h1>\n\
         <p>{} {period}, from {} to {}; {state}.</p>\n<p><strong>Score: {}</strong></p>\n",
        escaped(&card.period_kind),
        card.start_at,
        card.end_at,
        percent(card.score_ppm)
    );
    page.push_str(
        "<table><caption>The score is the mean of the parts by weight; a part with too little to go by has none.\
         </caption><thead><tr><th scope=\"col\">Part</th><th scope=\"col\">Share of</th><th scope=\"col\" class=\"n\">\
         Share</th><th scope=\"col\" class=\"n\">Asked for</th><th scope=\"col\" class=\"n\">Good of all</th>\
         <th scope=\"col\" class=\"n\">Weight</th></tr></thead><tbody>\n",
    );
    for part in &card.parts {
        row(&mut page, part);
    }
    page.push_str("</tbody></table>\n");
    let time = |millis: Option<i64>| millis.map_or_else(|| "unknown".to_owned(), |millis| format!("{millis} ms"));
    let _ = write!(
        page,
        "<p>Half of the deliveries were taken within {}, 95 of 100 within {}. {} deliveries were given up for what we \
         sent and count against nobody.</p>\n</main><footer>Told at {}.</footer></body></html>\n",
        time(card.response_p50_ms),
        time(card.response_p95_ms),
        card.our_faults,
        card.told_at
    );
    page
}

fn row(page: &mut String, part: &ScorePart) {
    let is_missed = part.share_ppm.is_some_and(|share| share < part.target_ppm);
    let (class, note) = if is_missed { ("n miss", " (missed)") } else { ("n", "") };
    let _ = writeln!(
        page,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"{class}\">{}{note}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{} of {}</td><td class=\"n\">{}</td></tr>",
        escaped(&part.name.replace('_', " ")),
        meaning(&part.name),
        percent(part.share_ppm),
        percent(Some(part.target_ppm)),
        part.good,
        part.count,
        part.weight
    );
}

/// A share in millionths as people read it.
fn percent(ppm: Option<i64>) -> String {
    ppm.map_or_else(|| "too little to go by".to_owned(), |ppm| format!("{:.2} %", ppm as f64 / 1e4))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    #[test]
    fn the_page_says_what_was_missed_and_runs_nothing() {
        let page = html(&card("<script>alert(1)</script>"));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("95.00 % (missed)") && page.contains("too little to go by"), "{page}");
        assert!(page.contains("190 of 200") && page.ends_with("</html>\n"));
    }
}
