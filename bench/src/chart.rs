//! A chart of bars, as SVG.

/// Pixels: the height of a row, where bars begin, how long the longest is.
const ROW: usize = 26;
const LEFT: usize = 250;
const LONGEST: f64 = 380.0;

/// A chart of bars with their names and values.
pub fn bars(title: &str, rows: &[(&str, f64)]) -> String {
    let most = rows.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let height = (rows.len() + 1) * ROW + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n<text x=\"4\" y=\"18\" font-weight=\"bold\">{title}</text>\n"
    );
    for (index, (name, value)) in rows.iter().enumerate() {
        let top = (index + 1) * ROW;
        let (text, length) = (top + 17, value / most * LONGEST);
        let end = LEFT as f64 + length + 6.0;
        let colour = if index == 0 { "#1a7f5a" } else { "#8a94a6" };
        svg += &format!(
            "<text x=\"4\" y=\"{text}\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.0}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{end:.0}\" y=\"{text}\">{value:.0}</text>\n",
            top + 3,
            ROW - 6,
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_longest_bar_is_the_largest_value() {
        let svg = super::bars("t", &[("a", 5.0), ("b", 10.0)]);
        assert!(svg.contains("width=\"190\"") && svg.contains("width=\"380\""), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2);
    }
}
