//! What a service says beside its spec, and templates in it.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::Draft;
use crate::convert::common::source::walk;
use crate::convert::keys::{Keys, put};
use crate::convert::values::accelerator::KINDS;

const DRA: &str = "serving.kserve.io/exp-dra-";

/// Devices by annotation become the chart's claims; other annotations and labels are lost.
pub fn convert(service: &Value, draft: &mut Draft) {
    let metadata = service.get("metadata").cloned().unwrap_or_default();
    let mut annotations = tree::strings(&metadata, &["annotations"]);
    let mut take = |name: &str| annotations.remove(&format!("{DRA}{name}"));
    if let Some(class) = take("device-class") {
        claims(&class, take("device-count"), take("cel-selector"), draft);
    }
    for name in annotations.keys() {
        draft.lose(format!("metadata.annotations[{name}]"), "the chart's objects have no such annotations");
    }
    let mut keys = Keys::new(metadata, "metadata");
    for known in ["annotations", "name", "namespace"] {
        keys.take(known);
    }
    draft.lost.extend(keys.lost(|_| "the chart's objects have labels of their own".to_owned()));
}

fn claims(class: &str, count: Option<String>, selectors: Option<String>, draft: &mut Draft) {
    let of_class = KINDS.iter().find(|kind| kind.class == class);
    let kind = draft.overlay.kind.or(of_class).map_or(KINDS[0].name, |kind| kind.name);
    let expressions = selectors.unwrap_or_default();
    let expressions = expressions.lines().map(str::trim).filter(|line| !line.is_empty());
    let selectors: Vec<Value> = expressions.map(|line| json!({"cel": {"expression": line}})).collect();
    let count = count.and_then(|count| count.parse::<i64>().ok()).unwrap_or(1);
    let mut template = json!({"name": kind, "class": class, "match": "exactly", "count": count});
    put(&mut template, &["selectors"], Value::Array(selectors));
    draft.put(&["accelerator", "type"], json!(kind));
    draft.put(&["accelerator", "dra"], json!(true));
    draft.put(&["accelerator", "resourceClaimTemplates", kind], template);
}

/// Our templates mean nothing to Helm.
pub fn templates(spec: &Value, draft: &mut Draft) {
    walk(spec, "spec", &mut |path, leaf| {
        if leaf.as_str().is_some_and(|text| text.contains("{{")) {
            draft.lose(path, "a template of ours, which Helm can't fill in; write out its value");
        }
    });
}
