//! The words that the user adds to vLLM's command line.

use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;
use crate::build::argv::{self, ExtraArgs, Flags};
use crate::build::{expansion, start};
use crate::{labels, tree};

/// Reads `VLLM_ADDITIONAL_ARGS` of `main`. Its quoting matters only where it is split here.
pub fn extra_args(scope: &mut Scope<'_, '_>, main: &Value, composed: bool) -> ExtraArgs {
    let Some(variable) = tree::named(tree::list(main, &["env"]), argv::ADDITIONAL_ARGS) else {
        return ExtraArgs::Words(Vec::new());
    };
    if tree::get(variable, &["valueFrom"]).is_some_and(|v| !v.is_null()) {
        return ExtraArgs::FromReference;
    }
    let value = tree::text(variable, &["value"]);
    let words = expansion::split(value);
    if words.is_none() && composed {
        let path = scope.main_path(&format!("env[{}]", argv::ADDITIONAL_ARGS));
        scope.error_at(path, &Problem::Quoting { value: value.to_owned() });
    }
    ExtraArgs::Words(words.unwrap_or_default())
}

/// Reads the flags that a preset or config adds, each with its values. A foreign command gets none.
pub fn added(scope: &mut Scope<'_, '_>, composed: bool) -> Vec<Vec<String>> {
    let value = tree::text(scope.spec, &["annotations", labels::VLLM_ARGS]).to_owned();
    if !composed || value.is_empty() {
        return Vec::new();
    }
    let words = expansion::split(&value);
    if words.is_none() {
        scope.error(&format!("annotations[{}]", labels::VLLM_ARGS), &Problem::Quoting { value });
    }
    argv::groups(&words.unwrap_or_default())
}

/// All words that the user gives, as far as they are known.
pub fn user_words(main: &Value, extra: &ExtraArgs) -> Vec<String> {
    let extra = match extra {
        ExtraArgs::Words(words) => words.as_slice(),
        ExtraArgs::FromReference => &[],
    };
    [extra, &argv::words(main, "args")].concat()
}

/// Says which generated flags the user's words replace by another value, and which words are quoted as for a shell.
pub fn check(scope: &mut Scope<'_, '_>, flags: &Flags<'_>, user: &[String]) {
    let path = scope.main_path("args");
    for (user, generated) in replaced(flags, user) {
        scope.warn_at(path.clone(), &Problem::FlagReplaced { user, generated });
    }
    for word in user.iter().filter(|word| is_quoted(word)) {
        scope.warn_at(path.clone(), &Problem::QuotedArgument { word: word.clone() });
    }
}

fn replaced(flags: &Flags<'_>, user: &[String]) -> Vec<(String, String)> {
    let generated = argv::generated(flags);
    // What a preset adds is a default: to replace it is what `args` are for.
    let ours = generated.iter().filter(|group| !flags.added.contains(group));
    let pairs = ours.filter_map(|group| {
        let (word, values) = group.split_first()?;
        let name = argv::flag(word)?;
        let given = user.iter().find(|word| argv::flag(word).as_ref() == Some(&name))?;
        let value = argv::value_of(user, &name).unwrap_or_default();
        let values: Vec<&str> = values.iter().map(|value| start::shown(value)).collect();
        let same = values.join(" ") == value && !given.starts_with("--no-");
        let text = if given.contains('=') { given.clone() } else { format!("{given} {value}") };
        (!same)
            .then(|| (text.trim_end().to_owned(), [&[word.as_str()], values.as_slice()].concat().join(" ")))
    });
    pairs.collect()
}

/// JSON in single quotes was meant for the shell of other presets.
fn is_quoted(word: &str) -> bool {
    let value = if word.starts_with('-') { word.split_once('=').map_or("", |(_, v)| v) } else { word };
    let inner = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
    inner.is_some_and(|v| v.starts_with(['{', '[']))
}
