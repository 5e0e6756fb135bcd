//! The configs that a service is laid over.

use llmisvc_api::v1alpha2::CONFIG_KIND;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::merge::merge;
use llmisvc_core::node::Node;
use llmisvc_core::{shape, tree};
use serde_json::Value;

use crate::convert::common::overlays::{ACCELERATOR, image, image_of, shipped};
use crate::convert::values::accelerator::{KINDS, Kind};
use crate::convert::{ConvertError, Loss};

const PREDICTED: &str = "config-llm-scheduler-predicted-latency";

/// What shipped configs mean in the charts.
#[derive(Debug, Default)]
pub struct Overlay {
    /// The accelerator that they are for.
    pub kind: Option<&'static Kind>,
    /// The image that they bring.
    pub image: String,
    /// Latency is predicted.
    pub predicts: bool,
    /// What the overlays bring and the charts do not.
    pub lost: Vec<Loss>,
}

/// The spec with its configs below it. Overlays of accelerators are not laid below, as the chart has them too.
pub fn merged(service: &Value, objects: &[Value]) -> Result<(Value, Overlay), ConvertError> {
    let mut overlay = Overlay { image: image(&[]).to_owned(), ..Overlay::default() };
    let mut below = Node::empty(0);
    for (at, base) in tree::list(service, &["spec", "baseRefs"]).iter().enumerate() {
        let name = tree::text(base, &["name"]);
        match (config(name, objects), short(name)) {
            (Some(config), _) => below = laid(below, config.get("spec")),
            (None, PREDICTED) => overlay.predicts = true,
            (None, short) if short.starts_with(ACCELERATOR) => overlay.take(short),
            (None, short) => {
                let preset = shipped(short).ok_or_else(|| missing(at, name))?;
                below = laid(below, preset.get("spec"));
            }
        }
    }
    let mut spec = laid(below, service.get("spec")).value();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("baseRefs");
    }
    Ok((spec, overlay))
}

impl Overlay {
    /// One more overlay, which is for the accelerator of an earlier one or names its own.
    fn take(&mut self, short: &str) {
        let overlay = short.trim_start_matches(ACCELERATOR);
        let named = |kind: &&Kind| kind.overlays(&Value::Null).last() == Some(&overlay);
        self.kind = KINDS.iter().find(named).or(self.kind);
        let own = image_of(overlay);
        if !own.is_empty() {
            own.clone_into(&mut self.image);
        }
        let why = "the chart gives the accelerator's resource only; write node selector, environment, flags and probes of \
                   the overlay into the values";
        self.lost.push(Loss::new(format!("spec.baseRefs[{short}]"), why));
    }
}

fn laid(below: Node, over: Option<&Value>) -> Node {
    merge(below, Node::of(over.unwrap_or(&Value::Null), 1), Some(shape::spec()))
}

fn config<'a>(name: &str, objects: &'a [Value]) -> Option<&'a Value> {
    let is_it = |object: &&Value| {
        tree::text(object, &["kind"]) == CONFIG_KIND && tree::text(object, &["metadata", "name"]) == name
    };
    objects.iter().find(is_it)
}

/// A preset's name without the prefixes that it may have.
fn short(name: &str) -> &str {
    name.strip_prefix(OWN_PREFIX).or(name.strip_prefix("kserve-")).unwrap_or(name)
}

fn missing(at: usize, name: &str) -> ConvertError {
    ConvertError::Impossible {
        path: format!("spec.baseRefs[{at}].name"),
        problem: format!(
            "config {name} is neither in the input nor shipped; give it too, as its fields become values"
        ),
    }
}
