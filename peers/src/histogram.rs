//! Histograms as text, for whoever counts something.

use std::fmt::Write as _;

/// The length of the longest bar, characters.
const BAR: u64 = 40;

/// A row: from there, to there, so many.
pub(crate) struct Row {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) count: u64,
}

/// Appends a line for each row, with its share of the total and a bar.
pub(crate) fn draw(rows: impl IntoIterator<Item = Row>, text: &mut String) {
    let rows: Vec<_> = rows.into_iter().collect();
    let total = rows.iter().map(|row| row.count).sum::<u64>().max(1);
    let most = rows.iter().map(|row| row.count).max().unwrap_or(0).max(1);
    let width = rows.iter().map(|row| row.to.chars().count()).max().unwrap_or(0).max(6);
    for Row { from, to, count } in rows {
        let percent = count as f64 * 100.0 / total as f64;
        let line =
            format!("{from:>width$} … {to:>width$} {count:>10} {percent:>5.1} %  {}", bar(count, most));
        let _ = write!(text, "\n{}", line.trim_end());
    }
}

/// A bar of eighths of characters; where there is something, something is seen.
fn bar(count: u64, most: u64) -> String {
    let eighths = (u128::from(count) * u128::from(BAR * 8)).div_ceil(u128::from(most)) as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars() {
        assert_eq!(bar(0, 1000), "");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(1000, 1000).chars().count(), 40);
        assert_eq!(bar(500, 1000).chars().count(), 20);
    }
}
