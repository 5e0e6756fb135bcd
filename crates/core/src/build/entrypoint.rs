//! How words that are added to a container's `args` reach the program that it runs (W-23). Commands that the core
//! composes need none of this.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::argv;
use crate::tree;

const SHELLS: [&str; 6] = ["ash", "bash", "dash", "ksh", "sh", "zsh"];
/// A script passes its arguments on by one of these.
const ALL_ARGUMENTS: [&str; 4] = ["$@", "$*", "${@", "${*"];

/// What happens to `args` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrypoint {
    /// No shell in between, or one that runs a file: the words are the program's.
    Direct,
    /// `sh -c SCRIPT NAME …` with a script that passes its arguments on.
    Script {
        /// `NAME`, which the script sees as `$0`, is there; without it the first added word would be taken for it.
        has_name: bool,
        /// The script reads its arguments as shell text once more.
        is_evaluated: bool,
    },
    /// `sh -c SCRIPT` with a script that takes no arguments: added words are lost.
    Closed,
}

/// The style of a container's command line.
pub fn entrypoint(container: &Value) -> Entrypoint {
    let words = [argv::words(container, "command"), argv::words(container, "args")].concat();
    let Some(at) = script(&words) else { return Entrypoint::Direct };
    let text = words.get(at).map(String::as_str).unwrap_or_default();
    if !ALL_ARGUMENTS.iter().any(|all| text.contains(all)) {
        return Entrypoint::Closed;
    }
    let is_evaluated = text.split_whitespace().any(|word| word == "eval");
    Entrypoint::Script { has_name: words.len() > at + 1, is_evaluated }
}

/// Where the script of `sh -c SCRIPT` stands, behind whatever starts the shell.
fn script(words: &[String]) -> Option<usize> {
    let shell = words.iter().position(|word| is_shell(word))?;
    let options = words.iter().enumerate().skip(shell + 1);
    let mut options = options.take_while(|(_, word)| word.starts_with(['-', '+']) || *word == "pipefail");
    let (at, _) =
        options.find(|(_, word)| word.starts_with('-') && !word.starts_with("--") && word.contains('c'))?;
    (at + 1 < words.len()).then_some(at + 1)
}

fn is_shell(word: &str) -> bool {
    SHELLS.contains(&word.rsplit('/').next().unwrap_or(word))
}

/// Appends words to `args` so that each reaches the program as one word. False when they cannot.
pub fn append(container: &mut Value, words: &[String]) -> bool {
    let style = entrypoint(container);
    if style == Entrypoint::Closed {
        return false;
    }
    let mut args = argv::words(container, "args");
    if matches!(style, Entrypoint::Script { has_name: false, .. }) {
        args.push("--".to_owned());
    }
    let is_evaluated = matches!(style, Entrypoint::Script { is_evaluated: true, .. });
    args.extend(words.iter().map(|word| if is_evaluated { quoted(word) } else { word.clone() }));
    *tree::entry(container, "args") = json!(args);
    true
}

/// The word in single quotes where a shell would see more in it than a word.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.replace('\0', ""), Cow::into_owned)
}

/// The command line names one of these, be it in the text of a script or in `VLLM_ADDITIONAL_ARGS`.
pub fn mentions(container: &Value, texts: &[&str]) -> bool {
    let extra = tree::named(tree::list(container, &["env"]), argv::ADDITIONAL_ARGS);
    let extra = extra.map(|variable| tree::text(variable, &["value"]).to_owned());
    let words = [argv::words(container, "command"), argv::words(container, "args")].concat();
    words.into_iter().chain(extra).any(|word| texts.iter().any(|text| word.contains(text)))
}

#[cfg(test)]
#[path = "entrypoint_tests.rs"]
mod tests;
