//! The rules on services (`reference/api.md §5.6–5.7, §5.9`), for both versions.

use std::collections::BTreeSet;

use llmisvc_api::conversion::{ConversionError, convert};
use llmisvc_api::rules::{self, Rule, Violation, dra, immutable};
use llmisvc_api::v1alpha2::{self, LlmInferenceServiceSpec};
use llmisvc_api::version::Version;
use serde_json::Value;

use super::{Operation, Request, fields, lora, place};
use crate::labels::Labels;
use crate::tree;

/// Every rule on a service that is created or updated.
pub fn check(request: &Request<'_>) -> Vec<Violation> {
    let Some(object) = request.object else { return Vec::new() };
    match read(request.version, object) {
        Ok((spec, typed)) => all(request, object, &spec, &typed),
        Err(violation) => vec![violation],
    }
}

fn all(
    request: &Request<'_>,
    object: &Value,
    spec: &Value,
    typed: &LlmInferenceServiceSpec,
) -> Vec<Violation> {
    let mut found = rules::check(request.namespace, request.name, &annotations(object), typed);
    found.extend(rules::warnings(request.namespace, typed));
    found.retain(|violation| !may_come_from_configs(violation, typed));
    found.extend(fields::pods(spec));
    found.extend(lora::check(spec));
    if let Some((before, old)) = old(request) {
        found.extend(immutable::check(&old, typed));
        found.extend(immutable::warnings(&old, typed));
        forgive(&mut found, request, &before, &old);
    }
    found.sort_by_key(|violation| section(violation.rule, request.version));
    found
}

/// The other half of a group and a weight may be in a config: that they stand together is then checked on the merged
/// spec (edge 19).
fn may_come_from_configs(violation: &Violation, typed: &LlmInferenceServiceSpec) -> bool {
    matches!(violation.rule, Rule::T2 | Rule::T3)
        && typed.base_refs.as_ref().is_some_and(|refs| !refs.is_empty())
}

/// What a stored object has already of our own rules passes on: only what is new is refused.
fn forgive(found: &mut Vec<Violation>, request: &Request<'_>, before: &Value, old: &LlmInferenceServiceSpec) {
    let mut had = rules::check(request.namespace, request.name, &Labels::new(), old);
    had.extend(fields::pods(before));
    had.extend(lora::check(before));
    retain_new(found, &had);
}

/// Takes the findings of our own rules away that were there before.
pub fn retain_new(found: &mut Vec<Violation>, had: &[Violation]) {
    let key = |v: &Violation| (v.rule, place::without_positions(&v.path));
    let had: BTreeSet<_> = had.iter().map(key).collect();
    found.retain(|v| v.rule.is_of_reference() || v.rule.is_warning() || !had.contains(&key(v)));
}

/// The order of `reference/api.md §5.3`: in v1alpha1 the rollout comes before LoRA. What is ours follows, warnings
/// last.
fn section(rule: Rule, version: Version) -> usize {
    use Rule::{CF1, DR1, I1, KV1, L1, L8, N1, P1, PF1, R1, RO1, S1, SC1, T1, W1};
    const FIRST: [Rule; 15] = [R1, T1, P1, S1, SC1, L1, KV1, RO1, DR1, I1, CF1, W1, PF1, L8, N1];
    let index = 2 * FIRST.iter().rposition(|first| rule >= *first).unwrap_or_default();
    let rollout_first = version == Version::V1alpha1 && (RO1..DR1).contains(&rule);
    if rollout_first { 9 } else { index }
}

/// The spec in the version that the rules read, as a tree and decoded.
fn read(version: Version, object: &Value) -> Result<(Value, LlmInferenceServiceSpec), Violation> {
    let object = converted(version, object).map_err(|error| unreadable("apiVersion", &error))?;
    let spec = object.get("spec").cloned().unwrap_or_default();
    let typed = v1alpha2::decode(&spec).map_err(|e| unreadable(&e.path, &e.message))?;
    Ok((spec, typed))
}

fn unreadable(path: &str, why: &dyn std::fmt::Display) -> Violation {
    Violation { path: path.to_owned(), message: format!("{why}; correct the value"), rule: Rule::PF2 }
}

/// The object as v1alpha2.
pub fn converted(version: Version, object: &Value) -> Result<Value, ConversionError> {
    match version {
        Version::V1alpha2 => Ok(object.clone()),
        Version::V1alpha1 => convert(object.clone(), Version::V1alpha2),
    }
}

/// What the object was, unless that cannot be read: then there is nothing to compare with.
fn old(request: &Request<'_>) -> Option<(Value, LlmInferenceServiceSpec)> {
    let old = request.old.filter(|_| request.operation == Operation::Update)?;
    read(request.version, old).ok()
}

fn annotations(object: &Value) -> Labels {
    tree::strings(object, &["metadata", "annotations"])
}

/// The annotations that a rule reads.
pub fn annotations_of_rules(object: &Value) -> Labels {
    let mut annotations = annotations(object);
    let read = [dra::DEVICE_CLASS, dra::DEVICE_COUNT, dra::CEL_SELECTOR, dra::CONTAINER_NAME];
    annotations.retain(|key, _| read.contains(&key.as_str()));
    annotations
}
