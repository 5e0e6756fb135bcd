//! Composes vLLM's command line: generated flags, `VLLM_ADDITIONAL_ARGS`, the user's `args`
//! (`reference/workloads.md §6.5`). No shell text is made from values, so that each arrives byte-exact.

use std::collections::BTreeSet;

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::{Value, json};

use super::expansion::escape;
use super::start;
use crate::tree;

/// The command of our presets; any other one is left alone.
pub const PRESET_COMMAND: [&str; 3] = ["vllm", "serve", "/mnt/models"];
/// Environment variable with further arguments, as the user gave it.
pub const ADDITIONAL_ARGS: &str = "VLLM_ADDITIONAL_ARGS";
const PRE_STOP_SECONDS: i64 = 15;

/// Splits a variable that is only known at run time. It gets everything else as arguments: the number of words
/// that go before the variable's, then all words.
const SPLIT_AT_RUN_TIME: &str = "import os, shlex, sys\n\
    at, words = int(sys.argv[1]), sys.argv[2:]\n\
    words[at:at] = shlex.split(os.environ.get('VLLM_ADDITIONAL_ARGS', ''))\n\
    os.execvp(words[0], words)\n";

/// `VLLM_ADDITIONAL_ARGS` of `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtraArgs {
    /// The words of a literal value, escaped for a container's `args`; empty when there is no such variable.
    Words(Vec<String>),
    /// It comes from a ConfigMap, Secret or field, and is split in the pod.
    FromReference,
}

/// Major and minor version of vLLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// Reads `0.23.0`, `v0.23.0` or `0.23`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let major = parts.next()?.parse().ok()?;
        Some(Self(major, parts.next()?.parse().ok()?))
    }
}

/// Everything that the generated flags depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags<'a> {
    /// Name that requests use for the model.
    pub model: &'a str,
    /// Namespace of the service, part of the model's qualified name.
    pub namespace: &'a str,
    /// Port of vLLM.
    pub port: u16,
    /// vLLM version of the image.
    pub version: Version,
    /// `terminationGracePeriodSeconds` of the pod.
    pub grace: i64,
    /// Components talk TLS.
    pub tls: bool,
    /// Parallelism of the workload.
    pub parallelism: Parallelism,
    /// Value of `--kv-transfer-config`, where KV caches move.
    pub kv_transfer: Option<&'a str>,
    /// Number of API servers in a data-parallel leader.
    pub api_servers: &'a str,
    /// Flags of further features, each with its values.
    pub features: &'a [Vec<String>],
    /// Flags that a preset or config adds; they replace generated ones.
    pub added: &'a [Vec<String>],
    /// A pod of a group that answers no requests.
    pub worker: bool,
    /// How the ranks are spread over a group; none for a single pod.
    pub spread: Option<Spread>,
}

/// How the ranks of a replica are spread over the pods of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Data parallel: each pod runs some ranks of its own.
    Data {
        /// Ranks in all.
        size: i32,
        /// Ranks in each pod; the last one may have fewer.
        local: i32,
        /// Port on which the leader is reached.
        port: i32,
    },
    /// One world of `tensor × pipeline` ranks.
    World {
        /// Pods in the group.
        nodes: i64,
    },
}

/// Pods that the ranks of a replica are spread over.
pub fn pods(spread: Option<Spread>) -> i64 {
    match spread {
        None => 1,
        Some(Spread::Data { size, local, .. }) => {
            (i64::from(size) + i64::from(local) - 1) / i64::from(local.max(1))
        }
        Some(Spread::World { nodes }) => nodes,
    }
}

/// The generated flags, each with its values.
pub fn generated(flags: &Flags<'_>) -> Vec<Vec<String>> {
    let mut argv = vec![served_names(flags)];
    // Workers listen on no port.
    argv.extend((!flags.worker).then(|| pair("--port", &flags.port.to_string())));
    argv.extend(access_log(flags.version));
    argv.extend(shutdown(flags));
    argv.extend(flags.kv_transfer.map(|config| pair("--kv-transfer-config", &escape(config))));
    argv.extend(parallelism(&flags.parallelism, flags.spread));
    argv.extend(flags.spread.into_iter().flat_map(|spread| start::flags(spread, flags)));
    argv.extend(flags.features.iter().cloned());
    if flags.tls {
        argv.extend(tls());
    }
    let mut argv = without(argv, &flags.added.concat());
    argv.extend(flags.added.iter().cloned());
    argv
}

/// Both names, for prefill too: a request forwarded under the qualified name must not fail there.
fn served_names(flags: &Flags<'_>) -> Vec<String> {
    let qualified = format!("publishers/{}/models/{}", flags.namespace, flags.model);
    vec!["--served-model-name".to_owned(), escape(flags.model), escape(&qualified)]
}

