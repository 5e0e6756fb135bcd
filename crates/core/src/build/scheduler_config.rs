//! The configuration of the endpoint picker: where its text comes from (`reference/router.md §10.3`) and the
//! generated default (`§10.4`).
//!
//! A text that runs is kept, so that an upgrade changes no picker, but only as long as it is nobody's: what we
//! generated follows the topology, and what came from a spec goes when it leaves the spec (edge 47). The
//! annotation [`MARK`] remembers which it was.

use serde_json::{Map, Value, json};

use super::tokenizer;
use crate::revision::filter;
use crate::tree;
use crate::valid::{Scheduler, ValidService};

/// Annotation on the Deployment: where its configuration came from.
pub const MARK: &str = "llmisvc.io/scheduler-config";
/// Value of [`MARK`]: the pod template's own arguments.
pub const TEMPLATE: &str = "template";
const INLINE: &str = "inline";
const KEPT: &str = "kept";
const FLAG: &str = "--config-text";
/// Flags that take the document itself; the same with `file` take a path.
const TEXT_FLAGS: [&str; 2] = ["config-text", "configText"];
const FILE_FLAGS: [&str; 2] = ["config-file", "configFile"];
const METRICS_SOURCE: &str = "metrics-data-source";

/// What the default depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topology {
    /// There is a prefill workload.
    pub prefill: bool,
    /// There are LoRA adapters.
    pub lora: bool,
    /// Model servers serve their metrics over TLS.
    pub tls: bool,
}

impl Topology {
    fn of(svc: &ValidService, metrics: &Map<String, Value>) -> Self {
        let tls = metrics.len() == 1 && metrics.get("scheme").is_some_and(|s| s == "https");
        Self { prefill: svc.prefill.is_some(), lora: !svc.adapters.is_empty(), tls }
    }

    fn mark(self) -> String {
        let parts = [(self.prefill, "+prefill"), (self.lora, "+lora"), (self.tls, "+tls")];
        parts.iter().filter(|(on, _)| *on).fold("default".to_owned(), |mark, (_, part)| mark + part)
    }
}

/// A YAML document as a tree.
pub fn parse(text: &str) -> Option<Value> {
    serde_yaml_ng::from_str(text).ok()
}

/// The configuration flag among arguments and its value, which follows it or stands behind `=` (edge 48).
pub fn pair(args: &[Value]) -> Option<(String, String)> {
    let index = args.iter().position(|a| a.as_str().is_some_and(is_config_flag))?;
    let arg = args.get(index)?.as_str()?;
    let next = || args.get(index + 1)?.as_str();
    let (flag, value) = arg.split_once('=').or_else(|| Some((arg, next()?)))?;
    Some((flag.to_owned(), value.to_owned()))
}

fn is_config_flag(arg: &str) -> bool {
    is_flag(arg, &TEXT_FLAGS) || is_flag(arg, &FILE_FLAGS)
}

fn is_flag(arg: &str, names: &[&str]) -> bool {
    let flag = arg.split('=').next().unwrap_or(arg);
    flag.starts_with('-') && names.contains(&flag.trim_start_matches('-'))
}

/// The configuration is a file that we cannot change.
pub(super) fn is_by_file(args: &[Value]) -> bool {
    pair(args).is_some_and(|(flag, _)| is_flag(&flag, &FILE_FLAGS))
}

/// Puts the configuration into the arguments and says where it came from; `metrics` are parameters of the
/// metrics source.
pub(super) fn add(
    svc: &ValidService,
    scheduler: &Scheduler,
    metrics: &Map<String, Value>,
    args: &mut Vec<Value>,
) -> String {
    let topology = Topology::of(svc, metrics);
    let ((flag, text), mark) = match (&scheduler.inline, pair(args)) {
        (Some(text), _) => ((FLAG.to_owned(), text.clone()), INLINE.to_owned()),
        (None, Some(own)) => (own, TEMPLATE.to_owned()),
        (None, None) => kept(scheduler, topology).unwrap_or_else(|| generated(topology)),
    };
    let completed =
        if is_flag(&flag, &TEXT_FLAGS) { complete(svc, text.clone(), metrics) } else { text.clone() };
    if mark == TEMPLATE && completed == text {
        return mark;
    }
    let text = completed;
    remove_pair(args);
    let (flag, text) = same_as_live(scheduler, &text).unwrap_or((flag, text));
    args.extend([json!(flag), json!(text)]);
    mark
}

fn generated(topology: Topology) -> ((String, String), String) {
    ((FLAG.to_owned(), default_text(topology)), topology.mark())
}

/// The live text, where nobody else has a say.
fn kept(scheduler: &Scheduler, topology: Topology) -> Option<((String, String), String)> {
    let live = scheduler.live.as_ref()?;
    let config = live.config.clone()?;
    match live.mark.as_deref() {
        Some(mark) if mark == topology.mark() => Some((config, topology.mark())),
        Some(KEPT) => Some((config, KEPT.to_owned())),
        Some(_) => None,
        None if default_of(&config.1) == Some((topology.prefill, topology.lora)) => {
            Some((config, topology.mark()))
        }
        None if default_of(&config.1).is_some() => None,
        None => Some((config, KEPT.to_owned())),
    }
}

