//! The fields of the status that are no conditions (`reference/router.md §13.6`, `§15.4`, `§15.5`).

use serde_json::{Value, json};

use super::topology;
use super::traffic;
use super::unreached::is_hidden;
use super::url::{Url, discover, is_direct, primary};
use super::view::{Part, View};
use super::{pool, scale};
use crate::facts::Ref;
use crate::names;
use crate::rollout::Counts;
use crate::tree;

/// Fields by name; null where there is nothing to say.
pub(super) fn fields(view: &View<'_>) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("annotations", annotations(view)),
        ("appliedConfigs", applied_configs(view)),
        ("workloads", workloads(view)),
    ];
    fields.extend(scale::fields(view));
    if !view.stopped {
        fields.extend(reached(view));
    }
    fields
}

/// How the service is reached. The former answers stay where something on the way could not be looked at, and
/// where nothing was decided and no route is left to follow.
fn reached(view: &View<'_>) -> [(&'static str, Value); 3] {
    let former = |key: &str| tree::get(view.input.service, &["status", key]).cloned().unwrap_or(Value::Null);
    let undecided = view.fault.is_some() && view.routes.is_empty() && view.ingresses.is_empty();
    let router = if undecided { former("router") } else { router(view) };
    if undecided || is_hidden(view) {
        return [("url", former("url")), ("addresses", former("addresses")), ("router", router)];
    }
    let urls = discover(view);
    if is_direct(view, &urls) {
        let direct = direct(view);
        return [
            ("url", json!(direct)),
            ("addresses", json!([direct_address(view, &direct)])),
            ("router", router),
        ];
    }
    let url = json!(primary(view, &urls).map(|u| &u.text));
    [("url", url), ("addresses", addresses(view, &urls)), ("router", router)]
}

/// Pins outlive a pass that decided nothing.
fn annotations(view: &View<'_>) -> Value {
    let pins = &view.input.decision.pins;
    match pins.is_empty() {
        true if view.fault.is_some() => {
            tree::get(view.input.service, &["status", "annotations"]).cloned().unwrap_or(Value::Null)
        }
        true => Value::Null,
        false => json!(pins),
    }
}

fn applied_configs(view: &View<'_>) -> Value {
    let applied = &view.input.decision.applied_configs;
    if applied.is_empty() { Value::Null } else { json!(applied) }
}

fn workloads(view: &View<'_>) -> Value {
    let first = |of: [Part; 2]| of.into_iter().find(|part| view.has(*part));
    let Some(main) = first([Part::Main, Part::MainGroup]).filter(|_| !view.stopped) else {
        return Value::Null;
    };
    let service = json!({"kind": "Service", "name": names::workload_service(view.name)});
    let mut workloads = json!({"primary": workload(view, main), "service": service});
    if let Some(prefill) = first([Part::Prefill, Part::PrefillGroup]) {
        *tree::entry(&mut workloads, "prefill") = workload(view, prefill);
    }
    if view.has(Part::Scheduler) {
        *tree::entry(&mut workloads, "scheduler") = workload(view, Part::Scheduler);
    }
    workloads
}

/// A LeaderWorkerSet counts its groups.
fn workload(view: &View<'_>, part: Part) -> Value {
    let (kind, name) = (part.kind(), part.name(view.name));
    let counts = view.live(kind, &name).map(|live| Counts::of(kind, live));
    let served = kind.served();
    let ready = counts.map_or(0, |counts| counts.ready);
    let mut workload =
        json!({"apiGroup": served.group, "kind": served.kind, "name": name, "readyReplicas": ready});
    if let Some(counts) = counts {
        *tree::entry(&mut workload, "replicas") = json!(counts.wanted);
    }
    workload
}

fn addresses(view: &View<'_>, urls: &[Url]) -> Value {
    let addresses: Vec<Value> = urls.iter().map(|url| address(view, url)).collect();
    if addresses.is_empty() { Value::Null } else { json!(addresses) }
}

/// Without a way in: the workload Service, with its port (edge 38).
fn direct(view: &View<'_>) -> String {
    let scheme = if view.valid.is_some_and(|v| v.tls) { "https" } else { "http" };
    let service = names::workload_service(view.name);
    format!("{scheme}://{service}.{}.svc.{}:8000", view.namespace, view.input.cluster.domain)
}

fn direct_address(view: &View<'_>, url: &str) -> Value {
    json!({"name": "internal", "url": url, "models": models(view, false)})
}

fn address(view: &View<'_>, url: &Url) -> Value {
    let domain = &view.input.cluster.domain;
    let name = match (url.origin.kind, url.is_cluster_local(domain), url.is_internal(domain)) {
        ("Gateway", true, _) => "gateway-internal",
        (_, _, true) => "internal",
        ("Ingress", ..) => "ingress-external",
        _ => "gateway-external",
    };
    json!({
        "name": if url.by_model { format!("{name}-model-routing") } else { name.to_owned() },
        "url": url.text,
        "models": models(view, url.by_model),
        "origin": object(url.origin.group, url.origin.kind, &url.origin.at),
    })
}

/// The model and its adapters: the qualified name, and the plain one where the path tells the service.
fn models(view: &View<'_>, by_model: bool) -> Vec<Value> {
    let names = served(view);
    let qualified = |name: &str| json!({"name": format!("publishers/{}/models/{name}", view.namespace)});
    let plain = |name: &str| (!by_model).then(|| json!({"name": name}));
    names.iter().flat_map(|name| std::iter::once(qualified(name)).chain(plain(name))).collect()
}

/// Names of the model and its adapters; where nothing was decided, those of the former status.
fn served(view: &View<'_>) -> Vec<String> {
    if let Some(valid) = view.valid {
        return std::iter::once(&valid.model).chain(&valid.adapters).cloned().collect();
    }
    let prefix = format!("publishers/{}/models/", view.namespace);
    let former = tree::list(view.input.service, &["status", "addresses"]).first();
    let models = former.map(|address| tree::list(address, &["models"])).unwrap_or_default().iter();
    models.filter_map(|m| tree::text(m, &["name"]).strip_prefix(&prefix)).map(str::to_owned).collect()
}

pub(super) fn object(group: &str, kind: &str, at: &Ref) -> Value {
    let (name, namespace) = (&at.name, &at.namespace);
    json!({"group": group, "kind": kind, "name": name, "namespace": namespace})
}

fn router(view: &View<'_>) -> Value {
    let mut router = json!({});
    let gateways = topology::gateways(view);
    if !gateways.is_empty() {
        *tree::entry(&mut router, "gateways") = json!(gateways);
    }
    if let Some((pool, _)) = &view.pool {
        *tree::entry(&mut router, "scheduler") = scheduler(view, pool);
    }
    let group = traffic::group(view);
    if !group.is_null() {
        *tree::entry(&mut router, "group") = group;
    }
    if router == json!({}) { Value::Null } else { router }
}

fn scheduler(view: &View<'_>, pool: &str) -> Value {
    let namespace = view.namespace;
    let mut scheduler = json!({
        "inferencePool": {"group": pool::group(view, pool).name(), "kind": "InferencePool", "name": pool, "namespace": namespace},
    });
    if let Some(picker) = &view.picker {
        let service = json!({"group": "", "kind": "Service", "name": picker, "namespace": namespace});
        *tree::entry(&mut scheduler, "service") = service;
    }
    scheduler
}
