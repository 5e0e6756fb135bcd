use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::facts::{Answer, Key, Ref};
use crate::validate::routing::fixture::{World, spec};

const MODEL: &str = "internal.serving.kserve.io/model-criticality";
const LORA: &str = "internal.serving.kserve.io/lora-criticalities";

/// A service with two adapters whose annotations are these.
fn service(annotations: &Value) -> (World, Value) {
    let adapters = json!({"lora": {"adapters": [{"name": "sql"}, {"name": "chat"}]}});
    let mut world = World::new();
    world.service["metadata"]["annotations"] = annotations.clone();
    world.service["spec"] = json!({"model": adapters});
    let mut merged = spec(json!({"scheduler": {}, "route": {}}));
    merged["model"] = adapters;
    (world, merged)
}

fn of(world: &mut World, merged: &Value, kind: Kind) -> Vec<Value> {
    world.objects(merged).into_iter().filter(|o| o.kind == kind).map(|o| o.body).collect()
}

fn body(version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
    });
    let metadata = json!({"name": name, "namespace": "ml", "labels": labels});
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn pool(group: &str) -> Value {
    json!({"group": group, "kind": "InferencePool", "name": "llama-inference-pool"})
}

const V1: &str = "inference.networking.k8s.io";
const VERSION: &str = "inference.networking.x-k8s.io/v1alpha2";

#[test]
fn every_criticality_is_an_objective() {
    let (mut world, merged) =
        service(&json!({MODEL: "Critical", LORA: r#"{"0": "Standard", "1": "Sheddable"}"#}));
    let objective = |name, priority| {
        body(VERSION, "InferenceObjective", name, &json!({"priority": priority, "poolRef": pool(V1)}))
    };
    let expected = [objective("llama", 100), objective("llama-chat", -10), objective("llama-sql", 0)];
    assert_eq!(of(&mut world, &merged, Kind::InferenceObjective), expected);
    assert_eq!(
        of(&mut world, &merged, Kind::InferenceModel),
        Vec::<Value>::new(),
        "no current release has it"
    );
}

#[test]
fn without_a_criticality_nothing_is_made_and_without_a_pool_neither() {
    let (mut world, merged) = service(&json!({}));
    assert_eq!(of(&mut world, &merged, Kind::InferenceObjective), Vec::<Value>::new());
    let (mut world, _) = service(&json!({MODEL: "Critical"}));
    world.cluster.served.insert(Kind::InferenceModel);
    assert_eq!(world.objects(&spec(json!({"route": {}}))).len(), 1);
}

#[test]
fn an_inference_model_is_made_for_every_name_where_its_crd_is_served() {
    let (mut world, merged) = service(&json!({MODEL: "Critical"}));
    world.cluster.served.insert(Kind::InferenceModel);
    let model = |name, spec: Value| body(VERSION, "InferenceModel", name, &spec);
    let expected = [
        model(
            "llama-model",
            json!({"modelName": "llama-8b", "criticality": "Critical", "poolRef": pool(V1)}),
        ),
        model("llama-chat-model", json!({"modelName": "chat", "poolRef": pool(V1)})),
        model("llama-sql-model", json!({"modelName": "sql", "poolRef": pool(V1)})),
    ];
    assert_eq!(of(&mut world, &merged, Kind::InferenceModel), expected);
}

#[test]
fn an_external_pool_is_named_in_its_group() {
    let (mut world, _) = service(&json!({MODEL: "Sheddable"}));
    world.cluster.served.insert(Kind::OlderInferencePool);
    world.seen.insert(Key::InferencePool(Ref::new("ml", "shared")), Answer::Absent);
    world.see(Key::OlderInferencePool(Ref::new("ml", "shared")), json!({}));
    let merged = spec(json!({"scheduler": {"pool": {"ref": {"name": "shared"}}}}));
    let found = of(&mut world, &merged, Kind::InferenceObjective);
    let shared = json!({"group": "inference.networking.x-k8s.io", "kind": "InferencePool", "name": "shared"});
    assert_eq!(
        found,
        [body(VERSION, "InferenceObjective", "llama", &json!({"priority": -10, "poolRef": shared}))]
    );
}

#[test]
fn a_criticality_without_effect_is_told() {
    let told = |annotations: Value, served: bool| {
        let (mut world, merged) = service(&annotations);
        if !served {
            world.cluster.served.remove(&Kind::InferenceObjective);
        }
        let warnings = world.validate(&merged).2;
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(json!({MODEL: "High"}), true),
        [format!(
            "metadata.annotations[{MODEL}]: \"High\" is no criticality; give one of Critical, Standard, Sheddable"
        )]
    );
    assert_eq!(
        told(json!({MODEL: "Critical"}), false),
        [format!(
            "metadata.annotations[{MODEL}]: has no effect: the cluster serves neither InferenceObjective nor \
             InferenceModel; install the CRD inferenceobjectives.inference.networking.x-k8s.io"
        )]
    );
    assert_eq!(told(json!({MODEL: "Critical"}), true), Vec::<String>::new());
    assert_eq!(told(json!({}), false), Vec::<String>::new());
}