/// Probes and scrapes are not logged, as far as the version can tell them apart; vLLM 0.8 and older can't.
fn access_log(version: Version) -> Option<Vec<String>> {
    if version >= Version(0, 16) {
        Some(pair("--disable-access-log-for-endpoints", "/health,/metrics,/ping"))
    } else {
        (version >= Version(0, 9)).then(|| vec!["--disable-uvicorn-access-log".to_owned()])
    }
}

/// What is left of the grace period after the preStop sleep and a margin (`reference/workloads.md §5.3`).
fn shutdown(flags: &Flags<'_>) -> Option<Vec<String>> {
    let left = flags.grace - PRE_STOP_SECONDS - flags.grace.min(5);
    (flags.version >= Version(0, 18)).then(|| pair("--shutdown-timeout", &left.max(0).to_string()))
}

fn parallelism(ranks: &Parallelism, spread: Option<Spread>) -> Vec<Vec<String>> {
    let sized = [
        ("--tensor-parallel-size", ranks.tensor),
        ("--pipeline-parallel-size", ranks.pipeline),
        ("--data-parallel-size", ranks.data.filter(|_| spread.is_none())),
    ];
    let mut argv: Vec<_> =
        sized.into_iter().filter_map(|(flag, n)| Some(pair(flag, &n?.to_string()))).collect();
    if ranks.expert == Some(true) {
        argv.push(vec!["--enable-expert-parallel".to_owned()]);
    }
    argv
}

/// The flags by which a server of vLLM serves TLS.
pub fn tls() -> [Vec<String>; 3] {
    [
        vec!["--enable-ssl-refresh".to_owned()],
        pair("--ssl-certfile", "/var/run/kserve/tls/tls.crt"),
        pair("--ssl-keyfile", "/var/run/kserve/tls/tls.key"),
    ]
}

fn pair(flag: &str, value: &str) -> Vec<String> {
    vec![flag.to_owned(), value.to_owned()]
}

/// The flag that a word sets, in its one spelling: `--a_b=c`, `--no-a-b` and `--a-b.c` are all `a-b`.
pub fn flag(word: &str) -> Option<String> {
    let name = word.split(['=', '.']).next().unwrap_or(word);
    let alias = match name {
        "-tp" => Some("tensor-parallel-size"),
        "-pp" => Some("pipeline-parallel-size"),
        "-dp" => Some("data-parallel-size"),
        _ => None,
    };
    alias.map(str::to_owned).or_else(|| {
        let long = name.strip_prefix("--").filter(|n| !n.is_empty())?.replace('_', "-");
        Some(long.strip_prefix("no-").map(str::to_owned).unwrap_or(long))
    })
}

/// Each flag with its values.
pub fn groups(words: &[String]) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for word in words {
        match groups.last_mut() {
            Some(group) if flag(word).is_none() => group.push(word.clone()),
            _ => groups.push(vec![word.clone()]),
        }
    }
    groups
}

/// The generated flags that the user's words do not give.
pub fn without(generated: Vec<Vec<String>>, user: &[String]) -> Vec<Vec<String>> {
    let given: BTreeSet<String> = user.iter().filter_map(|word| flag(word)).collect();
    let taken = |group: &[String]| group.first().and_then(|w| flag(w)).is_some_and(|f| given.contains(&f));
    generated.into_iter().filter(|group| !taken(group)).collect()
}

/// The value that the user's words give to a flag, if they give it in a form that has one.
pub fn value_of<'a>(user: &'a [String], name: &str) -> Option<&'a str> {
    let at = user.iter().rposition(|word| flag(word).as_deref() == Some(name))?;
    match user.get(at)?.split_once('=') {
        Some((_, value)) => Some(value),
        None => user.get(at + 1).map(String::as_str).filter(|next| !next.starts_with("--")),
    }
}

/// Writes `command` and `args` of a container that runs one of our presets' commands.
pub fn compose(main: &mut Value, flags: &Flags<'_>, extra: &ExtraArgs) {
    if flags.spread.is_some() || start::infers_roce(main) {
        return start::compose(main, flags, extra);
    }
    let user = words(main, "args");
    match extra {
        ExtraArgs::Words(extra) => {
            let given = [extra.as_slice(), &user].concat();
            let generated = without(generated(flags), &given).concat();
            *tree::entry(main, "args") = json!([generated, given].concat());
        }
        ExtraArgs::FromReference => {
            let before = [preset_command(), without(generated(flags), &user).concat()].concat();
            let count = vec![before.len().to_string()];
            *tree::entry(main, "command") = json!(["python3", "-c", SPLIT_AT_RUN_TIME]);
            *tree::entry(main, "args") = json!([count, before, user].concat());
        }
    }
}

fn preset_command() -> Vec<String> {
    PRESET_COMMAND.map(str::to_owned).to_vec()
}

/// A list of strings of a container, such as its `args`.
pub fn words(container: &Value, key: &str) -> Vec<String> {
    tree::list(container, &[key]).iter().filter_map(|w| w.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
#[path = "argv_tests.rs"]
mod tests;
