//! There and back: nothing is lost that is not said to be.

use std::collections::BTreeMap;

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::guides::{guides, service};
use crate::convert::Loss;
use crate::convert::detect::Chart;
use crate::convert::run::{Wish, converted};
use crate::convert::values::{args, back, defaults, helm, layered};
use crate::input::Document;

fn documents(values: Vec<(Chart, Value)>) -> Vec<Document> {
    values.into_iter().map(|(_, value)| Document { file: "back".to_owned(), number: 1, value }).collect()
}

/// Values over the chart's own, without what is lost and what follows from the rest.
fn settled(documents: &[Document], lost: &[Loss]) -> BTreeMap<Chart, Value> {
    let values: Vec<Value> = documents.iter().map(|document| document.value.clone()).collect();
    let layer = |(chart, values): (Chart, Value)| {
        let mut all = defaults::of(chart);
        tree::overlay(&mut all, &helm::filled(&values));
        for loss in lost {
            remove(&mut all, &loss.path);
        }
        for role in ["decode", "prefill"] {
            containers(&mut all, role);
        }
        config(&mut all);
        (chart, without_empty(&all))
    };
    layered(&values).into_iter().map(layer).collect()
}

fn remove(value: &mut Value, path: &str) {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, name) = step.trim_end_matches(']').split_once('[').unwrap_or((step, ""));
    let Some(below) = value.get_mut(key) else { return };
    let below = if name.is_empty() {
        Some(below)
    } else {
        below.as_array_mut().and_then(|all| tree::named_mut(all, name))
    };
    match below {
        Some(below) if !rest.is_empty() => remove(below, rest),
        _ => _ = value.as_object_mut().map(|map| map.remove(key)),
    }
}

/// The flags that the operator gives by itself go, the server's own port too, and probes name ports by number.
fn containers(values: &mut Value, role: &str) {
    for container in tree::array(tree::entry(values, role), "containers") {
        let given = args::words(&container["args"]);
        let sorted = args::sorted(&given, true, "");
        let kept: Vec<String> =
            sorted.kept.into_iter().filter(|word| !word.starts_with("--served-model-name")).collect();
        let ports = tree::list(container, &["ports"]).to_vec();
        *tree::entry(container, "expert") = json!(sorted.expert);
        *tree::entry(container, "args") = json!(kept);
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let Some(slot) = container.pointer_mut(&format!("/{probe}/httpGet/port")) else { continue };
            if let Some(port) = slot.as_str().and_then(|name| tree::named(&ports, name)) {
                *slot = port["containerPort"].clone();
            }
        }
        tree::array(container, "ports")
            .retain(|port| ![json!(8000), json!(8200)].contains(&port["containerPort"]));
    }
}

/// The configuration in use, whatever its file is called.
fn config(values: &mut Value) {
    for base in ["/inferenceExtension", "/router/epp"] {
        let Some(epp) = values.pointer_mut(base) else { continue };
        let file = tree::text(epp, &["pluginsConfigFile"]).to_owned();
        let text = tree::text(epp, &["pluginsCustomConfig", &file]).to_owned();
        let parsed: Value = serde_yaml_ng::from_str(&text).unwrap_or_default();
        *tree::entry(epp, "pluginsConfigFile") = Value::Null;
        *tree::entry(epp, "pluginsCustomConfig") = parsed;
    }
}

/// Nothing and an empty map, list or text are the same.
fn without_empty(value: &Value) -> Value {
    let is_empty = |value: &Value| [json!(null), json!({}), json!([]), json!("")].contains(value);
    match value {
        Value::Object(map) => {
            map.iter().map(|(k, v)| (k.clone(), without_empty(v))).filter(|(_, v)| !is_empty(v)).collect()
        }
        Value::Array(items) => items.iter().map(without_empty).filter(|v| !is_empty(v)).collect(),
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    }
}

#[test]
fn values_of_a_service_give_the_same_service() {
    for (folder, values) in guides() {
        let there = service(&values);
        let values = back::charts(&there.objects).expect("goes back");
        let again = converted(&documents(values.charts), &Wish::default()).expect("converts again");
        assert_eq!(again.objects, there.objects, "{}", folder.display());
    }
}

#[test]
fn values_come_back_as_they_were() {
    for (folder, values) in guides() {
        let there = service(&values);
        let back = documents(back::charts(&there.objects).expect("goes back").charts);
        let (first, second) = (settled(&values, &there.lost), settled(&back, &there.lost));
        for (chart, first) in first {
            assert_eq!(second.get(&chart), Some(&first), "{}: {chart:?}", folder.display());
        }
    }
}
