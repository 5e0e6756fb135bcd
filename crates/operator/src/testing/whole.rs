//! Whole passes over an example, with the real core.

use std::sync::Arc;

use llmisvc_core::facts::{Answer, Cluster, Ref, Seen};
use llmisvc_core::object::Live;
use llmisvc_core::settings::Settings;
use llmisvc_core::{Decision, Inputs, Step};
use serde_json::{Value, json};

use super::Server;
use crate::context::{Context, Core, Options};
use crate::memo::{Asleep, Mind};
use crate::reconcile::pass;
use crate::stores::Stores;
use crate::stores::raw::Raw;
use crate::stores::watched::Watched;

const SERVICE: &str = "/apis/serving.kserve.io/v1alpha2/namespaces/demo/llminferenceservices/llama-70b";

fn example() -> Value {
    let text = include_str!("../../../../examples/prefill-decode/service.yaml");
    let mut service: Value = serde_yaml_ng::from_str(text).unwrap();
    service["metadata"]["namespace"] = json!("demo");
    service["metadata"]["uid"] = json!("owner");
    service["metadata"]["generation"] = json!(1);
    service
}

fn presets() -> Vec<Value> {
    let mut presets = llmisvc_core::presets::shipped(&Cluster::default().config_prefix);
    for preset in &mut presets {
        preset["metadata"]["namespace"] = json!("kserve");
    }
    presets
}

fn context(server: &Server) -> Arc<Context> {
    let core = Core { decide: llmisvc_core::decide, status: llmisvc_core::status::status };
    let options = Options { system_namespace: "kserve".to_owned(), identity: "test".to_owned() };
    let ctx = Context::new(server.wire(), Stores::new(Cluster::default()), core, options);
    for preset in presets() {
        ctx.stores.put(Watched::Configs, Raw::new(preset));
    }
    ctx.stores.put(Watched::Services, Raw::new(server.put(SERVICE, example())));
    let account = "/api/v1/namespaces/demo/serviceaccounts/default";
    server.put(account, json!({"metadata": {"name": "default", "namespace": "demo"}}));
    ctx
}

fn decided() -> Decision {
    let (service, settings, cluster) = (example(), Settings::default(), Cluster::default());
    let mut seen = Seen::default();
    loop {
        let live = Live::new();
        let inputs =
            Inputs { service: &service, settings: &settings, cluster: &cluster, seen: &seen, live: &live };
        match llmisvc_core::decide(&inputs) {
            Step::Done(decision) => return *decision,
            Step::Need(keys) => {
                for key in keys {
                    let answer = match &key {
                        llmisvc_core::facts::Key::Config(place) => preset(place),
                        _ => Answer::Absent,
                    };
                    seen.insert(key, answer);
                }
            }
        }
    }
}

fn preset(place: &Ref) -> Answer {
    let found = presets()
        .into_iter()
        .find(|p| p["metadata"]["name"] == *place.name && p["metadata"]["namespace"] == *place.namespace);
    found.map_or(Answer::Absent, |preset| Answer::Found(preset.into()))
}

#[test]
fn a_decision_wakes_up_as_it_went_to_sleep() {
    let decision = decided();
    let objects = decision.outcome.as_ref().map(|desired| desired.objects.len()).unwrap_or_default();
    assert!(objects > 10, "{decision:?}");
    let before = format!("{decision:?}");
    assert_eq!(format!("{:?}", Asleep::new(decision).wake().unwrap()), before);
}

#[tokio::test]
async fn an_example_is_created_whole_and_then_costs_nothing() {
    let server = Server::default();
    let ctx = context(&server);
    let (place, mut mind) = (Ref::new("demo", "llama-70b"), Mind::default());
    pass(&ctx, &place, &mut mind).await.unwrap();
    let first = server.requests();
    let writes: Vec<&String> = first.iter().filter(|r| !r.starts_with("get ")).collect();
    assert_eq!(writes[0], "merge llminferenceservices/llama-70b", "the finalizer comes first: {first:?}");
    assert_eq!(*writes[writes.len() - 1], "patch llminferenceservices/llama-70b/status");
    assert_eq!(*writes[writes.len() - 2], "create httproutes/llama-70b-kserve-route");
    let creates = writes.iter().filter(|w| w.starts_with("create ")).count();
    assert_eq!((creates, ctx.stores.child_count()), (writes.len() - 2, creates));
    pass(&ctx, &place, &mut mind).await.unwrap();
    assert_eq!(server.requests(), [""; 0], "recalled");
    pass(&ctx, &place, &mut Mind::default()).await.unwrap();
    let anew = server.requests();
    assert!(anew.iter().all(|r| r.starts_with("get ")), "decided anew: {anew:?}");
}

#[tokio::test]
async fn without_its_finalizer_a_service_gets_no_children_but_a_status() {
    let server = Server::default();
    let ctx = context(&server);
    server.refuse("llama-70b", 409);
    pass(&ctx, &Ref::new("demo", "llama-70b"), &mut Mind::default()).await.unwrap();
    let requests = server.requests();
    let writes: Vec<&String> = requests.iter().filter(|r| !r.starts_with("get ")).collect();
    assert_eq!(
        writes,
        ["merge llminferenceservices/llama-70b", "patch llminferenceservices/llama-70b/status"]
    );
}
