//! Flags on a picker's command line: with one dash or two, the value behind `=` or as the next word (edge 48).

use serde_json::Value;

use crate::tree;

/// Flags that take the document itself; the same with `file` take a path.
const TEXT_FLAGS: [&str; 2] = ["config-text", "configText"];
const FILE_FLAGS: [&str; 2] = ["config-file", "configFile"];

/// The configuration flag among arguments and its value, which follows it or stands behind `=` (edge 48).
pub fn pair(args: &[Value]) -> Option<(String, String)> {
    let index = args.iter().position(|a| a.as_str().is_some_and(is_config))?;
    let arg = args.get(index)?.as_str()?;
    let next = || args.get(index + 1)?.as_str();
    let (flag, value) = arg.split_once('=').or_else(|| Some((arg, next()?)))?;
    Some((flag.to_owned(), value.to_owned()))
}

/// The document that stands among arguments.
pub fn text_argument(args: &[Value]) -> Option<String> {
    pair(args).filter(|(flag, _)| takes_text(flag)).map(|(_, text)| text)
}

/// The flag takes the document.
pub fn takes_text(flag: &str) -> bool {
    TEXT_FLAGS.contains(&name(flag))
}

fn is_config(arg: &str) -> bool {
    arg.starts_with('-') && (takes_text(arg) || FILE_FLAGS.contains(&name(arg)))
}

fn name(arg: &str) -> &str {
    arg.split('=').next().unwrap_or(arg).trim_start_matches('-')
}

/// Removes every configuration flag with its value.
pub(super) fn remove_config(args: &mut Vec<Value>) {
    while let Some(index) = args.iter().position(|a| a.as_str().is_some_and(is_config)) {
        let flag = args.remove(index);
        if !flag.as_str().unwrap_or_default().contains('=') && index < args.len() {
            args.remove(index);
        }
    }
}

/// Removes every form of a flag, whose name stands without dashes; the last value counts, and a bare flag is true.
pub(super) fn take(words: &mut Vec<Value>, flag: &str) -> Option<String> {
    let mut taken = None;
    let is_it = |word: &Value| word.as_str().is_some_and(|w| w.starts_with('-') && name(w) == flag);
    while let Some(index) = words.iter().position(is_it) {
        let word = words.remove(index);
        let inline = word.as_str().and_then(|w| w.split_once('=')).map(|(_, value)| value.to_owned());
        let next =
            words.get(index).and_then(Value::as_str).filter(|v| !v.starts_with('-')).map(str::to_owned);
        if inline.is_none() && next.is_some() {
            words.remove(index);
        }
        taken = inline.or(next).or_else(|| Some("true".to_owned()));
    }
    taken
}

/// The same over command and arguments of all containers of a pod. The picker's own value counts, else that of the
/// first container that has one (edge 49).
pub(super) fn take_from_pod(pod: &mut Value, flag: &str) -> Option<String> {
    let mut taken = Vec::new();
    for container in tree::array(pod, "containers") {
        let is_picker = tree::text(container, &["name"]) == "main";
        for list in ["command", "args"] {
            let Some(words) = container.get_mut(list).and_then(Value::as_array_mut) else { continue };
            taken.extend(take(words, flag).map(|value| (is_picker, value)));
        }
    }
    let own = taken.iter().rfind(|(is_picker, _)| *is_picker);
    own.or_else(|| taken.first()).map(|(_, value)| value.clone())
}
