//! Where each effective value of a service comes from.
//!
//! The merged and rendered spec, in which every value knows its layer, with the pods, the route and the pool as they
//! are built from it: what these have that the spec does not say so is the operator's.

use llmisvc_api::v1alpha2::{AppliedConfig, ConfigSource};
use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::decide::effective;
use crate::node::{LayerId, Node};
use crate::object::Object;
use crate::pass::{Fault, Inputs};
use crate::valid::Role;
use crate::workloads::{slot, templates};
use crate::{Decision, names, tree};

/// The layer of what the operator makes or fills in.
const OPERATOR: LayerId = LayerId::MAX;

/// The effective spec of a service.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The spec as it takes effect.
    pub spec: Node,
    configs: Vec<AppliedConfig>,
}

/// Who says a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The service's own spec.
    Service,
    /// A config: a preset, or one that `spec.baseRefs` names.
    Config(&'a AppliedConfig),
    /// The operator makes it from others, or fills it in.
    Operator,
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service => write!(f, "service"),
            Self::Operator => write!(f, "operator"),
            Self::Config(config) => match config.source {
                ConfigSource::Preset => write!(f, "preset {config}"),
                ConfigSource::UserRef => write!(f, "baseRef {config}"),
            },
        }
    }
}

impl Explained {
    /// Who says what is at a layer.
    pub fn origin(&self, layer: LayerId) -> Origin<'_> {
        match self.configs.get(layer) {
            Some(config) => Origin::Config(config),
            None if layer == OPERATOR => Origin::Operator,
            None => Origin::Service,
        }
    }
}

/// Explains a service that was decided with the same inputs. What could not be decided is explained as far as its spec
/// could be merged and rendered.
pub fn explain(inputs: &Inputs<'_>, decision: &Decision) -> Result<Explained, Fault> {
    let (mut spec, configs) = effective(inputs)?;
    if tree::text(inputs.service, &["spec", "model", "name"]).is_empty() {
        given_name(&mut spec, configs.len());
    }
    if let Ok(desired) = &decision.outcome {
        let service = tree::text(inputs.service, &["metadata", "name"]);
        for (path, built) in parts(service, &desired.objects) {
            put(&mut spec, &path, built);
        }
    }
    Ok(Explained { spec, configs })
}

/// The name of the model that nobody gives is that of the service.
fn given_name(spec: &mut Node, own: LayerId) {
    let Node::Map(spec, _) = spec else { return };
    let Some(Node::Map(model, _)) = spec.get_mut("model") else { return };
    if let Some(Node::Leaf(_, layer)) = model.get_mut("name").filter(|name| name.layer() == own) {
        *layer = OPERATOR;
    }
}

/// Where parts of the spec come out, and as what.
fn parts<'a>(service: &str, objects: &'a [Object]) -> Vec<(Vec<&'static str>, &'a Value)> {
    objects.iter().flat_map(|object| of_object(service, object)).collect()
}

fn of_object<'a>(service: &str, object: &'a Object) -> Vec<(Vec<&'static str>, &'a Value)> {
    let spec = tree::get(&object.body, &["spec"]);
    match object.kind {
        Kind::HTTPRoute if object.name == names::route(service) => {
            spec.map(|spec| (vec!["router", "route", "http", "spec"], spec)).into_iter().collect()
        }
        Kind::InferencePool => {
            spec.map(|spec| (vec!["router", "scheduler", "pool", "spec"], spec)).into_iter().collect()
        }
        Kind::Deployment | Kind::LeaderWorkerSet => {
            let pods = templates(&object.body).filter_map(|template| tree::get(template, &["spec"]));
            fields(service, object).into_iter().zip(pods).collect()
        }
        _ => Vec::new(),
    }
}

