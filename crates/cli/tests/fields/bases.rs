//! Services in which every leaf has a meaning.

use serde_json::{Value, json};

use crate::walk::Leaf;

/// A service, and the leaves that mean something in it.
#[derive(Debug)]
pub struct Base {
    /// For messages.
    pub name: &'static str,
    /// Its spec.
    pub spec: Value,
    /// The leaves at and below these paths.
    pub of: &'static [&'static str],
    /// Where a leaf needs company: the spec with it and the one without it, both over [`Base::spec`].
    pub special: Vec<(&'static str, Value, Value)>,
    /// The init container that there is.
    pub container: Option<&'static str>,
    /// Where a leaf takes only some values: another than the base's.
    pub values: Vec<(&'static str, Value)>,
}

impl Base {
    /// Whether the leaf is one of this base's.
    pub fn has(&self, leaf: &Leaf) -> bool {
        let path = leaf.to_string();
        self.of.iter().any(|of| is_below(&path, of))
    }
}

/// Whether `path` is `above`, or lies below it.
pub fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Documents beside every service: what references lead to.
pub fn beside() -> Vec<Value> {
    let config = json!({
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": "probe", "namespace": "default"}, "spec": {"labels": {"from": "config"}},
    });
    let picker = "apiVersion: inference.networking.x-k8s.io/v1alpha1\nkind: EndpointPickerConfig\nplugins: [{type: \
                  queue-scorer}]\n";
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "picker", "namespace": "default"},
        "data": {"epp": picker, "probe": format!("{picker}# another\n")},
    });
    vec![config, map]
}

fn with(mut spec: Value, key: &str, value: Value) -> Value {
    spec[key] = value;
    spec
}

fn single() -> Value {
    json!({"model": {"uri": "hf://org/m"}, "replicas": 1, "router": {"gateway": {}, "route": {}}})
}

fn scheduled() -> Value {
    with(single(), "router", json!({"gateway": {}, "route": {}, "scheduler": {}}))
}

fn worker() -> Value {
    json!({"containers": [{"name": "main"}]})
}

fn group(parallelism: &Value) -> Value {
    with(with(single(), "parallelism", parallelism.clone()), "worker", worker())
}

/// A service of groups of pods.
pub fn groups() -> Value {
    group(&json!({"pipeline": 2, "tensor": 1}))
}

fn tiers() -> Value {
    json!({"cpu": "10Gi", "secondary": [{"fileSystem": {"emptyDir": {"size": "100Gi"}}}]})
}

/// Every base.
pub fn all() -> Vec<Base> {
    let mut all = workloads();
    all.extend(models());
    all.extend(routing());
    all
}

