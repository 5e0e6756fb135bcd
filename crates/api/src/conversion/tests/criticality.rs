//! Criticality is a field in v1alpha1 and an annotation in v1alpha2.

use serde_json::{Value, json};

use super::examples::service;
use crate::conversion::{LORA, LORA_BY_NAME, MODEL, convert};
use crate::version::Version::{V1alpha1, V1alpha2};

fn adapters(names: &[&str]) -> Value {
    let list: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"model": {"uri": "hf://a", "lora": {"adapters": list}}})
}

/// The adapters in v1alpha1, each with its criticality.
fn shown(object: &Value) -> Vec<(String, String)> {
    let shown = convert(object.clone(), V1alpha1).unwrap();
    let text = |adapter: &Value, name: &str| adapter[name].as_str().unwrap_or("-").to_owned();
    let list = shown["spec"]["model"]["lora"]["adapters"].as_array().unwrap().clone();
    list.iter().map(|adapter| (text(adapter, "name"), text(adapter, "criticality"))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Three adapters, two of them with a criticality, as v1alpha1 wrote them.
fn stored() -> Value {
    let mut spec = adapters(&["sql", "chat", "code"]);
    spec["model"]["criticality"] = json!("Standard");
    spec["model"]["lora"]["adapters"][0]["criticality"] = json!("Critical");
    spec["model"]["lora"]["adapters"][2]["criticality"] = json!("Sheddable");
    let object = service("v1alpha1", &spec);
    let stored = convert(object.clone(), V1alpha2).unwrap();
    assert_eq!(convert(stored.clone(), V1alpha1).unwrap(), object);
    stored
}

#[test]
fn it_is_stored_where_the_peer_reads_it_and_by_name() {
    let mut expected = service("v1alpha2", &adapters(&["sql", "chat", "code"]));
    expected["metadata"]["annotations"] = json!({
        MODEL: "Standard",
        LORA: r#"{"0":"Critical","2":"Sheddable"}"#,
        LORA_BY_NAME: r#"{"code":"Sheddable","sql":"Critical"}"#,
    });
    assert_eq!(stored(), expected);
}

#[test]
fn adapters_keep_theirs_in_another_order_and_when_others_go() {
    // E-44
    let mut object = stored();
    object["spec"] = adapters(&["code", "new", "sql"]);
    assert_eq!(shown(&object), pairs(&[("code", "Sheddable"), ("new", "-"), ("sql", "Critical")]));
    object["spec"] = adapters(&["chat", "code"]);
    assert_eq!(shown(&object), pairs(&[("chat", "-"), ("code", "Sheddable")]));
}

#[test]
fn what_the_peer_wrote_by_index_is_read_and_wins_over_older_names() {
    // E-44
    let mut object = service("v1alpha2", &adapters(&["a", "b"]));
    object["metadata"]["annotations"] = json!({LORA: r#"{"1": "Critical"}"#});
    assert_eq!(shown(&object), pairs(&[("a", "-"), ("b", "Critical")]));
    object["metadata"]["annotations"][LORA_BY_NAME] = json!(r#"{"a":"Standard"}"#);
    assert_eq!(shown(&object), pairs(&[("a", "-"), ("b", "Critical")]));
}

#[test]
fn a_name_that_two_adapters_have_tells_nothing() {
    let mut object = service("v1alpha2", &adapters(&["a", "a"]));
    object["metadata"]["annotations"] =
        json!({LORA: r#"{"1":"Critical"}"#, LORA_BY_NAME: r#"{"a":"Critical"}"#});
    assert_eq!(shown(&object), pairs(&[("a", "-"), ("a", "Critical")]));
}

#[test]
fn what_v1alpha1_would_refuse_is_not_shown_and_not_lost() {
    // E-44
    for (key, text) in [
        (MODEL, "Urgent"),
        (LORA, r#"{"0":"Urgent"}"#),
        (LORA, r#"{"7":"Critical"}"#),
        (LORA, "not JSON"),
        (LORA_BY_NAME, r#"{"a":"Critical"}"#),
    ] {
        let mut object = service("v1alpha2", &adapters(&["a"]));
        object["metadata"]["annotations"] = json!({key: text});
        let older = convert(object.clone(), V1alpha1).unwrap();
        assert_eq!(older["spec"], adapters(&["a"]), "{key} {text}");
        assert_eq!(convert(older, V1alpha2).unwrap(), object, "{key} {text}");
    }
}

#[test]
fn it_is_kept_beside_what_v1alpha1_cannot_hold() {
    let mut object = service("v1alpha2", &adapters(&["sql", "chat"]));
    object["spec"]["model"]["confidential"] = json!({"enabled": true});
    let mut written = convert(object, V1alpha1).unwrap();
    written["spec"]["model"]["criticality"] = json!("Critical");
    written["spec"]["model"]["lora"]["adapters"][0]["criticality"] = json!("Sheddable");
    let mut stored = convert(written.clone(), V1alpha2).unwrap();
    assert_eq!(convert(stored.clone(), V1alpha1).unwrap(), written);
    stored["spec"]["model"]["lora"]["adapters"] =
        adapters(&["chat", "sql"])["model"]["lora"]["adapters"].take();
    let shown = convert(stored.clone(), V1alpha1).unwrap();
    assert_eq!(shown["spec"]["model"]["criticality"], "Critical");
}
