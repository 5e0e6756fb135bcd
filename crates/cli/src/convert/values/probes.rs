//! Probes that say what the presets say already.

use serde_json::Value;

use crate::convert::common::overlays::main_of;

/// The preset for single pods gives this probe.
pub fn is_preset(name: &str, probe: &Value) -> bool {
    bare(main_of("config-llm-template").get(name).unwrap_or(&Value::Null)) == bare(probe)
}

/// Without the port, which follows from the role, the scheme, which follows from the cluster, and what the API server
/// would add.
fn bare(probe: &Value) -> Value {
    let mut probe = probe.clone();
    if let Some(get) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
        get.remove("port");
        get.remove("scheme");
    }
    if let Some(fields) = probe.as_object_mut() {
        let defaults = [("timeoutSeconds", 1), ("successThreshold", 1), ("initialDelaySeconds", 0)];
        fields
            .retain(|key, value| !defaults.iter().any(|(name, n)| key == name && value.as_i64() == Some(*n)));
    }
    probe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_probe_of_the_preset_needs_no_word() {
        let same = json!({"httpGet": {"path": "/health", "port": 8001}, "periodSeconds": 10, "failureThreshold": 60});
        assert!(is_preset("startupProbe", &same));
        assert!(!is_preset("readinessProbe", &same));
    }
}