fn workloads() -> Vec<Base> {
    let values = || vec![("spec.parallelism.tensor", json!(2)), ("spec.replicas", json!(3))];
    let pipeline = json!({"pipeline": 2, "tensor": 1});
    vec![
        Base {
            name: "one node",
            spec: single(),
            of: &[
                "spec.replicas",
                "spec.scaling",
                "spec.parallelism.tensor",
                "spec.parallelism.expert",
                "spec.labels",
                "spec.annotations",
                "spec.template",
                "spec.rolloutStrategy",
                "spec.tracing",
                "spec.baseRefs",
            ],
            container: None,
            special: Vec::new(),
            values: values(),
        },
        Base {
            name: "prefill and decode",
            spec: with(scheduled(), "prefill", json!({"replicas": 1})),
            of: &[
                "spec.replicas",
                "spec.scaling",
                "spec.labels",
                "spec.annotations",
                "spec.template",
                "spec.rolloutStrategy",
                "spec.prefill.replicas",
                "spec.prefill.scaling",
                "spec.prefill.parallelism.tensor",
                "spec.prefill.parallelism.expert",
                "spec.prefill.labels",
                "spec.prefill.annotations",
                "spec.prefill.template",
                "spec.prefill.rolloutStrategy",
            ],
            container: None,
            special: Vec::new(),
            values: with_prefill(values()),
        },
        Base {
            name: "groups",
            spec: groups(),
            of: &[
                "spec.replicas",
                "spec.parallelism.tensor",
                "spec.parallelism.pipeline",
                "spec.labels",
                "spec.annotations",
                "spec.template",
                "spec.worker",
                "spec.rolloutStrategy",
            ],
            container: None,
            special: Vec::new(),
            values: [values(), vec![("spec.parallelism.pipeline", json!(4))]].concat(),
        },
        Base {
            name: "prefill and decode in groups",
            spec: with(
                with(scheduled(), "parallelism", pipeline.clone()),
                "prefill",
                json!({"replicas": 1, "parallelism": pipeline, "worker": worker()}),
            ),
            of: &["spec.prefill.parallelism.pipeline", "spec.prefill.template", "spec.prefill.worker"],
            container: None,
            special: Vec::new(),
            values: vec![("spec.prefill.parallelism.pipeline", json!(4))],
        },
        Base {
            name: "data parallel groups",
            spec: group(&json!({"data": 4, "dataLocal": 2, "tensor": 1})),
            of: &["spec.parallelism"],
            container: None,
            special: Vec::new(),
            values: vec![
                ("spec.parallelism.tensor", json!(2)),
                ("spec.parallelism.data", json!(8)),
                ("spec.parallelism.dataLocal", json!(4)),
                // Only one of the two can be: refused.
                ("spec.parallelism.pipeline", json!(2)),
            ],
        },
        Base {
            name: "data parallel prefill",
            spec: with(
                scheduled(),
                "prefill",
                json!({"parallelism": {"data": 4, "dataLocal": 2, "tensor": 1}, "worker": worker()}),
            ),
            of: &["spec.prefill.parallelism"],
            container: None,
            special: Vec::new(),
            values: vec![
                ("spec.prefill.parallelism.tensor", json!(2)),
                ("spec.prefill.parallelism.data", json!(8)),
                ("spec.prefill.parallelism.dataLocal", json!(4)),
                ("spec.prefill.parallelism.pipeline", json!(2)),
            ],
        },
        Base {
            name: "tiers",
            spec: with(
                with(scheduled(), "kvCacheOffloading", tiers()),
                "prefill",
                json!({"kvCacheOffloading": tiers()}),
            ),
            of: &["spec.kvCacheOffloading", "spec.prefill.kvCacheOffloading"],
            container: None,
            special: tier_choices(),
            values: vec![
                ("spec.kvCacheOffloading.evictionPolicy", json!("arc")),
                ("spec.prefill.kvCacheOffloading.evictionPolicy", json!("arc")),
            ],
        },
    ]
}

