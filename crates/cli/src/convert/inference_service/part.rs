//! What a runtime and a predictor have in common: a pod with a container that serves, and pods beside it in a group.

use llmisvc_core::tree;
use serde_json::{Map, Value, json};

use super::super::Loss;
use super::super::common::args::Args;
use super::super::common::command::Program;
use super::super::common::service::{Workload, template};
use super::super::common::source::Source;
use super::super::common::{container, metadata, parallelism, pod};
use super::flags::{self, Hints};

/// One layer of a service.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The workload that it describes.
    pub workload: Workload,
    /// What its flags say about the model.
    pub hints: Hints,
    /// Its variables `STORAGE_URI` and `MODEL_ID`.
    pub variables: [Option<String>; 2],
}

impl Part {
    /// This below another layer.
    #[must_use]
    pub fn under(self, over: Self) -> Self {
        let [uri, id] = self.variables;
        let [over_uri, over_id] = over.variables;
        Self {
            workload: self.workload.under(&over.workload),
            hints: over.hints.over(self.hints),
            variables: [over_uri.or(uri), over_id.or(id)],
        }
    }
}

/// Names of the container that serves.
const SERVING: [&str; 2] = ["kserve-container", "worker-container"];

/// Takes the pods of a runtime or predictor. `model` is the container of `predictor.model`.
pub fn take(source: &mut Source, model: Option<Source>, lost: &mut Vec<Loss>) -> Part {
    let (mut serving, mut beside) = (model, Vec::new());
    for mut container in source.parts("containers") {
        let name = container.peek("name").and_then(Value::as_str).unwrap_or_default();
        if serving.is_none() && SERVING.contains(&name) {
            serving = Some(container);
        } else {
            beside.push(container.everything());
        }
    }
    let mut part = serve(source, serving, beside, lost);
    for field in ["labels", "annotations"] {
        part.workload.set(field, metadata::kept(source, field, lost));
    }
    part
}

fn serve(source: &mut Source, serving: Option<Source>, beside: Vec<Value>, lost: &mut Vec<Loss>) -> Part {
    let pod = pod::take(source);
    let is_group = source.peek("workerSpec").is_some_and(Value::is_object);
    let worker = is_group.then(|| worker(source.part("workerSpec"), lost));
    let Some(serving) = serving else {
        let mut workload = Workload::new(pod, Map::new(), beside, Args::default());
        spread(&mut workload, worker, Map::new());
        return Part { workload, ..Part::default() };
    };
    let place = serving.at("args");
    let mut served = container::take(serving, has_vllm, lost);
    let hints = flags::take(&mut served.args, served.program, &place, lost);
    if worker.is_some() {
        flags::take_of_groups(&mut served.args, &place, lost);
    }
    let variables = ["STORAGE_URI", "MODEL_ID"].map(|name| container::take_variable(&mut served.main, name));
    let parallelism = parallelism::take(&mut served.args);
    let mut workload = Workload::new(pod, served.main, beside, served.args);
    spread(&mut workload, worker, parallelism);
    Part { workload, hints, variables }
}

/// KServe's own server does not understand `vllm serve`.
fn has_vllm(image: &str) -> bool {
    !image.contains("huggingfaceserver")
}

/// A group's other pods, with the sizes that KServe gives them.
struct Worker {
    pod: Map<String, Value>,
    sizes: Map<String, Value>,
}

fn worker(mut source: Source, lost: &mut Vec<Loss>) -> Worker {
    let sizes = [("tensor", "tensorParallelSize"), ("pipeline", "pipelineParallelSize")];
    let sizes =
        sizes.into_iter().filter_map(|(field, size)| Some((field.to_owned(), json!(source.number(size)?))));
    let sizes = sizes.collect();
    let mut pod = pod::take(&mut source);
    let (mut main, mut beside) = (Map::new(), Vec::new());
    for mut container in source.parts("containers") {
        let name = container.peek("name").and_then(Value::as_str).unwrap_or_default();
        if SERVING.contains(&name) {
            main = rank(container, lost);
        } else {
            beside.push(container.everything());
        }
    }
    pod = template(pod, main, beside);
    source.finish(lost);
    Worker { pod, sizes }
}

/// Only the leader has arguments and is probed.
fn rank(source: Source, lost: &mut Vec<Loss>) -> Map<String, Value> {
    let place = source.at("args");
    let mut served = container::take(source, has_vllm, lost);
    if !served.args.words().is_empty() && served.program != Program::Other {
        lost.push(Loss::new(place, "every pod of a group gets the arguments of the leader"));
    }
    served.main.retain(|field, _| !field.ends_with("Probe"));
    served.main
}

fn spread(workload: &mut Workload, worker: Option<Worker>, mut parallelism: Map<String, Value>) {
    if let Some(worker) = worker {
        parallelism.extend(worker.sizes);
        *tree::entry(&mut workload.spec, "worker") = Value::Object(worker.pod);
    }
    workload.set("parallelism", Some(Value::Object(parallelism)));
}
