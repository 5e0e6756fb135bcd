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
    const fn new(name: &'static str, spec: Value, of: &'static [&'static str]) -> Self {
        Self { name, spec, of, special: Vec::new(), container: None, values: Vec::new() }
    }

    fn values<const N: usize>(self, values: [(&'static str, Value); N]) -> Self {
        Self { values: Vec::from(values), ..self }
    }

    fn special<const N: usize>(self, special: [(&'static str, Value, Value); N]) -> Self {
        Self { special: Vec::from(special), ..self }
    }

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
        "data": {"epp": picker, "probe": picker.replace("queue-scorer", "random-picker")},
    });
    let prometheus = json!({"prometheus": {"url": "https://prometheus:9090"}}).to_string();
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config", "namespace": "kserve"},
        "data": {"autoscaling-wva-controller-config": prometheus},
    });
    vec![config, map, settings]
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
    let mut all = vec![one_node(), prefill(), in_groups(), prefill_in_groups()];
    all.extend([data_parallel(), data_parallel_prefill(), with_tiers()]);
    all.extend([by_autoscaler(), by_keda(), by_triggers()]);
    all.extend([model(), download(), adapters(), encrypted(), route(), ingress(), scheduler(), tokenizer()]);
    all
}

fn one_node() -> Base {
    let of = &[
        "spec.replicas",
        "spec.parallelism.tensor",
        "spec.parallelism.expert",
        "spec.labels",
        "spec.annotations",
        "spec.template",
        "spec.rolloutStrategy",
        "spec.tracing",
        "spec.baseRefs",
    ];
    let values = [("spec.parallelism.tensor", json!(2)), ("spec.replicas", json!(3))];
    Base::new("one node", single(), of).values(values)
}

fn prefill() -> Base {
    let of = &[
        "spec.replicas",
        "spec.labels",
        "spec.annotations",
        "spec.template",
        "spec.rolloutStrategy",
        "spec.prefill.replicas",
        "spec.prefill.parallelism.tensor",
        "spec.prefill.parallelism.expert",
        "spec.prefill.labels",
        "spec.prefill.annotations",
        "spec.prefill.template",
        "spec.prefill.rolloutStrategy",
    ];
    let values = [
        ("spec.replicas", json!(3)),
        ("spec.prefill.replicas", json!(3)),
        ("spec.prefill.parallelism.tensor", json!(2)),
    ];
    let spec = with(scheduled(), "prefill", json!({"replicas": 1}));
    Base::new("prefill and decode", spec, of).values(values)
}

fn in_groups() -> Base {
    let of = &[
        "spec.replicas",
        "spec.parallelism.tensor",
        "spec.parallelism.pipeline",
        "spec.labels",
        "spec.annotations",
        "spec.template",
        "spec.worker",
        "spec.rolloutStrategy",
    ];
    let values = [
        ("spec.replicas", json!(3)),
        ("spec.parallelism.tensor", json!(2)),
        ("spec.parallelism.pipeline", json!(4)),
    ];
    Base::new("groups", groups(), of).values(values)
}

fn prefill_in_groups() -> Base {
    let pipeline = json!({"pipeline": 2, "tensor": 1});
    let prefill = json!({"replicas": 1, "parallelism": pipeline, "worker": worker()});
    let spec = with(with(scheduled(), "parallelism", pipeline), "prefill", prefill);
    let of = &["spec.prefill.parallelism.pipeline", "spec.prefill.template", "spec.prefill.worker"];
    Base::new("prefill and decode in groups", spec, of)
        .values([("spec.prefill.parallelism.pipeline", json!(4))])
}

fn data_parallel() -> Base {
    let spec = group(&json!({"data": 4, "dataLocal": 2, "tensor": 1}));
    Base::new("data parallel groups", spec, &["spec.parallelism"]).values([
        ("spec.parallelism.tensor", json!(2)),
        ("spec.parallelism.data", json!(8)),
        ("spec.parallelism.dataLocal", json!(4)),
        // Only one of the two can be: refused.
        ("spec.parallelism.pipeline", json!(2)),
    ])
}

