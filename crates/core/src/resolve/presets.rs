//! The presets that the operator chooses without being asked (`reference/workloads.md §3.1`, `§3.4`).

use serde_json::Value;

use crate::build::scheduler_config;
use crate::tree;

macro_rules! presets {
    ($( $(#[$doc:meta])* $name:ident = $suffix:literal $because:literal; )*) => {
        /// A preset, by what it is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Preset { $( $(#[$doc])* $name, )* }

        impl Preset {
            /// Every preset.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name without prefix.
            pub const fn suffix(self) -> &'static str {
                match self { $( Self::$name => $suffix, )* }
            }

            /// The field that asks for it, below `spec`, for messages.
            pub const fn because(self) -> &'static str {
                match self { $( Self::$name => $because, )* }
            }
        }
    };
}

presets! {
    /// One pod does prefill and decode.
    Template = "config-llm-template" "template";
    /// Decode pods beside prefill pods.
    Decode = "config-llm-decode-template" "template";
    /// Prefill pods.
    Prefill = "config-llm-prefill-template" "prefill.template";
    /// Data parallel over nodes.
    WorkerDataParallel = "config-llm-worker-data-parallel" "worker";
    /// Decode, data parallel over nodes.
    DecodeWorkerDataParallel = "config-llm-decode-worker-data-parallel" "worker";
    /// Prefill, data parallel over nodes.
    PrefillWorkerDataParallel = "config-llm-prefill-worker-data-parallel" "prefill.worker";
    /// Pipeline or tensor parallel over nodes.
    WorkerPipelineParallel = "config-llm-worker-pipeline-parallel" "worker";
    /// Decode, pipeline or tensor parallel over nodes.
    DecodeWorkerPipelineParallel = "config-llm-decode-worker-pipeline-parallel" "worker";
    /// Prefill, pipeline or tensor parallel over nodes.
    PrefillWorkerPipelineParallel = "config-llm-prefill-worker-pipeline-parallel" "prefill.worker";
    /// Endpoint picker and pool.
    Scheduler = "config-llm-scheduler" "router.scheduler";
    /// Latency predictor beside the endpoint picker.
    LatencyPredictor = "config-llm-scheduler-latency-predictor" "router.scheduler.config";
    /// Tokenizer for precise prefix-cache routing.
    Tokenizer = "config-llm-tokenizer" "router.scheduler.tokenizer";
    /// HTTPRoute rules.
    Route = "config-llm-router-route" "router.route";
    /// Tracing defaults.
    Tracing = "config-llm-tracing" "tracing";
}

impl Preset {
    /// Key in `status.annotations`.
    pub fn pin_key(self) -> String {
        format!("serving.kserve.io/{}", self.suffix())
    }

    /// KServe ships none of these, so one under its plain name was made by a user, and comes before ours.
    pub const fn is_users_own(self) -> bool {
        matches!(
            self,
            Self::WorkerPipelineParallel
                | Self::DecodeWorkerPipelineParallel
                | Self::PrefillWorkerPipelineParallel
        )
    }

    /// The route follows the Gateway API that is installed, so it is never pinned; the peer writes a pin for
    /// it all the same and never reads it (edge C-13).
    pub const fn is_pinned(self) -> bool {
        !matches!(self, Self::Route)
    }
}

/// The presets that a spec asks for, in merge order.
pub fn implicit(spec: &Value) -> Vec<Preset> {
    let plugins = Plugins::of(spec);
    let router = [
        (managed_scheduler(spec), Preset::Scheduler),
        (wants_tokenizer(spec, &plugins), Preset::Tokenizer),
        (plugins.have(&["predicted-latency-producer"]), Preset::LatencyPredictor),
        (managed_route(spec), Preset::Route),
        (is_set(spec, &["tracing"]), Preset::Tracing),
    ];
    let wanted = router.into_iter().filter_map(|(on, preset)| on.then_some(preset));
    wanted.chain(prefill(spec)).chain(decode(spec)).collect()
}

fn prefill(spec: &Value) -> Option<Preset> {
    let prefill = spec.get("prefill").filter(|p| p.is_object())?;
    let of = [Preset::Prefill, Preset::PrefillWorkerDataParallel, Preset::PrefillWorkerPipelineParallel];
    workload(prefill, of)
}

fn decode(spec: &Value) -> Option<Preset> {
    let of = if is_set(spec, &["prefill"]) {
        [Preset::Decode, Preset::DecodeWorkerDataParallel, Preset::DecodeWorkerPipelineParallel]
    } else {
        [Preset::Template, Preset::WorkerDataParallel, Preset::WorkerPipelineParallel]
    };
    workload(spec, of)
}

/// One node, or data parallel, or one world of ranks over nodes (pipeline stages, or a tensor that spans nodes); data
/// parallel is tested first.
fn workload(spec: &Value, [single, data, world]: [Preset; 3]) -> Option<Preset> {
    let size = |field| tree::get(spec, &["parallelism", field]).and_then(Value::as_i64).unwrap_or(0);
    if !is_set(spec, &["worker"]) {
        Some(single)
    } else if size("data") > 0 || size("dataLocal") > 0 {
        Some(data)
    } else {
        (size("pipeline") > 0 || size("tensor") > 1).then_some(world)
    }
}

