//! What KV caches depend on, read from pod templates: those that shall be and those that live, alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::build::argv::{ADDITIONAL_ARGS, flag, words};
use crate::validate::storage;
use crate::workloads::templates;
use crate::{names, tree};

/// Flags of vLLM that decide what a KV cache holds, how it is laid out, or how it is moved.
pub const FLAGS: [&str; 23] = [
    "additional-config",
    "attention-backend",
    "attention-config",
    "block-size",
    "code-revision",
    "config",
    "dcp-kv-cache-interleave-size",
    "decode-context-parallel-size",
    "disable-hybrid-kv-cache-manager",
    "dtype",
    "hf-overrides",
    "kv-cache-dtype",
    "kv-cache-dtype-skip-layers",
    "kv-transfer-config",
    "mamba-block-size",
    "mamba-cache-dtype",
    "mamba-ssm-cache-dtype",
    "model",
    "pipeline-parallel-size",
    "quantization",
    "revision",
    // A draft model has a cache of its own, in layers of the same transfer.
    "speculative-config",
    "tensor-parallel-size",
];

/// Environment variables of the same kind.
pub const ENV: [&str; 5] =
    [ADDITIONAL_ARGS, "VLLM_ATTENTION_BACKEND", "VLLM_KV_CACHE_LAYOUT", "VLLM_MLA_DISABLE", "VLLM_USE_V1"];

const MODEL_PATH: &str = "/mnt/models";
const SHELLS: [&str; 3] = ["sh", "bash", "dash"];

/// A short hash over what counts of both roles. Replicas, resources, probes, labels and all other arguments don't.
/// A role of one template and one of many that say the same are equal.
pub fn fingerprint(prefill: &Value, decode: &Value) -> String {
    let parts = |workload| templates(workload).map(|t| parts(t).to_string()).collect::<BTreeSet<_>>();
    let all = json!({"prefill": parts(prefill), "decode": parts(decode)});
    let mut digits = names::hex(&Sha256::digest(all.to_string()));
    digits.truncate(10);
    digits
}

fn parts(template: &Value) -> Value {
    let pod = template.get("spec").unwrap_or(&Value::Null);
    let empty = Value::Null;
    let main = tree::named(tree::list(pod, &["containers"]), "main").unwrap_or(&empty);
    let words = [words(main, "command"), words(main, "args"), literal_extra(main)].concat();
    json!({
        "image": tree::text(main, &["image"]),
        "flags": flags(&words),
        "script": script(main),
        "env": env(main),
        "weights": weights(pod, main),
    })
}

/// The flags that count, each with its values; the last one holds.
fn flags(words: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        let Some(name) = flag(word).filter(|name| FLAGS.contains(&name.as_str())) else { continue };
        let (spelled, value) = word.split_once('=').map_or((word.as_str(), None), |(s, v)| (s, Some(v)));
        let member = spelled.split_once('.').map(|(_, member)| format!(".{member}")).unwrap_or_default();
        let no = if spelled.starts_with("--no-") { "no-" } else { "" };
        let next = words.iter().skip(at + 1).take_while(|next| value.is_none() && !next.starts_with('-'));
        let values = value.into_iter().map(str::to_owned).chain(next.cloned()).collect();
        found.insert(format!("{no}{name}{member}"), values);
    }
    if let Some(at) = words.iter().position(|word| word == "serve") {
        let model = words.get(at + 1).filter(|model| !model.starts_with('-'));
        found.insert("serve".to_owned(), model.into_iter().cloned().collect());
    }
    found
}

/// Words of a literal `VLLM_ADDITIONAL_ARGS`; where the command line is composed they stand there as well.
fn literal_extra(main: &Value) -> Vec<String> {
    let variable = tree::named(tree::list(main, &["env"]), ADDITIONAL_ARGS);
    let text = variable.map(|v| tree::text(v, &["value"])).unwrap_or_default();
    text.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect()
}

/// What a shell runs can't be taken apart: any change of it counts.
fn script(main: &Value) -> Vec<String> {
    let command = words(main, "command");
    let program = command.first().and_then(|word| word.rsplit('/').next());
    let is_shell = program.is_some_and(|program| SHELLS.contains(&program));
    let all = [command, words(main, "args")].concat();
    all.into_iter().filter(|word| is_shell && word.contains(char::is_whitespace)).collect()
}

fn env(main: &Value) -> BTreeMap<&str, String> {
    let given = tree::list(main, &["env"]).iter().map(|variable| (tree::text(variable, &["name"]), variable));
    let counts = |(name, variable): &(&str, &Value)| {
        ENV.contains(name) && (*name != ADDITIONAL_ARGS || variable.get("valueFrom").is_some())
    };
    given.filter(counts).map(|(name, variable)| (name, value_of(variable))).collect()
}

/// The value, or where it comes from: without what the API server adds to a reference.
fn value_of(variable: &Value) -> String {
    let from = variable.get("valueFrom").and_then(Value::as_object).into_iter().flatten();
    let from = from.flat_map(|(kind, source)| {
        let fields = ["name", "key", "fieldPath", "resource"].map(|field| tree::text(source, &[field]));
        std::iter::once(kind.as_str()).chain(fields).map(str::to_owned).collect::<Vec<_>>()
    });
    std::iter::once(tree::text(variable, &["value"]).to_owned()).chain(from).collect::<Vec<_>>().join("/")
}

/// Where the weights come from: what is downloaded, the image that carries them, the volume that is mounted.
fn weights(pod: &Value, main: &Value) -> Vec<String> {
    let init = tree::list(pod, &["initContainers"]);
    let download = tree::named(init, storage::CONTAINER).and_then(|c| words(c, "args").into_iter().next());
    let containers = init.iter().chain(tree::list(pod, &["containers"]));
    let cars = containers.filter(|c| tree::text(c, &["name"]).starts_with("modelcar"));
    let cars = cars.map(|car| tree::text(car, &["image"]).to_owned());
    let mounts = tree::list(main, &["volumeMounts"]).iter();
    let mounts = mounts.filter(|mount| tree::text(mount, &["mountPath"]) == MODEL_PATH);
    let volumes = mounts.filter_map(|mount| {
        let volume = tree::named(tree::list(pod, &["volumes"]), tree::text(mount, &["name"]))?;
        let path = tree::text(mount, &["subPath"]);
        Some(format!("{}/{path}", source(volume)?))
    });
    download.into_iter().chain(cars).chain(volumes).collect()
}

fn source(volume: &Value) -> Option<String> {
    let paths: [&[&str]; 4] = [
        &["persistentVolumeClaim", "claimName"],
        &["image", "reference"],
        &["hostPath", "path"],
        &["nfs", "path"],
    ];
    paths.into_iter().map(|path| tree::text(volume, path)).find(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
