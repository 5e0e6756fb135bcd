//! One InferenceService.

use llmisvc_api::v1alpha2::KIND;
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::common::overlays::CPU;
use super::super::common::service::{accelerator, has_devices, object, overlays};
use super::super::common::source::Source;
use super::super::common::{args::Args, metadata, parallelism};
use super::super::{ConvertError, Loss};
use super::part::{self, Part};
use super::runtime::{Runtimes, Use};
use super::{model, scaling};

/// The service for an InferenceService; a config of its runtime stands beside it when the runtime is shared.
pub fn convert(
    service: &Value,
    runtimes: &Runtimes<'_>,
    lost: &mut Vec<Loss>,
) -> Result<Value, ConvertError> {
    let name = tree::text(service, &["metadata", "name"]);
    let mut source = Source::new(service.clone(), format!("InferenceService/{name}"));
    let mut predictor = source.part("spec.predictor");
    let mut container = serving(&mut predictor)?;
    let mut found = model_fields(&mut container, lost);
    let own = part::take(&mut predictor, (!container.fields().is_empty()).then_some(container), lost);
    let used = runtimes.used(service);
    let mut layers = layers(own, &used, service, &mut found, lost);
    let model = model::of(&mut found, &mut predictor, &layers.whole, name, lost)?;
    let class = tree::text(service, &["metadata", "annotations", "serving.kserve.io/autoscalerClass"]);
    let count = scaling::take(&mut predictor, class, tree::text(&model, &["name"]), lost);
    let rollout = rollout(&mut predictor, lost);
    group(&mut layers, &predictor.at("workerSpec"), lost);
    let spec = &mut layers.spec;
    let refs = base_refs(&layers.whole.workload.spec, &used, &predictor.at("model"), lost);
    let router = json!({"gateway": {}, "route": {}, "scheduler": {}});
    let fields = [("model", model), ("router", router)].into_iter().chain(count).chain(refs).chain(rollout);
    for (field, value) in fields {
        *tree::entry(spec, field) = value;
    }
    let metadata = metadata::of(&mut source.part("metadata"), lost);
    for rest in [found, predictor] {
        beyond(rest, lost);
    }
    beyond_predictor(source, lost);
    Ok(object(KIND, metadata, layers.spec))
}

/// A group needs to know over how many nodes it goes, which an empty `workerSpec` leaves to the runtime.
fn group(layers: &mut Layers, place: &str, lost: &mut Vec<Loss>) {
    let whole = &mut layers.whole.workload.spec;
    let is_group = whole.get("worker").is_some();
    parallelism::settle_in(&mut layers.spec, if is_group { 2 } else { 1 });
    let sizes = ["pipeline", "data", "tensor"].map(|size| tree::get(whole, &["parallelism", size]));
    let has_sizes = sizes.into_iter().flatten().any(|size| size.as_i64().is_some_and(|size| size > 1));
    if is_group && !has_sizes {
        let why = "no size says over how many nodes it goes: set pipelineParallelSize, or give the runtime that does with another -f";
        lost.push(Loss::new(place, why));
        for spec in [whole, &mut layers.spec] {
            spec.as_object_mut().and_then(|spec| spec.remove("worker"));
        }
    }
}