fn managed_scheduler(spec: &Value) -> bool {
    let pool = tree::text(spec, &["router", "scheduler", "pool", "ref", "name"]);
    is_set(spec, &["router", "scheduler"]) && pool.is_empty()
}

fn managed_route(spec: &Value) -> bool {
    is_set(spec, &["router", "route"]) && tree::list(spec, &["router", "route", "http", "refs"]).is_empty()
}

fn wants_tokenizer(spec: &Value, plugins: &Plugins) -> bool {
    let asked = is_set(spec, &["router", "scheduler", "tokenizer"]);
    asked || plugins.have(&["token-producer", "precise-prefix-cache-scorer"])
}

/// Whether an object stands there.
pub(crate) fn is_set(spec: &Value, path: &[&str]) -> bool {
    tree::get(spec, path).is_some_and(Value::is_object)
}

/// The types of the plugins that the scheduler configuration lists, which may be a text that has to be parsed.
pub(crate) struct Plugins(Vec<String>);

impl Plugins {
    pub(crate) fn of(spec: &Value) -> Self {
        let config = configuration(spec).unwrap_or_default();
        let types = tree::list(&config, &["plugins"]).iter().map(|plugin| tree::text(plugin, &["type"]));
        Self(types.map(str::to_owned).collect())
    }

    /// Whether one of these types is among them.
    pub(crate) fn have(&self, types: &[&str]) -> bool {
        self.0.iter().any(|it| types.contains(&it.as_str()))
    }
}

/// The inline one, else that of the picker's own arguments.
fn configuration(spec: &Value) -> Option<Value> {
    let containers = tree::list(spec, &["router", "scheduler", "template", "containers"]);
    let argument =
        || scheduler_config::text_argument(tree::list(tree::named(containers, "main")?, &["args"]));
    match tree::get(spec, &["router", "scheduler", "config", "inline"]).filter(|inline| !inline.is_null()) {
        Some(Value::String(text)) => scheduler_config::parse(text),
        Some(document) => Some(document.clone()),
        None => scheduler_config::parse(&argument()?),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::bare(json!({}), &[Preset::Template])]
    #[case::disaggregated(json!({"prefill": {}}), &[Preset::Prefill, Preset::Decode])]
    #[case::routed(json!({"router": {"route": {}, "gateway": {}}}), &[Preset::Route, Preset::Template])]
    #[case::scheduled(json!({"router": {"scheduler": {}}}), &[Preset::Scheduler, Preset::Template])]
    #[case::own_pool(json!({"router": {"scheduler": {"pool": {"ref": {"name": "p"}}}}}), &[Preset::Template])]
    #[case::own_routes(json!({"router": {"route": {"http": {"refs": [{"name": "r"}]}}}}), &[Preset::Template])]
    #[case::tracing(json!({"tracing": {}}), &[Preset::Tracing, Preset::Template])]
    #[case::data_parallel(json!({"worker": {}, "parallelism": {"data": 4, "dataLocal": 2}}), &[Preset::WorkerDataParallel])]
    // C-12
    #[case::pipeline(json!({"worker": {}, "parallelism": {"pipeline": 4}}), &[Preset::WorkerPipelineParallel])]
    #[case::tensor_over_nodes(json!({"worker": {}, "parallelism": {"tensor": 16}}), &[Preset::WorkerPipelineParallel])]
    #[case::tensor_with_data(json!({"worker": {}, "parallelism": {"tensor": 2, "data": 4, "dataLocal": 2}}), &[Preset::WorkerDataParallel])]
    #[case::nothing_to_spread(json!({"worker": {}, "parallelism": {"tensor": 1}}), &[])]
    #[case::groups_of_both_roles(
        json!({
            "worker": {}, "parallelism": {"pipeline": 2},
            "prefill": {"worker": {}, "parallelism": {"data": 4, "dataLocal": 2}},
        }),
        &[Preset::PrefillWorkerDataParallel, Preset::DecodeWorkerPipelineParallel]
    )]
    #[case::plugin(
        json!({"router": {"scheduler": {"config": {"inline": "plugins: [{type: token-producer}, {type: predicted-latency-producer}]"}}}}),
        &[Preset::Scheduler, Preset::Tokenizer, Preset::LatencyPredictor, Preset::Template]
    )]
    #[case::argument(
        json!({"router": {"scheduler": {"template": {"containers": [{"name": "main", "args": ["--config-text", "plugins: [{type: token-producer}]"]}]}}}}),
        &[Preset::Scheduler, Preset::Tokenizer, Preset::Template]
    )]
    fn presets_follow_the_topology(#[case] spec: Value, #[case] expected: &[Preset]) {
        assert_eq!(implicit(&spec), expected);
    }
}
