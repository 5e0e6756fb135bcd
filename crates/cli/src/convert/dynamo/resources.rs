//! Resources of v1alpha1, where accelerators are a number beside their kind.

use serde_json::{Map, Value, json};

use super::super::Loss;
use super::super::common::source::{Source, scalar};

/// Resources of a container; none when nothing is asked for.
pub fn take(component: &mut Source, lost: &mut Vec<Loss>) -> Option<Value> {
    let mut source = component.part("resources");
    let mut resources = Map::new();
    let kind = source.text("gpuType");
    for list in ["limits", "requests"] {
        let amounts = amounts(source.part(list), kind.as_deref(), lost);
        if !amounts.is_empty() {
            resources.insert(list.to_owned(), Value::Object(amounts));
        }
    }
    resources.extend(source.take("claims").map(|claims| ("claims".to_owned(), claims)));
    source.finish(lost);
    (!resources.is_empty()).then_some(Value::Object(resources))
}

fn amounts(mut source: Source, kind: Option<&str>, lost: &mut Vec<Loss>) -> Map<String, Value> {
    let own = source.text("gpuType");
    let kind = own.as_deref().or(kind).unwrap_or("nvidia.com/gpu").to_owned();
    let fields = [("cpu", "cpu"), ("memory", "memory"), ("gpu", kind.as_str())];
    let mut amounts: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(field, name)| Some((name.to_owned(), json!(source.text(field)?))))
        .collect();
    let custom = source.take("custom");
    let custom = custom.as_ref().and_then(Value::as_object).into_iter().flatten();
    amounts.extend(custom.filter_map(|(name, amount)| Some((name.clone(), json!(scalar(amount)?)))));
    source.finish(lost);
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accelerators_are_named() {
        let resources = json!({"resources": {
            "limits": {"gpu": "2", "gpuType": "gpu.intel.com/xe", "custom": {"rdma/ib": 1}},
            "requests": {"cpu": 4, "gpu": 2, "odd": 1},
        }});
        let mut lost = Vec::new();
        let taken = take(&mut Source::new(resources, "c"), &mut lost);
        let limits = json!({"gpu.intel.com/xe": "2", "rdma/ib": "1"});
        let requests = json!({"cpu": "4", "nvidia.com/gpu": "2"});
        assert_eq!(taken, Some(json!({"limits": limits, "requests": requests})));
        assert_eq!(lost.first().map(|loss| loss.path.as_str()), Some("c.resources.requests.odd"));
    }
}
