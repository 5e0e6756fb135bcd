//! Metrics that there are, with their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::facts::Ref;
use llmisvc_kinds::Kind;
use serde_json::json;

use super::super::*;
use super::repository;

/// Labels that Prometheus adds, or a monitor of ours.
pub const OF_TARGETS: [&str; 6] = ["namespace", "pod", "job", "instance", "llm_isvc_name", "llm_isvc_role"];
/// Labels of model servers and pickers that expressions may use (reference/llm-d.md §1.8, §4.3; vLLM's documentation).
const OF_SERVERS: [&str; 5] =
    ["model_name", "finished_reason", "decision_type", "plugin_type", "inference_pool"];

/// Series by name, each with its labels.
pub struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    /// Those of the operator and of the reference.
    pub fn all() -> Self {
        let mut known = Self(BTreeMap::new());
        known.add_operator(&exercised());
        let list = fs::read_to_string(repository().join("config/monitoring/metrics.txt")).unwrap();
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let [name, kind, section] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            assert!(section.starts_with("§4."), "{line}");
            known.add(name, kind, if name == "up" { &[] } else { &OF_SERVERS });
        }
        known
    }

    pub fn labels(&self, series: &str) -> Option<&BTreeSet<String>> {
        self.0.get(series)
    }

    fn add(&mut self, name: &str, kind: &str, labels: &[&str]) {
        let series = match kind {
            "histogram" => ["_bucket", "_sum", "_count"].map(|it| format!("{name}{it}")).to_vec(),
            "counter" | "gauge" => vec![name.to_owned()],
            _ => panic!("{name} is a {kind}"),
        };
        for series in series {
            let le = series.ends_with("_bucket").then_some("le");
            let labels = OF_TARGETS.iter().chain(labels).copied().chain(le).map(str::to_owned);
            self.0.entry(series).or_default().extend(labels);
        }
    }

    /// From the text of a scrape.
    fn add_operator(&mut self, text: &str) {
        let mut names = BTreeSet::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            self.add(&name, kind, &[]);
            names.insert(name);
        }
        let registered = Metrics::default().names.into_iter().collect();
        assert_eq!(names, registered, "a metric was never counted below");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, rest)) = line.split_once('{') else { continue };
            let (labels, _) = rest.split_once('}').unwrap();
            let labels = labels.split("\",").filter_map(|it| it.split_once('=')).map(|it| it.0.to_owned());
            self.0.get_mut(series).unwrap().extend(labels);
        }
    }
}

/// The text of `/metrics` after everything has happened once.
fn exercised() -> String {
    let (metrics, time) = (Metrics::default(), Duration::from_millis(1));
    metrics.passed(Outcome::Settled);
    metrics.took(Step::Apply, time);
    metrics.did(Verb::Created, Kind::Deployment, 1);
    metrics.watch_restarted("pods");
    metrics.status_written(true);
    metrics.config_written(ConfigWrite::Held);
    metrics.stored_anew("LLMInferenceService", Rewrite::Done);
    metrics.called(Call::Validate, CallResult::Ok, time);
    metrics.waited(Line::Services, time);
    metrics.shown("pods", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    metrics.told(Told::Written);
    let stopped = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Stopped"}]});
    metrics.services.put(&Ref::new("ns", "m"), &stopped, Some(Timestamp::UNIX_EPOCH));
    metrics.text(1, 1).unwrap()
}
