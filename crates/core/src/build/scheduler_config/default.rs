//! The generated default (`reference/router.md §10.4`).

/// What the default depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "any of them may come with any other")]
pub struct Topology {
    /// There is a prefill workload.
    pub prefill: bool,
    /// There are LoRA adapters.
    pub lora: bool,
    /// Model servers serve their metrics over TLS.
    pub tls: bool,
    /// The main workload may have no replicas, and requests wait until it has.
    pub holds: bool,
}

impl Topology {
    /// Value of the mark for a default.
    pub(super) fn mark(self) -> String {
        let parts =
            [(self.prefill, "+prefill"), (self.lora, "+lora"), (self.tls, "+tls"), (self.holds, "+hold")];
        parts.iter().filter(|(on, _)| *on).fold("default".to_owned(), |mark, (_, part)| mark + part)
    }
}

/// The default for a topology.
pub fn default_text(topology: Topology) -> String {
    let mut lines = vec!["apiVersion: llm-d.ai/v1alpha1", "kind: EndpointPickerConfig"];
    if topology.holds {
        lines.extend(["featureGates:", "- flowControl"]);
    }
    lines.push("plugins:");
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
