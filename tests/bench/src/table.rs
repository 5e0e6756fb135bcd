//! Printing figures beside their bounds.

use std::time::Duration;

/// One figure.
#[derive(Debug)]
pub struct Row {
    what: String,
    measured: String,
    bound: String,
}

impl Row {
    /// A figure; `bound` is empty where there is none.
    pub fn new(what: &str, measured: String, bound: &str) -> Self {
        Self { what: what.to_owned(), measured, bound: bound.to_owned() }
    }
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!("| Figure | Measured | At most |\n|---|---|---|");
    for row in rows {
        println!("| {} | {} | {} |", row.what, row.measured, row.bound);
    }
}

/// The median; zero of none.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// `count / of` with two decimals.
pub fn ratio(count: u64, of: u64) -> String {
    let hundredths = count * 100 / of.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
