//! The patches of the mutating webhook.

use serde_json::{Value, json};

use super::*;

fn patches(object: &Value) -> Vec<Value> {
    mutate(&create(object), &site())
}

#[test]
fn the_name_of_the_service_is_that_of_its_model() {
    assert_eq!(
        patches(&service(json!({"model": {"uri": "hf://a"}}))),
        [json!({"op": "add", "path": "/spec/model/name", "value": "llama"})]
    );
    let named = json!([{"op": "add", "path": "/spec/model", "value": {"name": "llama"}}]);
    assert_eq!(json!(patches(&service(json!({})))), named);
    assert_eq!(json!(patches(&service(json!({"model": null})))), named);
    assert_eq!(patches(&service(json!({"model": {"name": "m"}}))), Vec::<Value>::new());
    assert_eq!(patches(&json!({"metadata": {"name": "llama"}})), Vec::<Value>::new());
}

#[test]
fn a_name_that_is_yet_to_be_made_is_not_filled_in() {
    // E-16
    let object = service(json!({"model": {"uri": "hf://a"}}));
    assert_eq!(mutate(&Request { name: "", ..create(&object) }, &site()), Vec::<Value>::new());
}

#[test]
fn the_label_follows_the_group() {
    // E-19
    let group = json!({"model": {"name": "m"}, "router": {"route": {"group": "g", "weight": 1}}});
    let mut object = service(group);
    let path = "/metadata/labels/serving.kserve.io~1routing-group";
    let whole = json!({"serving.kserve.io/routing-group": "g"});
    assert_eq!(patches(&object), [json!({"op": "add", "path": "/metadata/labels", "value": whole})]);
    object["metadata"]["labels"] = json!({"a": "b", "serving.kserve.io/routing-group": "other"});
    assert_eq!(patches(&object), [json!({"op": "add", "path": path, "value": "g"})]);
    object["metadata"]["labels"] = whole;
    assert_eq!(patches(&object), Vec::<Value>::new());
    object["spec"]["router"] = json!({});
    assert_eq!(patches(&object), [json!({"op": "remove", "path": path})]);
}

#[test]
fn null_containers_become_an_empty_list_and_absent_ones_stay_absent() {
    // E-15
    let spec =
        json!({"model": {"name": "m"}, "template": {"containers": null}, "worker": {"nodeSelector": {}}});
    let patch = json!({"op": "add", "path": "/spec/template/containers", "value": []});
    assert_eq!(patches(&service(spec)), [patch]);
}

#[test]
fn nothing_is_read_and_nobody_else_is_changed() {
    // E-17
    let object = service(json!({}));
    let config = Request { subject: Subject::Config, ..create(&object) };
    assert_eq!(mutate(&config, &site()), Vec::<Value>::new());
    let mut going = service(json!({}));
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(patches(&going), Vec::<Value>::new());
}
