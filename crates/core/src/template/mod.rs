//! Go templates in configs, rendered leaf by leaf over the merged spec.
//!
//! The engine is `gotmpl`; `view` gives it Go's typed data and `rewrite` Go's typed semantics. What it prints
//! is compared with Go's own `text/template` in `tests/gotemplate`.

mod check;
mod engine;
mod error;
mod funcs;
mod host;
mod newline;
mod quantity;
mod rewrite;
mod scalar;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value as Data;
use serde_json::{Value, json};

pub use check::failures;
pub use error::{Place, TemplateError};
pub use host::{HostData, host};

/// The connector that a `kvCacheOffloading` stands for; none when its `cpu` is no quantity.
pub fn offloading_connector(offloading: &Value) -> Option<Value> {
    funcs::kv_document(offloading).ok()
}

use crate::node::{LayerId, Node};
use crate::pass::Finding;
use crate::shape::{self, Kind, Shape};
use crate::tree;
use error::{Class, Failure};

/// What templates see.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The whole service: metadata, spec, status.
    pub service: &'a Value,
    /// The merged spec, before rendering.
    pub spec: &'a Value,
    /// `.GlobalConfig`.
    pub globals: &'a Globals,
}

/// The global settings that templates may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// Namespace of the operator.
    pub system_namespace: String,
    /// Name of the default gateway.
    pub ingress_gateway_name: String,
    /// Namespace of the default gateway.
    pub ingress_gateway_namespace: String,
    /// TLS between the components of a service.
    pub enable_tls: bool,
    /// Header of model-based routing.
    pub model_based_routing_header_name: String,
    /// `<namespace>/<pool>`.
    pub inference_pool_namespaced_name: String,
}

/// Renders every string and map key of a merged spec that contains a template. `layers` has the display name of
/// each layer, the service's own last. A string of the service's own that is no template, such as a chat
/// template, stays as it is, with a finding that names its path.
pub fn render(
    tree: &Node,
    layers: &[String],
    scope: &Scope<'_>,
) -> Result<(Node, Vec<Finding>), TemplateError> {
    let mut spec = scope.spec.clone();
    let mut renderer = Renderer { layers, data: data(scope, &spec), findings: Vec::new() };
    if let Some(name) = renderer.model_name(tree)? {
        // The other leaves see the rendered name (`reference/workloads.md §18.1`, edge C-11).
        tree::object(&mut spec, "model").insert("name".to_owned(), Value::String(name));
        renderer.data = data(scope, &spec);
        renderer.findings.clear();
    }
    let tree = renderer.node(tree, Some(shape::spec()), "spec")?;
    Ok((tree, renderer.findings))
}

/// The strings and map keys of a config that are no templates, whatever service uses it: bad syntax, unknown functions.
pub fn unparsable(spec: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    visit(&Node::of(spec, 0), "spec", &mut |text, path| {
        findings.extend(engine::check(text).err().map(|e| TemplateError::new(e, path, None).finding()));
    });
    findings
}

fn visit(node: &Node, path: &str, see: &mut impl FnMut(&str, &str)) {
    match node {
        Node::Leaf(Value::String(text), _) if text.contains("{{") => see(text, path),
        Node::Leaf(..) => {}
        Node::List(items, _) => {
            let items = items.iter().enumerate();
            items.for_each(|(i, item)| visit(item, &format!("{path}[{}]", label(i, item)), see));
        }
        Node::Map(map, _) => {
            for (key, value) in map {
                let path = format!("{path}.{key}");
                if key.contains("{{") {
                    see(key, &path);
                }
                visit(value, &path, see);
            }
        }
    }
}

