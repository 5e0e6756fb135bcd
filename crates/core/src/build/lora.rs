//! LoRA adapters on vLLM's command line (`reference/workloads.md §10`). Each value is one word of JSON, which all
//! versions of vLLM take; the form `name=path` is split at every `=`.

use serde_json::{Value, json};

use super::argv;
use super::expansion::escape;
use crate::tree;
use crate::valid::{ExtraArgs, PodTemplate};
use crate::validate::storage::Lora;

/// The flag that says where adapters are.
const MODULES: &str = "lora-modules";
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// How the command of `main` comes to know the adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// There are none.
    Nothing,
    /// The user names them.
    Given,
    /// The core composes the command.
    Composed,
    /// Words are inserted into `args`.
    Added {
        /// Index of the first.
        at: usize,
        /// The words.
        words: Vec<String>,
    },
    /// There is no place for these flags.
    Unheard {
        /// As they would be written in a shell.
        flags: String,
    },
}

/// What happens in one template.
pub fn hearing(main: &Value, template: &PodTemplate) -> Hearing {
    let Some(lora) = template.weights.lora.as_ref().filter(|lora| !lora.adapters.is_empty()) else {
        return Hearing::Nothing;
    };
    if is_given(main, &template.extra_args) {
        return Hearing::Given;
    }
    if template.composed_for.is_some() {
        return Hearing::Composed;
    }
    foreign(main, lora)
}

/// Flags for a composed command.
pub fn flags(template: &PodTemplate) -> Vec<Vec<String>> {
    let main = tree::named(tree::list(&template.pod, &["containers"]), "main");
    let is_composed = main.is_some_and(|main| hearing(main, template) == Hearing::Composed);
    let lora = template.weights.lora.as_ref().filter(|_| is_composed);
    lora.map(|lora| groups(lora).into_iter().map(|group| group.iter().map(|w| escape(w)).collect()).collect())
        .unwrap_or_default()
}

/// Puts the flags into a command that is not ours, where it takes them.
pub fn add_to_foreign(main: &mut Value, template: &PodTemplate) {
    if let Hearing::Added { at, words } = hearing(main, template) {
        let args = tree::array(main, "args");
        let at = at.min(args.len());
        args.splice(at..at, words.into_iter().map(Value::String));
    }
}

/// The user's own words name adapters, in a flag or in the text of a script.
fn is_given(main: &Value, extra: &ExtraArgs) -> bool {
    let extra = match extra {
        ExtraArgs::Words(words) => words.clone(),
        ExtraArgs::FromReference => Vec::new(),
    };
    let words = [argv::words(main, "command"), argv::words(main, "args"), extra].concat();
    words.iter().any(|word| word.replace('_', "-").contains(&format!("--{MODULES}")))
}

/// The flags, each with its values.
fn groups(lora: &Lora) -> Vec<Vec<String>> {
    let sized = [
        ("--max-lora-rank", lora.max_rank),
        ("--max-loras", lora.max_loras),
        ("--max-cpu-loras", lora.max_cpu_loras),
    ];
    let sized = sized.into_iter().filter_map(|(flag, n)| Some(vec![flag.to_owned(), n?.to_string()]));
    let mut groups = vec![vec!["--enable-lora".to_owned()]];
    groups.extend(sized);
    groups.push([vec![format!("--{MODULES}")], modules(lora)].concat());
    groups
}

/// Each adapter under its own name and under its publisher's.
fn modules(lora: &Lora) -> Vec<String> {
    let names = lora.adapters.iter().flat_map(|adapter| {
        let qualified = format!("{}/{}", lora.publisher, adapter.name);
        [adapter.name.clone(), qualified].map(|name| (name, adapter.path()))
    });
    names.map(|(name, path)| json!({"name": name, "path": path}).to_string()).collect()
}

/// How the command takes further words (W-23).
fn foreign(main: &Value, lora: &Lora) -> Hearing {
    let (command, args) = (argv::words(main, "command"), argv::words(main, "args"));
    let plain = || joined(lora, str::to_owned);
    let Some(script) = script(&command, &args) else {
        // At the end: a list of modules would swallow a positional argument that follows it.
        return Hearing::Added { at: args.len(), words: plain().iter().map(|w| escape(w)).collect() };
    };
    if !["$@", "${@", "$*", "${*"].iter().any(|all| script.text.contains(all)) {
        let words: Vec<String> = groups(lora).concat().iter().map(|w| quoted(w)).collect();
        return Hearing::Unheard { flags: words.join(" ") };
    }
    // `eval` takes one layer of quotes away.
    let words = if script.text.contains("eval") { joined(lora, quoted) } else { plain() };
    let words = words.iter().map(|w| escape(w));
    let all = command.len() + args.len();
    let zeroth = (script.at + 1 == all).then(|| "--".to_owned());
    let at = (script.at + 2).max(command.len()).saturating_sub(command.len());
    Hearing::Added { at, words: zeroth.into_iter().chain(words).collect() }
}

/// As the peer writes them: a flag and its number are one word.
fn joined(lora: &Lora, module: fn(&str) -> String) -> Vec<String> {
    let mut words = Vec::new();
    for group in groups(lora) {
        match group.as_slice() {
            [flag, values @ ..] if flag.ends_with(MODULES) => {
                words.push(flag.clone());
                words.extend(values.iter().map(|value| module(value)));
            }
            group => words.push(group.join("=")),
        }
    }
    words
}

/// One word for a shell; flags and numbers need no quotes.
fn quoted(word: &str) -> String {
    if word.starts_with('{') { format!("'{}'", word.replace('\'', r"'\''")) } else { word.to_owned() }
}

/// What a shell runs, and its index among all words of `command` and `args`.
struct Script<'w> {
    text: &'w str,
    at: usize,
}

fn script<'w>(command: &'w [String], args: &'w [String]) -> Option<Script<'w>> {
    let words: Vec<&String> = command.iter().chain(args).collect();
    let shell = words.first()?.rsplit('/').next()?;
    if !SHELLS.contains(&shell) {
        return None;
    }
    let mut options = words.iter().skip(1).take_while(|word| word.starts_with('-'));
    let at = options.position(|word| word.ends_with('c'))? + 2;
    words.get(at).map(|text| Script { text, at })
}

#[cfg(test)]
#[path = "lora_tests.rs"]
mod tests;
