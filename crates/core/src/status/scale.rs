//! What the scale subresource reads: how many replicas of the main workload there are, and which pods stand for
//! them (`reference/api.md §9`, edge 12).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::view::{Part, View};
use crate::labels::{self, Component, GROUP_NAME, GROUP_WORKER_INDEX, Labels};
use crate::rollout::Counts;
use crate::tree;

/// `replicas` and `selector`; null before anything is decided. A service without children has none.
pub(super) fn fields(view: &View<'_>) -> [(&'static str, Value); 2] {
    let main = [Part::Main, Part::MainGroup].into_iter().find(|part| view.has(*part));
    let Some(main) = main else { return [("replicas", Value::Null), ("selector", Value::Null)] };
    let live = view.live(main.kind(), &main.name(view.name));
    let replicas = live.map_or(0, |live| Counts::of(main.kind(), live).replicas);
    [("replicas", json!(replicas)), ("selector", json!(text(&selector(view, main, live))))]
}

/// One pod for each replica: of a group only its leader, so that an average over pods is one over replicas.
fn selector(view: &View<'_>, main: Part, live: Option<&Value>) -> Labels {
    let name = main.name(view.name);
    if main.kind() == Kind::LeaderWorkerSet {
        return labels::labels([(GROUP_NAME, &name), (GROUP_WORKER_INDEX, "0")]);
    }
    let kept = live.map(|live| tree::strings(live, &["spec", "selector", "matchLabels"]));
    kept.filter(|kept| !kept.is_empty()).unwrap_or_else(|| labels::base(view.name, Component::Workload))
}

fn text(selector: &Labels) -> String {
    let terms: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    terms.join(",")
}