fn data_parallel_prefill() -> Base {
    let prefill = json!({"parallelism": {"data": 4, "dataLocal": 2, "tensor": 1}, "worker": worker()});
    let spec = with(scheduled(), "prefill", prefill);
    Base::new("data parallel prefill", spec, &["spec.prefill.parallelism"]).values([
        ("spec.prefill.parallelism.tensor", json!(2)),
        ("spec.prefill.parallelism.data", json!(8)),
        ("spec.prefill.parallelism.dataLocal", json!(4)),
        ("spec.prefill.parallelism.pipeline", json!(2)),
    ])
}

/// Both roles scaled so.
fn scaled(name: &'static str, by: &Value, of: &'static [&'static str]) -> Base {
    let mut scaling = json!({"minReplicas": 1, "maxReplicas": 9000});
    llmisvc_core::tree::overlay(&mut scaling, by);
    let prefill = json!({"scaling": scaling});
    let spec = with(with(scheduled(), "replicas", Value::Null), "scaling", scaling);
    Base::new(name, with(spec, "prefill", prefill), of).values([
        ("spec.scaling.minReplicas", json!(2)),
        ("spec.prefill.scaling.minReplicas", json!(2)),
        ("spec.scaling.wva.variantCost", json!("40")),
        ("spec.prefill.scaling.wva.variantCost", json!("40")),
        ("spec.scaling.wva.keda.idleReplicaCount", json!(0)),
        ("spec.prefill.scaling.wva.keda.idleReplicaCount", json!(0)),
        ("spec.scaling.keda.idleReplicaCount", json!(0)),
        ("spec.prefill.scaling.keda.idleReplicaCount", json!(0)),
    ])
}

fn by_autoscaler() -> Base {
    let of = &[
        "spec.scaling.minReplicas",
        "spec.scaling.maxReplicas",
        "spec.scaling.wva.variantCost",
        "spec.scaling.wva.hpa",
        "spec.prefill.scaling.minReplicas",
        "spec.prefill.scaling.maxReplicas",
        "spec.prefill.scaling.wva.variantCost",
        "spec.prefill.scaling.wva.hpa",
    ];
    scaled("scaled by HorizontalPodAutoscalers", &json!({"wva": {"hpa": {}}}), of)
}

fn by_keda() -> Base {
    let of = &["spec.scaling.wva.keda", "spec.prefill.scaling.wva.keda"];
    scaled("scaled by the variant autoscaler through KEDA", &json!({"wva": {"keda": {}}}), of)
}

fn by_triggers() -> Base {
    let triggers = json!([{"type": "cron", "metadata": {"timezone": "UTC"}}]);
    let of = &["spec.scaling.keda", "spec.prefill.scaling.keda"];
    scaled("scaled by triggers", &json!({"keda": {"triggers": triggers}}), of)
}

fn with_tiers() -> Base {
    let prefill = json!({"kvCacheOffloading": tiers()});
    let spec = with(with(scheduled(), "kvCacheOffloading", tiers()), "prefill", prefill);
    let claim = |reference: Value| json!({"kvCacheOffloading": {"secondary": [{"fileSystem": {"pvc": {"ref": reference}}}]}});
    let (bare, path) = (claim(json!({"name": "probe"})), claim(json!({"name": "probe", "path": "probe"})));
    let prefill = |of: &Value| json!({"prefill": of});
    let below = "spec.prefill.kvCacheOffloading.secondary[].fileSystem.pvc.ref.path";
    Base::new("tiers", spec, &["spec.kvCacheOffloading", "spec.prefill.kvCacheOffloading"])
        .special([
            (below, prefill(&path), prefill(&bare)),
            ("spec.kvCacheOffloading.secondary[].fileSystem.pvc.ref.path", path, bare),
        ])
        .values([
            ("spec.kvCacheOffloading.evictionPolicy", json!("arc")),
            ("spec.prefill.kvCacheOffloading.evictionPolicy", json!("arc")),
        ])
}

fn model() -> Base {
    let of = &["spec.model.uri", "spec.model.name", "spec.storageInitializer"];
    Base::new("a model", single(), of).values([("spec.storageInitializer.enabled", json!(false))])
}

fn download() -> Base {
    let container = "storage-initializer";
    let own = json!({"template": {"initContainers": [{"name": container, "image": "own"}]}});
    let base = Base::new("the download", single(), &["spec.template.initContainers"]);
    let name = ("spec.template.initContainers[].name", own, json!({}));
    Base { container: Some(container), ..base.special([name]) }
}

fn adapters() -> Base {
    let adapter = || json!({"name": "a", "uri": "hf://org/a"});
    let other =
        |key: &str, value: Value| json!({"model": {"lora": {"adapters": [with(adapter(), key, value)]}}});
    let spec = with(single(), "model", json!({"uri": "hf://org/m", "lora": {"adapters": [adapter()]}}));
    let confidential = "spec.model.lora.adapters[].confidential";
    let secret = |of: Value| other("confidential", of);
    Base::new("adapters", spec, &["spec.model.lora"]).special([
        ("spec.model.lora.adapters[].name", other("name", json!("b")), json!({})),
        ("spec.model.lora.adapters[].uri", other("uri", json!("hf://org/b")), json!({})),
        ("spec.model.lora.adapters[].lora", other("lora", json!({"maxRank": 8})), json!({})),
        (confidential, secret(json!({"enabled": true})), json!({})),
        ("spec.model.lora.adapters[].confidential.enabled", secret(json!({"enabled": true})), json!({})),
        ("spec.model.lora.adapters[].confidential.resourceId", secret(json!({"resourceId": "x"})), json!({})),
    ])
}

fn encrypted() -> Base {
    let secret = json!({"enabled": true, "resourceId": "kbs:///a/b/c"});
    let spec = with(single(), "model", json!({"uri": "hf://org/m", "confidential": secret}));
    Base::new("an encrypted model", spec, &["spec.model.confidential"]).values([
        ("spec.model.confidential.enabled", json!(false)),
        ("spec.model.confidential.resourceId", json!("kbs:///d/e/f")),
    ])
}

fn route() -> Base {
    let refs = |gateway: Value| json!({"router": {"gateway": {"refs": [gateway]}}});
    let bare = || refs(json!({"name": "probe"}));
    let (namespace, section) =
        (json!({"name": "probe", "namespace": "probe"}), json!({"name": "probe", "sectionName": "probe"}));
    Base::new("a route", single(), &["spec.router.route", "spec.router.gateway"]).special([
        ("spec.router.gateway.refs[].namespace", refs(namespace), bare()),
        ("spec.router.gateway.refs[].sectionName", refs(section), bare()),
    ])
}

/// One that is named takes the place of ours.
fn ingress() -> Base {
    let ingress = |of: Value| json!({"router": {"ingress": of}});
    let refs = |named: Value| ingress(json!({"refs": [named]}));
    let ours = || ingress(json!({}));
    Base::new("an ingress", single(), &["spec.router.ingress"]).special([
        ("spec.router.ingress.refs[].name", refs(json!({"name": "probe"})), ours()),
        (
            "spec.router.ingress.refs[].namespace",
            refs(json!({"name": "probe", "namespace": "probe"})),
            ours(),
        ),
    ])
}

fn scheduler() -> Base {
    let of = &[
        "spec.router.scheduler.replicas",
        "spec.router.scheduler.labels",
        "spec.router.scheduler.annotations",
        "spec.router.scheduler.template",
        "spec.router.scheduler.config",
        "spec.router.scheduler.pool",
    ];
    let config = |more: Value| {
        let mut reference = json!({"name": "picker", "key": "epp"});
        llmisvc_core::tree::overlay(&mut reference, &more);
        json!({"router": {"scheduler": {"config": {"ref": reference}}}})
    };
    let absent = |optional: bool| config(json!({"key": "absent", "optional": optional}));
    Base::new("a scheduler", scheduled(), of)
        .special([
            ("spec.router.scheduler.config.ref.name", config(json!({})), json!({})),
            ("spec.router.scheduler.config.ref.key", config(json!({"key": "probe"})), config(json!({}))),
            ("spec.router.scheduler.config.ref.optional", absent(true), absent(false)),
        ])
        .values([
            ("spec.router.scheduler.replicas", json!(2)),
            ("spec.router.scheduler.pool.spec.endpointPickerRef.failureMode", json!("FailClose")),
        ])
}

fn tokenizer() -> Base {
    let router = json!({"gateway": {}, "route": {}, "scheduler": {"tokenizer": {}}});
    let spec = with(single(), "router", router);
    Base::new("a tokenizer", spec, &["spec.router.scheduler.tokenizer"])
}
