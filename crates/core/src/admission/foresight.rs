//! What the operator's next pass would say about a service, as warnings: the same functions, over a cluster that is
//! taken to have everything that the service names.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::Request;
use crate::facts::{Answer, Cluster, Key, Ref, Seen};
use crate::fit::Verdict;
use crate::object::Live;
use crate::pass::{Finding, Inputs};
use crate::settings::{OciMode, Prometheus, Settings};
use crate::{Decision, Step, decide, names, presets, tree};

/// What depends on other objects is left to the pass, which can read them.
const OF_OTHERS: [&str; 4] =
    ["ConfigMap", "serviceAccountName", "metadata.annotations", "spec.router.scheduler.config.ref"];

/// Warnings about a service that the rules admit. One that builds on configs is known only once they are merged.
pub fn foresee(request: &Request<'_>, object: &Value) -> Vec<String> {
    let builds_on_configs = !tree::list(object, &["spec", "baseRefs"]).is_empty();
    let named = tree::text(object, &["spec", "router", "scheduler", "config", "ref", "name"]);
    if builds_on_configs || !named.is_empty() || request.name.is_empty() {
        return Vec::new();
    }
    let decision = decided(&in_place(request, object));
    let refused = decision.outcome.as_ref().err().map(|fault| fault.findings.as_slice()).unwrap_or_default();
    let own = |finding: &&Finding| !OF_OTHERS.iter().any(|part| finding.path.contains(part));
    let lines = decision.warnings.iter().chain(refused).filter(own).filter(|f| f.origin.is_none());
    let too_large = decision.notes().into_iter().filter(|note| note.verdict == Verdict::TooLarge);
    lines.map(ToString::to_string).chain(too_large.map(|note| note.finding.to_string())).collect()
}

/// The object with the name and namespace that it is going to have.
fn in_place(request: &Request<'_>, object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = tree::object(&mut object, "metadata");
    metadata.insert("name".to_owned(), json!(request.name));
    metadata.insert("namespace".to_owned(), json!(request.namespace));
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    object
}

fn decided(service: &Value) -> Decision {
    let settings = settings();
    let (cluster, live) = (Cluster::default(), Live::new());
    let mut seen = usual(service, &settings, &cluster);
    loop {
        let inputs = Inputs { service, settings: &settings, cluster: &cluster, seen: &seen, live: &live };
        match decide(&inputs) {
            Step::Done(decision) => return *decision,
            Step::Need(keys) => keys.into_iter().for_each(|key| {
                let answer = answer(&key, &cluster);
                seen.insert(key, answer);
            }),
        }
    }
}

/// What every pass asks for, answered beforehand: each round of questions costs another pass.
fn usual(service: &Value, settings: &Settings, cluster: &Cluster) -> Seen {
    let text = |key| tree::text(service, &["metadata", key]);
    let (name, namespace) = (text("name"), text("namespace"));
    let made = [names::decode, names::decode_group, names::prefill_group, names::scheduler_account];
    let made = made.iter().map(|of| Key::ServiceAccount(Ref::new(namespace, &of(name))));
    let gateway = settings.gateway.clone();
    let default = Key::ServiceAccount(Ref::new(namespace, "default"));
    let there = [default, Key::Gateway(gateway.clone()), Key::GatewayService(gateway)];
    let mut seen = Seen::default();
    made.for_each(|account| seen.insert(account, Answer::Absent));
    for key in there {
        let answer = answer(&key, cluster);
        seen.insert(key, answer);
    }
    seen
}

/// How models in images are mounted, and where metrics are, is the cluster's to say, so nothing is said about it.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.storage.oci_mode = OciMode::Native;
    settings.prometheus = Some(Prometheus { url: "unknown".to_owned(), insecure: false, auth: None });
    settings
}

fn answer(key: &Key, cluster: &Cluster) -> Answer {
    static SHIPPED: LazyLock<BTreeMap<String, Arc<Value>>> = LazyLock::new(|| {
        let all = presets::shipped(&Cluster::default().config_prefix).into_iter();
        all.map(|preset| (tree::text(&preset, &["metadata", "name"]).to_owned(), Arc::new(preset))).collect()
    });
    match key {
        Key::Config(at) if at.namespace == cluster.system_namespace => {
            SHIPPED.get(&at.name).map_or(Answer::Absent, |preset| Answer::Found(Arc::clone(preset)))
        }
        Key::ServiceAccount(at) => {
            Answer::Found(Arc::new(json!({"metadata": {"name": at.name, "namespace": at.namespace}})))
        }
        Key::CaBundle(_) => Answer::Found(Arc::new(json!({"sha256": "unknown"}))),
        _ => Answer::Absent,
    }
}
