//! `DestinationRule`s: that the picker and, with TLS on, the model servers are to be spoken to with TLS
//! (`reference/router.md §11.3`, edge 56).

use llmisvc_kinds::Kind;
use serde_json::{Map, Value, json};

use super::extra;
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// vLLM closes a connection that was idle for five seconds. A request that is sent at that moment fails.
const IDLE: &str = "4s";

/// One rule for each Service that a gateway connects to.
pub(super) fn objects(svc: &ValidService) -> Vec<Object> {
    let servers = names::workload_service(&svc.id.name);
    let mut rules = vec![rule(svc, &servers, &servers)];
    if let Some(scheduler) = &svc.routing.scheduler {
        let pool = names::inference_pool(&svc.id.name);
        rules.push(rule(svc, &names::istio_pool_service(&pool), &servers));
        rules.extend(picker(svc, scheduler));
    }
    rules
}

/// Connections to the model servers, by their Service or by the one that Istio makes for the pool. Their certificate
/// names the first.
fn rule(svc: &ValidService, service: &str, certified: &str) -> Object {
    let mut policy = json!({"connectionPool": {"http": {"idleTimeout": IDLE}}});
    if svc.tls {
        *tree::entry(&mut policy, "tls") = tls(svc, certified, true);
    }
    destination(svc, service, &policy)
}

/// A picker serves TLS unless it is told not to, by a certificate that it makes itself where we give it none.
fn picker(svc: &ValidService, scheduler: &Scheduler) -> Option<Object> {
    let main = tree::named(tree::list(&scheduler.pod, &["containers"]), "main");
    let words = |field| main.map(|main| tree::list(main, &[field])).unwrap_or_default();
    let mut all = words("command").iter().chain(words("args")).filter_map(Value::as_str);
    let plain = all.any(|word| word.trim_start_matches('-') == "secure-serving=false");
    let ours = svc.tls && scheduler.composed;
    let policy = json!({"tls": tls(svc, &scheduler.picker, ours)});
    (!plain).then(|| destination(svc, &scheduler.picker, &policy))
}

/// Verified only where somebody has put the service's CA next to the Gateway: a gateway reads no Secret elsewhere.
fn tls(svc: &ValidService, service: &str, certified: bool) -> Value {
    let mut tls = Map::from_iter([("mode".to_owned(), json!("SIMPLE"))]);
    match svc.routing.extras.trust.as_ref().filter(|_| certified) {
        Some(secret) => {
            let host = host(svc, service);
            tls.insert("credentialName".to_owned(), json!(secret));
            tls.insert("subjectAltNames".to_owned(), json!([host]));
            tls.insert("sni".to_owned(), json!(host));
        }
        None => drop(tls.insert("insecureSkipVerify".to_owned(), json!(true))),
    }
    Value::Object(tls)
}

fn destination(svc: &ValidService, service: &str, policy: &Value) -> Object {
    let spec = json!({"host": host(svc, service), "trafficPolicy": policy});
    extra(svc, Kind::DestinationRule, service, &spec)
}

fn host(svc: &ValidService, service: &str) -> String {
    format!("{service}.{}.svc.{}", svc.id.namespace, svc.domain)
}