/// The fields of the spec that hold an object's pods, in the order of its templates.
fn fields(service: &str, object: &Object) -> Vec<Vec<&'static str>> {
    let is = |role, group| slot(service, role, group) == (object.kind, object.name.clone());
    let has_leader = templates(&object.body).count() > 1;
    let group = |base: &[&'static str]| -> Vec<Vec<&'static str>> {
        let names: &[&str] = if has_leader { &["template", "worker"] } else { &["worker"] };
        names.iter().map(|name| base.iter().copied().chain([*name]).collect()).collect()
    };
    match &object.name {
        _ if is(Role::Both, false) => vec![vec!["template"]],
        _ if is(Role::Prefill, false) => vec![vec!["prefill", "template"]],
        _ if is(Role::Both, true) => group(&[]),
        _ if is(Role::Prefill, true) => group(&["prefill"]),
        name if *name == names::scheduler(service) => vec![vec!["router", "scheduler", "template"]],
        name if *name == names::tokenizer(service) => {
            vec![vec!["router", "scheduler", "tokenizer", "template"]]
        }
        _ => Vec::new(),
    }
}

/// Puts what is built in the place of what the spec says.
fn put(spec: &mut Node, path: &[&str], built: &Value) {
    let Some((key, rest)) = path.split_first() else {
        *spec = lay(Some(&*spec), built);
        return;
    };
    if let Node::Map(map, _) = spec {
        put(map.entry((*key).to_owned()).or_insert_with(|| Node::empty(OPERATOR)), rest, built);
    }
}

/// What is built, each value with the layer that says just that.
fn lay(said: Option<&Node>, built: &Value) -> Node {
    match (said, built) {
        (Some(Node::Map(said, layer)), Value::Object(built)) => {
            Node::Map(built.iter().map(|(k, v)| (k.clone(), lay(said.get(k), v))).collect(), *layer)
        }
        (Some(Node::List(said, layer)), Value::Array(built)) => {
            Node::List(built.iter().map(|item| lay(same(said, item), item)).collect(), *layer)
        }
        (Some(Node::Leaf(value, layer)), built) if value == built => Node::Leaf(built.clone(), *layer),
        _ => Node::of(built, OPERATOR),
    }
}

/// The element that this one was built from: of its name where it has one, else equal to it.
fn same<'a>(said: &'a [Node], built: &Value) -> Option<&'a Node> {
    let key = ["name", "mountPath"].into_iter().find(|key| built.get(key).is_some());
    let field = |node: &Node, key: &str| node.at(key).map(Node::value);
    said.iter().find(|node| match key {
        Some(key) => field(node, key).as_ref() == built.get(key),
        None => node.value() == *built,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layers(node: &Node) -> Value {
        match node {
            Node::Leaf(_, OPERATOR) => json!("operator"),
            Node::Leaf(_, layer) => json!(layer),
            Node::List(items, _) => items.iter().map(layers).collect(),
            Node::Map(map, _) => {
                map.iter().map(|(k, v)| (k.clone(), layers(v))).collect::<serde_json::Map<_, _>>().into()
            }
        }
    }

    #[test]
    fn what_is_built_keeps_the_layer_that_says_it_and_the_rest_is_the_operators() {
        let preset = json!({"containers": [{"name": "main", "image": "vllm", "args": ["--a"], "gone": 1}]});
        let own = json!({"containers": [{"name": "main", "image": "mine"}], "hostIPC": true});
        let pods = [&preset, &own].map(|pod| json!({"template": pod}));
        let [below, above] = [0, 1].map(|layer| Node::of(&pods[layer], layer));
        let merged = crate::merge::merge(below, above, Some(crate::shape::spec()));
        let said = merged.at("template").unwrap();
        let built = json!({
            "containers": [{"name": "main", "image": "mine", "args": ["--made", "--a"], "env": [{"name": "X"}]}],
            "hostIPC": true,
        });
        let expected = json!({
            "containers": [{"name": 1, "image": 1, "args": ["operator", 0], "env": [{"name": "operator"}]}],
            "hostIPC": 1,
        });
        assert_eq!(layers(&lay(Some(said), &built)), expected);
    }
}
