use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::validate::routing::fixture::{World, spec};

const NAME: &str = "llama-kserve-router-scheduler";

fn selector() -> Value {
    json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-router-scheduler",
    })
}

fn apart(selector: &Value) -> Value {
    let term = |domain: &str| json!({"topologyKey": domain, "labelSelector": {"matchLabels": selector}});
    let terms = json!([
        {"weight": 100, "podAffinityTerm": term("kubernetes.io/hostname")},
        {"weight": 50, "podAffinityTerm": term("topology.kubernetes.io/zone")},
    ]);
    json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}})
}

/// The Deployment, its affinity, and the budget.
fn of(world: &mut World, scheduler: &Value) -> (Value, Value, Option<Value>) {
    let objects = world.objects(&spec(json!({"scheduler": scheduler})));
    let body = |kind| objects.iter().find(|o| o.kind == kind).map(|o| o.body.clone());
    let deployment = body(Kind::Deployment).unwrap();
    let affinity = deployment["spec"]["template"]["spec"]["affinity"].clone();
    (deployment, affinity, body(Kind::PodDisruptionBudget))
}

#[test]
fn one_picker_is_recreated_and_has_neither_budget_nor_affinity() {
    for one in [json!({}), json!({"replicas": 1})] {
        let (deployment, affinity, budget) = of(&mut World::new(), &one);
        assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
        assert_eq!((affinity, budget), (Value::Null, None));
    }
}

#[test]
fn two_are_spread_and_replaced_all_at_once_and_evicted_one_by_one() {
    let (deployment, spread, budget) = of(&mut World::new(), &json!({"replicas": 2}));
    let rolling = json!({"maxSurge": "100%", "maxUnavailable": "100%"});
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "RollingUpdate", "rollingUpdate": rolling}));
    assert_eq!(spread, apart(&selector()));
    let expected = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": NAME, "namespace": "ml", "labels": selector()},
        "spec": {"maxUnavailable": "100%", "selector": {"matchLabels": selector()}},
    });
    assert_eq!(budget, Some(expected));
}

#[test]
fn pickers_that_all_work_are_replaced_and_evicted_as_any_pods() {
    let mut merged = spec(json!({"scheduler": {"replicas": 3}}));
    merged["router"]["scheduler"]["template"]["containers"][0]["args"] =
        json!(["-ha-enable-leader-election=false"]);
    let objects = World::new().objects(&merged);
    let body = |kind| &objects.iter().find(|o| o.kind == kind).unwrap().body;
    let rolling = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    assert_eq!(body(Kind::Deployment)["spec"]["strategy"]["rollingUpdate"], rolling);
    assert_eq!(body(Kind::PodDisruptionBudget)["spec"]["maxUnavailable"], 1);
}

#[test]
fn a_template_that_says_where_pods_go_is_left_alone() {
    let with = |template: Value| json!({"replicas": 2, "template": template});
    let own = json!([{"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]);
    let (_, found, _) = of(&mut World::new(), &with(json!({"topologySpreadConstraints": own})));
    assert_eq!(found, Value::Null);
    let required = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}});
    let (_, found, _) = of(&mut World::new(), &with(json!({"affinity": required})));
    assert_eq!(found, required);
    let nodes = json!({"preferredDuringSchedulingIgnoredDuringExecution": []});
    let (_, found, _) = of(&mut World::new(), &with(json!({"affinity": {"nodeAffinity": nodes}})));
    let mut both = apart(&selector());
    both["nodeAffinity"] = nodes;
    assert_eq!(found, both);
}

/// A live Deployment of pickers with these arguments.
fn live(world: &mut World, args: &[&str], affinity: &Value) {
    let pod = json!({"containers": [{"name": "main", "args": args}], "affinity": affinity});
    let body = json!({"spec": {"selector": {"matchLabels": {"team": "old"}}, "template": {"spec": pod}}});
    world.live(Kind::Deployment, NAME, body);
}

#[test]
fn pickers_that_run_are_not_replaced_to_be_spread() {
    let flag = "--ha-enable-leader-election";
    let selector = json!({"team": "old"});
    let cases = [
        ("several, not spread", vec![flag], Value::Null, Value::Null),
        ("several, spread", vec![flag], apart(&selector), apart(&selector)),
        ("one", vec![], Value::Null, apart(&selector)),
    ];
    for (what, args, before, after) in cases {
        let mut world = World::new();
        live(&mut world, &args, &before);
        let (_, found, budget) = of(&mut world, &json!({"replicas": 2}));
        assert_eq!(found, after, "{what}");
        assert_eq!(budget.unwrap()["spec"]["selector"]["matchLabels"], selector, "{what}");
    }
}

#[test]
fn what_happens_without_a_picker_is_said() {
    let mode = |scheduler: Value| {
        let merged = spec(json!({"scheduler": scheduler}));
        World::new().object(&merged, Kind::InferencePool)["spec"]["endpointPickerRef"]["failureMode"].clone()
    };
    assert_eq!(mode(json!({"replicas": 2})), "FailOpen");
    let close = json!({"replicas": 2, "pool": {"spec": {"endpointPickerRef": {"failureMode": "FailClose"}}}});
    assert_eq!(mode(close), "FailClose");
}
