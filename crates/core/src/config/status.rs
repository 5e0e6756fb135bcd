//! The status of a config.

use std::collections::BTreeSet;

use llmisvc_api::conditions::{Truth, kind, reason};
use llmisvc_api::version::Version;
use serde_json::{Value, json};

use super::is_blocked;
use crate::admission::{Operation, Request, Site, Subject, review};
use crate::facts::{Cluster, Ref};
use crate::status::condition::{Judgement, Judgements, conditions_of, follow};
use crate::template::unparsable;
use crate::tree;

/// Users that `referencedBy` lists; the condition counts them all. The list of a preset would else grow until the
/// object is too large for the API server (`reference/router.md §20`, edge 4).
const LISTED: usize = 500;
/// Users that a message names.
const NAMED: usize = 5;

/// The whole `status`, to replace the former one. `users` is everybody who uses the config, sorted; `problems` what
/// [`problems`] found.
pub fn status(config: &Value, users: &BTreeSet<Ref>, problems: &[String], now: &str) -> Value {
    let judgements =
        Judgements::from([(kind::READY, ready(problems)), (kind::CONFIG_IN_USE, in_use(config, users))]);
    let mut status = json!({"conditions": follow(&conditions_of(config), judgements, now)});
    let kept =
        [("observedGeneration", ["metadata", "generation"]), ("annotations", ["status", "annotations"])];
    for (key, path) in kept {
        if let Some(value) = tree::get(config, &path) {
            *tree::entry(&mut status, key) = value.clone();
        }
    }
    if !users.is_empty() {
        let listed = users.iter().take(LISTED).map(|u| json!({"namespace": u.namespace, "name": u.name}));
        *tree::entry(&mut status, "referencedBy") = listed.collect();
    }
    status
}

/// What is wrong with a config whatever service uses it. It follows from the spec alone, and takes milliseconds: the
/// templates are tried over samples.
pub fn problems(config: &Value, cluster: &Cluster) -> Vec<String> {
    let refused = refusals(config, cluster);
    if !refused.is_empty() {
        return refused;
    }
    let spec = config.get("spec").unwrap_or(&Value::Null);
    unparsable(spec).iter().map(ToString::to_string).collect()
}

/// KServe's is always True; this one says what is wrong (edge E-40).
fn ready(problems: &[String]) -> Judgement {
    match problems {
        [] => Judgement::yes(),
        problems => Judgement::no(reason::INVALID_CONFIG, problems.join("; ")),
    }
}

/// What admission would say to it today: it may have come in while no webhook was there.
fn refusals(config: &Value, cluster: &Cluster) -> Vec<String> {
    let request = Request {
        subject: Subject::Config,
        version: Version::V1alpha2,
        operation: Operation::Create,
        namespace: tree::text(config, &["metadata", "namespace"]),
        name: tree::text(config, &["metadata", "name"]),
        user: "",
        object: Some(config),
        old: None,
    };
    let site = Site {
        system_namespace: cluster.system_namespace.clone(),
        config_prefix: cluster.config_prefix.clone(),
        prevent_config_deletion: false,
    };
    let problems = review(&request, &site).problems.into_iter();
    problems
        .map(|p| if p.path.is_empty() { p.message } else { format!("{}: {}", p.path, p.message) })
        .collect()
}

fn in_use(config: &Value, users: &BTreeSet<Ref>) -> Judgement {
    let count = users.len();
    match count {
        0 => Judgement::no(reason::NOT_IN_USE, ""),
        _ if is_blocked(config, users) => used(
            reason::DELETION_BLOCKED,
            format!("deletion waits for {count} LLMInferenceService(s): {}", named(users)),
        ),
        _ => used(reason::IN_USE, format!("referenced by {count} LLMInferenceService(s)")),
    }
}

fn used(reason: &str, message: String) -> Judgement {
    Judgement { status: Truth::True, reason: reason.to_owned(), message }
}

fn named(users: &BTreeSet<Ref>) -> String {
    let names: Vec<String> = users.iter().take(NAMED).map(ToString::to_string).collect();
    match users.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
