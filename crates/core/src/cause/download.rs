//! Downloads of models that failed, by what the container wrote last.
//!
//! The container is made with `terminationMessagePolicy: FallbackToLogsOnError` (`reference/workloads.md §9.4`), so
//! its termination message is the end of its log.

use super::why::Why;

const REFUSED: [&str; 12] = [
    "401",
    "403",
    "unauthorized",
    "forbidden",
    "accessdenied",
    "access denied",
    "gatedrepo",
    "gated repo",
    "is restricted",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "credentials",
];
const NOT_FOUND: [&str; 9] = [
    "404",
    "not found",
    "notfound",
    "nosuchbucket",
    "nosuchkey",
    "does not exist",
    "no such bucket",
    "no such key",
    "modelcar is invalid",
];
const DISK_FULL: [&str; 5] =
    ["no space left on device", "enospc", "errno 28", "disk quota exceeded", "not enough free disk space"];

/// The kind of failure. An answer of the source's server is believed before anything that its client says about it:
/// a client of Hugging Face calls a repository not found which the server refused with 401.
pub(super) fn kind(message: &str) -> Why {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| has_word(&message, word));
    if says(&DISK_FULL) {
        Why::DiskFull
    } else if says(&REFUSED) {
        Why::Refused
    } else if says(&NOT_FOUND) {
        Why::NotFound
    } else {
        Why::Download
    }
}

/// Codes are words of their own: `401` is no part of a size or of a hash.
fn has_word(text: &str, word: &str) -> bool {
    let is_code = word.bytes().all(|b| b.is_ascii_digit());
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !is_code || ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '.')
    })
}

/// The line that tells the failure, where one does: the end of a log may be anything.
pub(super) fn telling_line(message: &str) -> Option<&str> {
    let mut lines = message.lines().rev().filter(|line| !line.trim().is_empty());
    lines.find(|line| kind(line) != Why::Download)
}
