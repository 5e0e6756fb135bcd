//! The steps between resolve and validate: merge the layers, render, complete.

use llmisvc_api::conditions::reason;
use serde_json::{Value, json};

use super::{Fault, Finding, Inputs};
use crate::merge::merge;
use crate::names;
use crate::node::Node;
use crate::resolve::{Layers, reference};
use crate::template::{Globals, Scope, TemplateError, render};
use crate::{shape, tree};

/// All layers in one tree, the service's own spec on top.
pub fn merged(inputs: &Inputs<'_>, layers: &Layers) -> Node {
    let own = own_spec(inputs.service, &layers.specs);
    let specs = layers.specs.iter().chain([&own]).enumerate();
    let empty = Node::empty(layers.specs.len());
    let tree = specs.fold(empty, |below, (id, spec)| merge(below, Node::of(spec, id), Some(shape::spec())));
    named(inputs, tree, layers.specs.len())
}

/// The service's own spec without a model name that only the peer's webhook put there: it fills in
/// `metadata.name`, which must not hide the name that a config gives (edge C-2). An explicit name stays.
fn own_spec(service: &Value, configs: &[Value]) -> Value {
    let mut own = service.get("spec").cloned().unwrap_or_else(|| json!({}));
    let filled_in = tree::text(&own, &["model", "name"]) == tree::text(service, &["metadata", "name"]);
    let given = configs.iter().any(|c| !tree::text(c, &["model", "name"]).is_empty());
    if filled_in
        && given
        && let Some(model) = own.get_mut("model").and_then(Value::as_object_mut)
    {
        model.remove("name");
    }
    own
}

/// `model.name` defaults to the name of the service.
fn named(inputs: &Inputs<'_>, tree: Node, layer: usize) -> Node {
    if matches!(tree.at("model.name"), Some(Node::Leaf(Value::String(name), _)) if !name.is_empty()) {
        return tree;
    }
    let name = tree::text(inputs.service, &["metadata", "name"]);
    merge(tree, Node::of(&json!({"model": {"name": name}}), layer), Some(shape::spec()))
}

/// Every template in its leaf, over the merged spec (edge C-1).
pub fn rendered(
    inputs: &Inputs<'_>,
    layers: &Layers,
    merged: &Node,
    warnings: &mut Vec<Finding>,
) -> Result<Node, Fault> {
    let own = tree::text(inputs.service, &["metadata", "name"]).to_owned();
    let names: Vec<String> = layers.configs.iter().map(ToString::to_string).chain([own]).collect();
    let spec = merged.value();
    let globals = globals(inputs, &spec);
    let scope = Scope { service: inputs.service, spec: &spec, globals: &globals };
    let (tree, kept) = render(merged, &names, &scope).map_err(|error| unrendered(&error))?;
    warnings.extend(kept);
    Ok(tree)
}

/// The error's own text begins with the path and names the config.
fn unrendered(error: &TemplateError) -> Fault {
    let path = error.place().path.clone();
    let text = error.to_string();
    let message = text.strip_prefix(&format!("{path}: ")).unwrap_or(&text).to_owned();
    combine(path, &message)
}

fn globals(inputs: &Inputs<'_>, spec: &Value) -> Globals {
    let text = |path: &[&str]| tree::text(inputs.service, path).to_owned();
    let pool = match tree::text(spec, &["router", "scheduler", "pool", "ref", "name"]) {
        "" => names::inference_pool(&text(&["metadata", "name"])),
        named => named.to_owned(),
    };
    Globals {
        system_namespace: inputs.cluster.system_namespace.clone(),
        ingress_gateway_name: inputs.settings.gateway.name.clone(),
        ingress_gateway_namespace: inputs.settings.gateway.namespace.clone(),
        enable_tls: inputs.settings.tls,
        model_based_routing_header_name: inputs.settings.model_header.clone(),
        inference_pool_namespaced_name: format!("{}/{pool}", text(&["metadata", "namespace"])),
    }
}

const CONFIG: &str = "spec.router.scheduler.config";

/// Puts the scheduler configuration that a ConfigMap holds in place of the reference to it
/// (`reference/workloads.md §3.8`, row 8), and checks that an inline one can be read at all (edge C-16).
pub fn completed(inputs: &Inputs<'_>, rendered: Node) -> Result<Node, Fault> {
    let config = rendered.at("router.scheduler.config").map(Node::value).unwrap_or_default();
    if let Some(Value::String(text)) = config.get("inline") {
        readable(text)?;
    }
    let name = tree::text(&config, &["ref", "name"]);
    if name.is_empty() {
        return Ok(rendered);
    }
    let Some(text) = reference::text(inputs, &config)? else { return Ok(rendered) };
    let over = json!({"router": {"scheduler": {"config": {"inline": text, "ref": null}}}});
    let layer = rendered.nearest("router.scheduler.config.ref").layer();
    Ok(merge(rendered, Node::of(&over, layer), Some(shape::spec())))
}

fn readable(text: &str) -> Result<(), Fault> {
    let parsed = serde_yaml_ng::from_str::<Value>(text);
    match parsed {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => {
            Err(combine(format!("{CONFIG}.inline"), "is not a YAML object; give an EndpointPickerConfig"))
        }
        Err(error) => Err(combine(format!("{CONFIG}.inline"), &format!("is not YAML: {error}"))),
    }
}

fn combine(path: String, message: &str) -> Fault {
    Fault { reason: reason::COMBINE_BASE_ERROR, findings: vec![Finding::new(path, message)] }
}
