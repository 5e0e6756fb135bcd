//! Containers: `main` is the first of the chart's.

use llmisvc_core::build::argv;
use llmisvc_core::build::features::NIXL;
use llmisvc_core::build::pod::PROBES;
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::Draft;
use crate::convert::keys::{Keys, put};
use crate::convert::values::accelerator::SIMULATOR_COMMAND;
use crate::convert::values::args::words;
use crate::convert::values::container::FIELDS;
use crate::convert::values::parallelism::Ranks;
use crate::convert::values::ports::{self, Move};
use crate::convert::values::role::Role;

/// The containers of a role; the server is there even when the service says nothing about it.
pub fn all(pod: &mut Keys, role: Role, ranks: &Ranks, flags: &[String], draft: &mut Draft) -> Vec<Value> {
    let mut all = pod.list("containers");
    let at = all.iter().position(|container| tree::text(container, &["name"]) == "main");
    let main = at.map_or_else(|| json!({"name": "main"}), |at| all.remove(at));
    let others = all.into_iter().map(|mut container| {
        put(&mut container, &["modelCommand"], json!("custom"));
        put(&mut container, &["mountModelVolume"], json!(false));
        container
    });
    let server = server(Keys::new(main, pod.at("containers[main]")), role, ranks, flags, draft);
    std::iter::once(server).chain(others).collect()
}

fn port(role: Role, split: bool) -> Move {
    match role {
        Role::Decode if split => Move { from: 8001, to: 8200 },
        _ => Move { from: 8000, to: 8000 },
    }
}

fn server(mut keys: Keys, role: Role, ranks: &Ranks, flags: &[String], draft: &mut Draft) -> Value {
    let port = port(role, draft.split);
    let mut values = json!({"name": "vllm"});
    keys.take("name");
    for field in FIELDS {
        put(&mut values, &[field], keys.take(field).unwrap_or_default());
    }
    if values.get("image").is_none() {
        put(&mut values, &["image"], json!(draft.overlay.image));
    }
    token(&mut values, draft);
    command(&mut keys, role, ranks, flags, draft, &mut values);
    let declared = keys.list("ports");
    for name in PROBES {
        if let Some(probe) = keys.take(name) {
            put(&mut values, &[name], ports::in_probe(probe, &declared, port));
        }
    }
    let server = json!({"name": "vllm", "containerPort": port.to, "protocol": "TCP"});
    put(&mut values, &["ports"], json!([vec![server], ports::others(declared, port)].concat()));
    put(&mut values, &["volumeMounts"], keys.take("volumeMounts").unwrap_or_default());
    put(&mut values, &["extraConfig"], keys.rest());
    values
}

/// The token of the Hub is one for both roles.
fn token(values: &mut Value, draft: &mut Draft) {
    let env = tree::list(values, &["env"]);
    let secret =
        tree::named(env, "HF_TOKEN").and_then(|token| tree::get(token, &["valueFrom", "secretKeyRef"]));
    let Some(secret) = secret.filter(|secret| tree::text(secret, &["key"]) == "HF_TOKEN") else { return };
    let name = json!(tree::text(secret, &["name"]));
    draft.put(&["modelArtifacts", "authSecretName"], name);
    without(values, |name| name == "HF_TOKEN");
}

fn without(values: &mut Value, is_out: impl Fn(&str) -> bool) {
    tree::array(values, "env").retain(|entry| !is_out(tree::text(entry, &["name"])));
    if tree::list(values, &["env"]).is_empty()
        && let Some(fields) = values.as_object_mut()
    {
        fields.remove("env");
    }
}

fn command(keys: &mut Keys, role: Role, ranks: &Ranks, flags: &[String], draft: &Draft, values: &mut Value) {
    let command = words(&keys.take("command").unwrap_or_default());
    let args = words(&keys.take("args").unwrap_or_default());
    let port = port(role, draft.split);
    let is_mounted = json!(true);
    match command.as_slice() {
        [] => {
            put(values, &["modelCommand"], json!("vllmServe"));
            put(values, &["mountModelVolume"], is_mounted);
            put(
                values,
                &["args"],
                json!([transfer(draft.split, &args), flags.to_vec(), draft.flags.clone(), args].concat()),
            );
        }
        [only] if only == SIMULATOR_COMMAND => {
            put(values, &["modelCommand"], json!("imageDefault"));
            put(values, &["mountModelVolume"], json!(false));
            put(values, &["args"], json!(own(&args)));
        }
        _ => {
            put(values, &["modelCommand"], json!("custom"));
            put(values, &["mountModelVolume"], is_mounted);
            let moved =
                |words: &[String]| words.iter().map(|word| ports::in_text(word, port)).collect::<Vec<_>>();
            put(values, &["command"], json!(moved(&command)));
            put(values, &["args"], json!(moved(&args)));
            let sizes = [("DP_SIZE", ranks.data), ("TP_SIZE", ranks.tensor), ("DP_SIZE_LOCAL", ranks.local)];
            without(values, |name| sizes.iter().any(|(size, _)| name == *size));
        }
    }
}

/// Our operator moves KV caches between two roles without a word, the chart does not.
fn transfer(split: bool, args: &[String]) -> Vec<String> {
    let is_given = args.iter().any(|word| argv::flag(word).as_deref() == Some("kv-transfer-config"));
    if split && !is_given { vec!["--kv-transfer-config".to_owned(), NIXL.to_owned()] } else { Vec::new() }
}

/// The arguments that the chart does not give to an image by itself.
fn own(args: &[String]) -> Vec<String> {
    let mut own = Vec::new();
    let mut words = args.iter().peekable();
    while let Some(word) = words.next() {
        let flag = argv::flag(word).unwrap_or_default();
        if !["model", "port", "served-model-name"].contains(&flag.as_str()) {
            own.push(word.clone());
        } else if !word.contains('=') {
            words.next_if(|next| argv::flag(next).is_none());
        }
    }
    own
}