fn data(scope: &Scope<'_>, spec: &Value) -> Data {
    let globals = scope.globals;
    let of_service = |key: &str| scope.service.get(key);
    let root = json!({
        "apiVersion": of_service("apiVersion"),
        "kind": of_service("kind"),
        "metadata": of_service("metadata"),
        "status": of_service("status"),
        "spec": spec,
        "parallelism": spec.get("parallelism"),
        "globalConfig": {
            "systemNamespace": globals.system_namespace,
            "ingressGatewayName": globals.ingress_gateway_name,
            "ingressGatewayNamespace": globals.ingress_gateway_namespace,
            "enableTLS": globals.enable_tls,
            "modelBasedRoutingHeaderName": globals.model_based_routing_header_name,
            "inferencePoolNamespacedName": globals.inference_pool_namespaced_name,
        },
    });
    view::Item::new(Arc::new(root), shape::root()).view()
}

struct Renderer<'a> {
    layers: &'a [String],
    data: Data,
    findings: Vec<Finding>,
}

impl Renderer<'_> {
    fn model_name(&mut self, tree: &Node) -> Result<Option<String>, TemplateError> {
        match child(tree, "model").and_then(|model| child(model, "name")) {
            Some(Node::Leaf(Value::String(text), layer)) if text.contains("{{") => {
                self.text(text, *layer, "spec.model.name").map(Some)
            }
            _ => Ok(None),
        }
    }

    fn node(
        &mut self,
        node: &Node,
        shape: Option<&'static Shape>,
        path: &str,
    ) -> Result<Node, TemplateError> {
        Ok(match node {
            Node::Leaf(Value::String(text), layer) if text.contains("{{") => {
                let text = self.text(text, *layer, path)?;
                Node::Leaf(typed(text, shape), *layer)
            }
            Node::Leaf(..) => node.clone(),
            Node::List(items, layer) => {
                let shape = shape.and_then(Shape::element);
                let items = items.iter().enumerate();
                let items =
                    items.map(|(i, item)| self.node(item, shape, &format!("{path}[{}]", label(i, item))));
                Node::List(items.collect::<Result<_, _>>()?, *layer)
            }
            Node::Map(map, layer) => Node::Map(self.map(map, shape, path)?, *layer),
        })
    }

    fn map(
        &mut self,
        map: &BTreeMap<String, Node>,
        shape: Option<&'static Shape>,
        path: &str,
    ) -> Result<BTreeMap<String, Node>, TemplateError> {
        let mut rendered = BTreeMap::new();
        for (key, value) in map {
            let path = format!("{path}.{key}");
            let below = shape.and_then(|s| s.field(key).or_else(|| s.element()));
            let value = self.node(value, below, &path)?;
            let key = if key.contains("{{") { self.text(key, value.layer(), &path)? } else { key.clone() };
            rendered.insert(key, value);
        }
        Ok(rendered)
    }

    fn text(&mut self, text: &str, layer: LayerId, path: &str) -> Result<String, TemplateError> {
        let own = layer + 1 >= self.layers.len();
        match engine::execute(text, &self.data) {
            Ok(rendered) => Ok(rendered),
            Err(failure) if own && matches!(failure.class, Class::Parse | Class::Field) => {
                self.findings.push(kept(path, &failure));
                Ok(text.to_owned())
            }
            Err(failure) => {
                let config = self.layers.get(layer).filter(|_| !own).cloned();
                Err(TemplateError::new(failure, path, config))
            }
        }
    }
}

fn kept(path: &str, failure: &Failure) -> Finding {
    let message = format!(
        "contains {{{{ but is no template over this service, so it is used as it stands: {}",
        failure.message
    );
    Finding::new(path, message)
}

fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match node {
        Node::Map(map, _) => map.get(key),
        _ => None,
    }
}

fn label(index: usize, item: &Node) -> String {
    match child(item, "name") {
        Some(Node::Leaf(Value::String(name), _)) => name.clone(),
        _ => index.to_string(),
    }
}

/// Rendered text as the schema wants it: a number or a boolean where it says so and the text is one.
fn typed(text: String, shape: Option<&Shape>) -> Value {
    let parsed = match shape.map(Shape::kind) {
        Some(Kind::Int | Kind::Uint | Kind::IntOrString) => text.trim().parse::<i64>().ok().map(Value::from),
        Some(Kind::Float) => text.trim().parse::<f64>().ok().map(Value::from),
        Some(Kind::Bool) => text.trim().parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or(Value::String(text))
}
