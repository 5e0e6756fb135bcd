//! What others wrote, cut to what fits into a message and may be shown there.

/// Characters that are kept of somebody's text.
const LIMIT: usize = 240;

/// The last line that says anything; of a traceback that is the error itself.
pub(super) fn last_line(text: &str) -> String {
    clean(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default())
}

/// One line without secrets, not too long and without a full stop.
pub(super) fn clean(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(without_secrets).collect();
    let line = words.join(" ");
    let line = line.trim_end_matches('.');
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}

/// `: text`, or nothing.
pub(super) fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// A URL without its user and query (signed URLs carry keys there), and no tokens: a status is read by more people
/// than a log.
fn without_secrets(word: &str) -> String {
    let word = hide_token(word);
    let Some((scheme, rest)) = word.split_once("://") else { return word };
    let rest = rest.split_once('?').map_or(rest, |(place, _)| place);
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{}", path.map(|path| format!("/{path}")).unwrap_or_default())
}

/// Tokens that can be told by their beginning.
fn hide_token(word: &str) -> String {
    const PREFIXES: [&str; 6] = ["hf_", "AKIA", "ASIA", "ghp_", "eyJ", "sk-"];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let start = |prefix: &str| {
        let at = word.find(prefix)?;
        let before = word.get(..at)?.chars().next_back();
        before.is_none_or(|c| !is_part(c)).then_some(at)
    };
    let Some(at) = PREFIXES.into_iter().find_map(start) else { return word.to_owned() };
    let token = word.get(at..).unwrap_or_default();
    let end = token.find(|c| !is_part(c)).unwrap_or(token.len());
    if end < 16 {
        return word.to_owned();
    }
    format!("{}***{}", word.get(..at).unwrap_or_default(), token.get(end..).unwrap_or_default())
}
