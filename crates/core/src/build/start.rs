//! The command of a pod in a group: what only the pod knows, its index and the leader's address, is filled in there
//! by a fixed script that gets everything as arguments.

use serde_json::{Value, json};

use super::argv::{ExtraArgs, Flags, PRESET_COMMAND, Spread, generated, without, words};
use crate::tree;

const SCRIPT: &str = include_str!("start.py");
/// Begins a word that is only known in the pod; no value of a field can begin with it.
const UNKNOWN: char = '\0';

/// The flags by which the pods of a group find each other.
pub fn flags(spread: Spread, is_worker: bool, api_servers: &str) -> Vec<Vec<String>> {
    let unknown = |flag: &str, kind: &str| vec![flag.to_owned(), format!("{UNKNOWN}{kind}")];
    let known = |flag: &str, value: String| vec![flag.to_owned(), value];
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
    match spread {
        // The leader's rank is 0 unless it says so: with `--data-parallel-start-rank 0` it balances over its own
        // ranks only (vLLM 0.28 and later).
        Spread::Data { local, .. } if is_worker => {
            argv.push(unknown("--data-parallel-start-rank", &format!("start:{local}")));
            argv.push(vec!["--headless".to_owned()]);
        }
        _ if is_worker => argv.push(vec!["--headless".to_owned()]),
        Spread::Data { .. } => argv.push(known("--api-server-count", api_servers.to_owned())),
        Spread::World { .. } => {}
    }
    argv
}

/// Writes `command` and `args` of a container in a group.
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
    *tree::entry(main, "command") = json!(["python3", "-c", SCRIPT]);
    *tree::entry(main, "args") = json!([vec![at, unknown], argv, given].concat());
}

/// Takes out the words that only the pod knows, and lists their positions.
fn take_unknown(argv: &mut [String]) -> String {
    let entries = argv.iter_mut().enumerate().filter_map(|(at, word)| {
        let kind = word.strip_prefix(UNKNOWN)?.to_owned();
        word.clear();
        Some(format!("{at}={kind}"))
    });
    entries.collect::<Vec<_>>().join(",")
}