fn with_prefill(values: Vec<(&'static str, Value)>) -> Vec<(&'static str, Value)> {
    let mut all = values;
    all.push(("spec.prefill.parallelism.tensor", json!(2)));
    all.push(("spec.prefill.replicas", json!(3)));
    all
}

/// The members of `secondary[]` that need others.
fn tier_choices() -> Vec<(&'static str, Value, Value)> {
    let claim = |reference: Value| json!([{"fileSystem": {"pvc": {"ref": reference}}}]);
    let path = (claim(json!({"name": "probe", "path": "probe"})), claim(json!({"name": "probe"})));
    let main = |secondary: &Value| json!({"kvCacheOffloading": {"secondary": secondary}});
    let prefill = |secondary: &Value| json!({"prefill": main(secondary)});
    vec![
        ("spec.kvCacheOffloading.secondary[].fileSystem.pvc.ref.path", main(&path.0), main(&path.1)),
        (
            "spec.prefill.kvCacheOffloading.secondary[].fileSystem.pvc.ref.path",
            prefill(&path.0),
            prefill(&path.1),
        ),
    ]
}

fn models() -> Vec<Base> {
    let adapters = |adapter: Value| json!({"model": {"lora": {"adapters": [adapter]}}});
    let adapter = || json!({"name": "a", "uri": "hf://org/a"});
    let other = |key: &str, value: Value| adapters(with(adapter(), key, value));
    let lora = with(single(), "model", json!({"uri": "hf://org/m", "lora": {"adapters": [adapter()]}}));
    let secret = json!({"enabled": true, "resourceId": "kbs:///a/b/c"});
    let confidential = with(single(), "model", json!({"uri": "hf://org/m", "confidential": secret}));
    vec![
        Base {
            name: "a model",
            spec: single(),
            of: &["spec.model.uri", "spec.model.name", "spec.storageInitializer"],
            container: None,
            special: Vec::new(),
            values: vec![("spec.storageInitializer.enabled", json!(false))],
        },
        Base {
            name: "the download",
            spec: single(),
            of: &["spec.template.initContainers"],
            container: Some("storage-initializer"),
            special: vec![(
                "spec.template.initContainers[].name",
                json!({"template": {"initContainers": [{"name": "storage-initializer", "image": "own"}]}}),
                json!({}),
            )],
            values: Vec::new(),
        },
        Base {
            name: "adapters",
            spec: lora,
            of: &["spec.model.lora"],
            container: None,
            special: vec![
                ("spec.model.lora.adapters[].name", other("name", json!("b")), json!({})),
                ("spec.model.lora.adapters[].uri", other("uri", json!("hf://org/b")), json!({})),
                ("spec.model.lora.adapters[].lora", other("lora", json!({"maxRank": 8})), json!({})),
                (
                    "spec.model.lora.adapters[].confidential",
                    other("confidential", json!({"enabled": true})),
                    json!({}),
                ),
                (
                    "spec.model.lora.adapters[].confidential.enabled",
                    other("confidential", json!({"enabled": true})),
                    json!({}),
                ),
                (
                    "spec.model.lora.adapters[].confidential.resourceId",
                    other("confidential", json!({"resourceId": "kbs:///a/b/c"})),
                    json!({}),
                ),
            ],
            values: Vec::new(),
        },
        Base {
            name: "an encrypted model",
            spec: confidential,
            of: &["spec.model.confidential"],
            container: None,
            special: Vec::new(),
            values: vec![
                ("spec.model.confidential.enabled", json!(false)),
                ("spec.model.confidential.resourceId", json!("kbs:///d/e/f")),
            ],
        },
    ]
}

fn routing() -> Vec<Base> {
    let scheduler = |scheduler: Value| json!({"router": {"scheduler": scheduler}});
    let reference = |more: Value| {
        let mut reference = json!({"name": "picker", "key": "epp"});
        llmisvc_core::tree::overlay(&mut reference, &more);
        scheduler(json!({"config": {"ref": reference}}))
    };
    let tokenizer = json!({"gateway": {}, "route": {}, "scheduler": {"tokenizer": {}}});
    let gateway = |gateway: Value| json!({"router": {"gateway": {"refs": [gateway]}}});
    vec![
        Base {
            name: "a route",
            spec: single(),
            of: &["spec.router.route", "spec.router.gateway", "spec.router.ingress"],
            container: None,
            special: vec![
                (
                    "spec.router.gateway.refs[].namespace",
                    gateway(json!({"name": "probe", "namespace": "probe"})),
                    gateway(json!({"name": "probe"})),
                ),
                (
                    "spec.router.gateway.refs[].sectionName",
                    gateway(json!({"name": "probe", "sectionName": "probe"})),
                    gateway(json!({"name": "probe"})),
                ),
            ],
            values: Vec::new(),
        },
        Base {
            name: "a scheduler",
            spec: scheduled(),
            of: &[
                "spec.router.scheduler.replicas",
                "spec.router.scheduler.labels",
                "spec.router.scheduler.annotations",
                "spec.router.scheduler.template",
                "spec.router.scheduler.config",
                "spec.router.scheduler.pool",
            ],
            container: None,
            special: vec![
                ("spec.router.scheduler.config.ref.name", reference(json!({})), json!({})),
                (
                    "spec.router.scheduler.config.ref.key",
                    reference(json!({"key": "probe"})),
                    reference(json!({})),
                ),
                (
                    "spec.router.scheduler.config.ref.optional",
                    reference(json!({"key": "absent", "optional": true})),
                    reference(json!({"key": "absent"})),
                ),
            ],
            values: vec![
                ("spec.router.scheduler.replicas", json!(2)),
                ("spec.router.scheduler.pool.spec.endpointPickerRef.failureMode", json!("FailClose")),
            ],
        },
        Base {
            name: "a tokenizer",
            spec: with(single(), "router", tokenizer),
            of: &["spec.router.scheduler.tokenizer"],
            container: None,
            special: Vec::new(),
            values: Vec::new(),
        },
    ]
}
