//! The command of pods that find out something before vLLM starts: in a group its index and the leader's address, and
//! RoCE adapters where the user asks for it. A fixed script does so, which gets everything as arguments.

use serde_json::{Value, json};

use super::argv::{ExtraArgs, Flags, PRESET_COMMAND, Spread, Version, generated, without, words};
use crate::tree;

const START: &str = include_str!("start.py");
const ROCE: &str = include_str!("roce.py");
/// Asks for the RoCE adapters (`reference/workloads.md §6.4`).
const INFER_ROCE: &str = "KSERVE_INFER_ROCE";
/// Begins a word that is only known in the pod; no value of a field can begin with it.
const UNKNOWN: char = '\0';
/// The first version whose leaders have several API servers.
const API_SERVERS: Version = Version(0, 10);

/// The first version that runs on several nodes in this way, without Ray.
pub const fn needed(spread: Spread) -> Version {
    match spread {
        Spread::Data { .. } => Version(0, 9),
        Spread::World { nodes } if nodes > 1 => Version(0, 12),
        Spread::World { .. } => Version(0, 0),
    }
}

/// The flags by which the pods of a group find each other.
pub fn flags(spread: Spread, flags: &Flags<'_>) -> Vec<Vec<String>> {
    let mut argv = match spread {
        Spread::Data { size, local, port } => vec![
            known("--data-parallel-size", size.to_string()),
            unknown("--data-parallel-size-local", &format!("local:{local}:{size}")),
            unknown("--data-parallel-address", "leader"),
            known("--data-parallel-rpc-port", port.to_string()),
        ],
        Spread::World { nodes } if nodes > 1 => vec![
            known("--distributed-executor-backend", "mp".to_owned()),
            known("--nnodes", nodes.to_string()),
            unknown("--node-rank", "index"),
            unknown("--master-addr", "leader"),
        ],
        Spread::World { .. } => Vec::new(),
    };
    argv.extend(if flags.worker { worker(spread) } else { leader(spread, flags) });
    argv
}

/// A leader that is told its start rank, be it 0, balances requests over its own ranks only.
fn worker(spread: Spread) -> Vec<Vec<String>> {
    let rank = match spread {
        Spread::Data { local, .. } => Some(unknown("--data-parallel-start-rank", &format!("start:{local}"))),
        Spread::World { .. } => None,
    };
    rank.into_iter().chain([vec!["--headless".to_owned()]]).collect()
}

fn leader(spread: Spread, flags: &Flags<'_>) -> Vec<Vec<String>> {
    let many = matches!(spread, Spread::Data { .. }) && flags.version >= API_SERVERS;
    many.then(|| known("--api-server-count", flags.api_servers.to_owned())).into_iter().collect()
}

fn known(flag: &str, value: String) -> Vec<String> {
    vec![flag.to_owned(), value]
}

fn unknown(flag: &str, kind: &str) -> Vec<String> {
    vec![flag.to_owned(), format!("{UNKNOWN}{kind}")]
}

/// A generated word for messages.
pub fn shown(word: &str) -> &str {
    if word.starts_with(UNKNOWN) { "(known in the pod)" } else { word }
}

/// Whether the container asks for RoCE adapters, or may: a variable that refers to something is read in the pod.
pub fn infers_roce(main: &Value) -> bool {
    let variable = tree::named(tree::list(main, &["env"]), INFER_ROCE);
    let refers = |v: &Value| tree::get(v, &["valueFrom"]).is_some_and(|from| !from.is_null());
    variable.is_some_and(|v| tree::text(v, &["value"]) == "true" || refers(v))
}

/// Writes `command` and `args` of a container that the script starts.
pub fn compose(main: &mut Value, flags: &Flags<'_>, extra: &ExtraArgs) {
    let user = words(main, "args");
    let (extra, is_split) = match extra {
        ExtraArgs::Words(extra) => (extra.clone(), false),
        ExtraArgs::FromReference => (Vec::new(), true),
    };
    let given = [extra, user].concat();
    let mut argv = PRESET_COMMAND.map(str::to_owned).to_vec();
    argv.extend(without(generated(flags), &given).concat());
    let at = if is_split { argv.len().to_string() } else { "-1".to_owned() };
    let unknown = take_unknown(&mut argv);
    let script = if infers_roce(main) { [ROCE, START].concat() } else { START.to_owned() };
    *tree::entry(main, "command") = json!(["python3", "-c", script]);
    *tree::entry(main, "args") = json!([vec![at, unknown], argv, given].concat());
}

/// Takes out the words that only the pod knows, and lists their positions.
fn take_unknown(argv: &mut [String]) -> String {
    let entries = argv.iter_mut().enumerate().filter_map(|(at, word)| {
        let kind = word.strip_prefix(UNKNOWN)?.to_owned();
        // What stands here is only for people who read the command.
        word.clone_from(&kind);
        Some(format!("{at}={kind}"))
    });
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() { "none".to_owned() } else { entries.join(",") }
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
