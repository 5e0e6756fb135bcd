//! Labels and annotations of pods (LB): what the API server would refuse when the pods are made.

use std::collections::BTreeMap;

use super::{Found, Rule, workloads};
use crate::v1alpha2::LlmInferenceServiceSpec;

type Entries = Option<BTreeMap<String, String>>;

pub(super) fn check(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    for (base, workload) in workloads(spec) {
        check_pair(base, &workload.labels, &workload.annotations, found);
    }
    if let Some(scheduler) = spec.router.as_ref().and_then(|r| r.scheduler.as_ref()) {
        check_pair("spec.router.scheduler", &scheduler.labels, &scheduler.annotations, found);
    }
}

fn check_pair(base: &str, labels: &Entries, annotations: &Entries, found: &mut Found) {
    for (key, value) in
        labels.iter().flatten().filter(|(key, value)| !is_template(key) && !is_template(value))
    {
        let at = format!("{base}.labels[{key}]");
        check_key(&at, key, found);
        let message = format!("a label value has at most 63 letters, digits, -, _ and ., not \"{value}\"");
        found.add_if(!is_value(value), Rule::LB2, at, message);
    }
    for key in annotations.iter().flatten().map(|(key, _)| key).filter(|key| !is_template(key)) {
        check_key(&format!("{base}.annotations[{key}]"), key, found);
    }
}

fn check_key(at: &str, key: &str, found: &mut Found) {
    let message =
        "a key is a name of at most 63 letters, digits, -, _ and ., with a DNS domain and / before it if any";
    found.add_if(!is_key(key), Rule::LB1, at, message);
}

/// Whether the text is rendered before it is used.
fn is_template(text: &str) -> bool {
    text.contains("{{")
}

fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    !name.is_empty() && is_value(name) && domain.is_none_or(is_subdomain)
}

fn is_value(text: &str) -> bool {
    let ends = |b: u8| b.is_ascii_alphanumeric();
    let edges = text.bytes().next().zip(text.bytes().last()).is_none_or(|(a, z)| ends(a) && ends(z));
    text.len() <= 63 && edges && text.bytes().all(|b| ends(b) || b"-_.".contains(&b))
}

/// DNS-1123 subdomain.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// DNS-1123 label, of any length.
pub(super) fn is_label(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next().zip(text.bytes().last());
    ends.is_some_and(|(first, last)| alphanumeric(first) && alphanumeric(last))
        && text.bytes().all(|b| alphanumeric(b) || b == b'-')
}