/// The container with the model; a predictor of one's own has it among its containers.
fn serving(predictor: &mut Source) -> Result<Source, ConvertError> {
    let foreign =
        ["sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "pmml", "lightgbm", "paddle"];
    if let Some(found) = foreign.into_iter().find(|field| predictor.peek(field).is_some()) {
        let problem = "vLLM does not serve this format".to_owned();
        return Err(ConvertError::Impossible { path: predictor.at(found), problem });
    }
    let field = if predictor.peek("huggingface").is_some() { "huggingface" } else { "model" };
    let container = predictor.part(field);
    let format = container.peek("modelFormat.name").and_then(Value::as_str).unwrap_or("vLLM");
    if ["vllm", "huggingface"].contains(&format.to_lowercase().as_str()) {
        return Ok(container);
    }
    let problem =
        format!("{format}: vLLM does not serve this format, only vLLM and huggingface can be converted");
    Err(ConvertError::Impossible { path: container.at("modelFormat.name"), problem })
}

/// Everything of `predictor.model` that is not a container's.
fn model_fields(container: &mut Source, lost: &mut Vec<Loss>) -> Source {
    let mut fields = serde_json::Map::new();
    for field in ["storageUri", "storage"] {
        fields.extend(container.take(field).map(|value| (field.to_owned(), value)));
    }
    for consumed in ["modelFormat", "runtime"] {
        container.take(consumed);
    }
    container.lose("protocolVersion", "the service speaks OpenAI's protocol", lost);
    container.lose(
        "runtimeVersion",
        "the tag of the preset's image takes its place: set image of the container main for another",
        lost,
    );
    Source::new(Value::Object(fields), container.place())
}

/// The service by itself, and with what lies below it.
struct Layers {
    /// What the service says beside its config.
    spec: Value,
    whole: Part,
}

fn layers(own: Part, used: &Use<'_>, service: &Value, model: &mut Source, lost: &mut Vec<Loss>) -> Layers {
    match used {
        Use::Own(runtime) => {
            let whole = runtime.part_for(service, lost).under(own);
            Layers { spec: whole.workload.clone().finished(), whole }
        }
        Use::Shared(runtime) => {
            let below = runtime.part_for(service, &mut Vec::new());
            let mut workload = own.workload.clone();
            let whole = below.under(own);
            // A list of arguments replaces that of the config.
            let is_own = !workload.args.words().is_empty();
            workload.args = if is_own { whole.workload.args.clone() } else { Args::default() };
            Layers { spec: workload.finished(), whole }
        }
        Use::BuiltIn | Use::Missing(_) => {
            if let Use::Missing(name) = used {
                let why = format!(
                    "{name} is not in the input: give it with another -f, or see that its settings are not needed"
                );
                lost.push(Loss::new(model.at("runtime"), why));
            }
            Layers { spec: own.workload.clone().finished(), whole: own }
        }
    }
}

/// The runtime's config above the accelerator's. Without devices KServe serves from CPUs; what a runtime says that is
/// not in the input, nobody knows.
fn base_refs(spec: &Value, used: &Use<'_>, at: &str, lost: &mut Vec<Loss>) -> Option<(&'static str, Value)> {
    let is_known = !matches!(used, Use::Missing(_)) && spec.get("worker").is_none();
    let overlays = if is_known && !has_devices(spec) { CPU } else { overlays(spec) };
    let mut refs = accelerator(overlays, spec, at, lost);
    if let Use::Shared(runtime) = used {
        refs.push(json!({"name": runtime.name()}));
    }
    (!refs.is_empty()).then_some(("baseRefs", Value::Array(refs)))
}

fn rollout(predictor: &mut Source, lost: &mut Vec<Loss>) -> Option<(&'static str, Value)> {
    let mut strategy = predictor.part("deploymentStrategy");
    let rolling = strategy.take("rollingUpdate");
    if strategy.peek("type").and_then(Value::as_str) == Some("RollingUpdate") {
        strategy.take("type");
    }
    strategy.lose("type", "pods are replaced step by step: set rolloutStrategy {maxSurge: 0, maxUnavailable: 1} where there is no room for a second one", lost);
    strategy.finish(lost);
    rolling.map(|rolling| ("rolloutStrategy", rolling))
}

/// Fields of a predictor that have no counterpart.
const BEYOND: [(&str, &str); 5] = [
    (
        "containerConcurrency",
        "the endpoint picker spreads requests by load; limit those in a server by --max-num-seqs",
    ),
    ("timeout", "set timeouts.request in the rules of router.route.http.spec; the default is no limit"),
    ("batcher", "vLLM batches by itself"),
    ("logger", "no requests are logged: use tracing, or a filter of the gateway"),
    (
        "canaryTrafficPercent",
        "the spec before is not in the object: keep it as a second service with the same model.name, and share requests by route.group and route.weight, as docs/traffic-splitting.md shows",
    ),
];

fn beyond(mut rest: Source, lost: &mut Vec<Loss>) {
    for (field, why) in BEYOND {
        rest.lose(field, why, lost);
    }
    rest.finish(lost);
}

fn beyond_predictor(mut source: Source, lost: &mut Vec<Loss>) {
    for consumed in ["apiVersion", "kind", "status"] {
        source.take(consumed);
    }
    for field in ["spec.transformer", "spec.explainer"] {
        source.lose(field, "there is none: run it as a Deployment that calls the service", lost);
    }
    source.finish(lost);
}
