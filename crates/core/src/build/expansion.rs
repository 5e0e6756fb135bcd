//! Kubernetes expands `$(NAME)` and `$$` in `command`, `args` and literal `env` values. Here values are written
//! so that what arrives is what was meant.

/// Writes text that has to arrive as it is.
pub fn escape(text: &str) -> String {
    if text.contains("$$") || text.contains("$(") { text.replace('$', "$$") } else { text.to_owned() }
}

/// Splits the literal value of an environment variable by POSIX shell rules. The words arrive as if the pod had
/// split the variable's content; a reference to another variable is still expanded, but never split.
/// None when a quote is not closed.
pub fn split(value: &str) -> Option<Vec<String>> {
    Some(shlex::split(&mark(value))?.iter().map(|word| unmark(word)).collect())
}

/// Noncharacters around the name of a reference while the text is split; no text interchanges them.
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';

/// Replaces `$$` by `$`, and each `$(NAME)` by the marked name.
fn mark(value: &str) -> String {
    let mut marked = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        marked.push_str(before);
        if let Some((name, next)) = reference(after) {
            marked.extend([OPEN.to_string().as_str(), name, CLOSE.to_string().as_str()]);
            rest = next;
        } else {
            marked.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    marked + rest
}

/// The name in `(NAME)`, the part of a reference after its `$`, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('(')?.split_once(')')?;
    is_name(name).then_some((name, after))
}

fn is_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(valid)
}

/// Writes the references back, and everything else so that it arrives as it is.
fn unmark(word: &str) -> String {
    if !word.contains(OPEN) {
        return escape(word);
    }
    let mut pieces = word.split(OPEN);
    let mut text = pieces.next().unwrap_or_default().replace('$', "$$");
    for piece in pieces {
        match piece.split_once(CLOSE).filter(|(name, _)| is_name(name)) {
            Some((name, after)) => text.extend(["$(", name, ")", &after.replace('$', "$$")]),
            None => text.extend([OPEN.to_string(), piece.replace('$', "$$")]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What the kubelet does with `command`, `args` and literal `env` values.
    fn expand(text: &str, env: &BTreeMap<&str, &str>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(next) = after.strip_prefix('$') {
                out.push('$');
                rest = next;
            } else if let Some((name, next)) = after.strip_prefix('(').and_then(|t| t.split_once(')')) {
                out.push_str(&env.get(name).map_or_else(|| format!("$({name})"), ToString::to_string));
                rest = next;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out + rest
    }

    fn arriving(value: &str) -> Option<Vec<String>> {
        let env = BTreeMap::from([("POD_IP", "10.0.0.1")]);
        Some(split(value)?.iter().map(|word| expand(word, &env)).collect())
    }

    #[test]
    fn json_with_quotes_spaces_and_dollars_arrives_byte_exact() {
        let value = r#"--x '{"a": "it costs $5, $(NOT_A_VARIABLE)"}' --y=\"b\" --z "$HOME""#;
        let json = r#"{"a": "it costs $5, $(NOT_A_VARIABLE)"}"#;
        assert_eq!(arriving(value).unwrap(), ["--x", json, "--y=\"b\"", "--z", "$HOME"]);
    }

    #[test]
    fn a_reference_to_another_variable_is_still_expanded() {
        assert_eq!(
            arriving("--host $(POD_IP) a$$$(POD_IP)$b").unwrap(),
            ["--host", "10.0.0.1", "a$10.0.0.1$b"]
        );
    }

    #[test]
    fn an_escaped_reference_stays_text() {
        assert_eq!(arriving("$$(POD_IP)").unwrap(), ["$(POD_IP)"]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert_eq!(split("--x '{"), None);
    }

    proptest! {
        #[test]
        // W-22
        fn any_text_arrives_byte_exact(text in "[ -~]{0,40}") {
            prop_assert_eq!(expand(&escape(&text), &BTreeMap::new()), text);
        }

        #[test]
        fn any_quoted_json_arrives_byte_exact(key in ".{0,12}", value in "[\"'$() {}a-z\\\\]{0,30}") {
            let json = serde_json::json!({ key: value }).to_string();
            prop_assume!(!json.contains('\0'));
            let quoted = shlex::try_quote(&json).unwrap().replace('$', "$$");
            prop_assert_eq!(arriving(&format!("--x {quoted}")).unwrap(), ["--x".to_owned(), json]);
        }

        #[test]
        fn words_arrive_as_the_pod_would_split_the_variable(value in "[$()'\"\\\\ aB#]{0,24}") {
            let content = expand(&value, &BTreeMap::new());
            prop_assert_eq!(arriving(&value), shlex::split(&content));
        }
    }
}