/// Prefill and LoRA of the default that `text` is; the peer's defaults say the same as ours.
fn default_of(text: &str) -> Option<(bool, bool)> {
    let document = without_metrics_source(parse(&filter::without(text))?);
    let all = [(false, false), (false, true), (true, false), (true, true)];
    all.into_iter().find(|(prefill, lora)| {
        parse(&default_text(Topology { prefill: *prefill, lora: *lora, tls: false })).as_ref()
            == Some(&document)
    })
}

fn without_metrics_source(mut document: Value) -> Value {
    tree::array(&mut document, "plugins").retain(|p| tree::text(p, &["type"]) != METRICS_SOURCE);
    document
}

/// How metrics are read, and where the tokenizer is, are part of the configuration (`§10.6`, last rows).
fn complete(svc: &ValidService, text: String, metrics: &Map<String, Value>) -> String {
    let Some(mut document) = parse(&text).filter(Value::is_object) else { return text };
    let plugins = tree::array(&mut document, "plugins");
    let mut changed = false;
    if svc.routing.tokenizer.is_some() {
        let producers = plugins.iter_mut().filter(|p| tree::text(p, &["type"]) == "token-producer");
        changed |= producers.fold(false, |changed, producer| changed | complete_producer(svc, producer));
    }
    if !metrics.is_empty() && !plugins.iter().any(|p| tree::text(p, &["type"]) == METRICS_SOURCE) {
        plugins.push(json!({"type": METRICS_SOURCE, "parameters": metrics}));
        changed = true;
    }
    if changed { serde_yaml_ng::to_string(&document).unwrap_or(text) } else { text }
}

/// A producer of tokens that does not say where its tokenizer is uses the service's own.
fn complete_producer(svc: &ValidService, producer: &mut Value) -> bool {
    let parameters = tree::entry(producer, "parameters");
    let before = parameters.clone();
    if tree::text(parameters, &["modelName"]).is_empty() {
        *tree::entry(parameters, "modelName") = json!("/mnt/models/base");
    }
    let vllm = tree::entry(parameters, "vllm");
    if tree::text(vllm, &["url"]).is_empty() {
        *tree::entry(vllm, "url") = json!(tokenizer::url(svc));
    }
    *parameters != before
}

fn remove_pair(args: &mut Vec<Value>) {
    while let Some(index) = args.iter().position(|a| a.as_str().is_some_and(is_config_flag)) {
        let flag = args.remove(index);
        if !flag.as_str().unwrap_or_default().contains('=') && index < args.len() {
            args.remove(index);
        }
    }
}

/// A text that says the same as the live one is no reason for a rollout.
fn same_as_live(scheduler: &Scheduler, text: &str) -> Option<(String, String)> {
    let live = scheduler.live.as_ref()?.config.clone()?;
    let same = is_flag(&live.0, &TEXT_FLAGS) && parse(&live.1)? == parse(text)?;
    same.then_some(live)
}

/// The default for a topology.
pub fn default_text(topology: Topology) -> String {
    let mut lines = vec!["apiVersion: llm-d.ai/v1alpha1", "kind: EndpointPickerConfig", "plugins:"];
    lines.extend(if topology.prefill { PREFILL_PLUGINS.lines() } else { PLUGINS.lines() });
    if topology.lora {
        lines.push("- type: lora-affinity-scorer");
    }
    if topology.tls {
        lines.extend(["- type: metrics-data-source", "  parameters:", "    scheme: https"]);
    }
    lines.push("schedulingProfiles:");
    let profiles = if topology.prefill { PREFILL_PROFILES } else { PROFILES };
    lines.extend(profiles.lines().filter(|line| topology.lora || !line.contains("lora-affinity-scorer")));
    lines.join("\n") + "\n"
}

const PLUGINS: &str = "\
- type: single-profile-handler
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: no-hit-lru-scorer
- type: max-score-picker";

const PROFILES: &str = "\
- name: default
  plugins:
  - {pluginRef: lora-affinity-scorer, weight: 4}
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: no-hit-lru-scorer, weight: 2}
  - {pluginRef: max-score-picker}";

const PREFILL_PLUGINS: &str = "\
- type: disagg-headers-handler
- type: prefill-filter
- type: decode-filter
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: active-request-scorer
- type: prefix-cache-scorer
- type: max-score-picker
- type: always-disagg-pd-decider
- type: disagg-profile-handler
  parameters:
    deciders:
      prefill: always-disagg-pd-decider";

const PREFILL_PROFILES: &str = "\
- name: prefill
  plugins:
  - {pluginRef: prefill-filter}
  - {pluginRef: lora-affinity-scorer, weight: 4}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: max-score-picker}
- name: decode
  plugins:
  - {pluginRef: decode-filter}
  - {pluginRef: lora-affinity-scorer, weight: 4}
  - {pluginRef: active-request-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: max-score-picker}";
