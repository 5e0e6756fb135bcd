//! What further features add to vLLM's command line.

use serde_json::{Value, json};

use super::{lora, tracing};
use crate::tree;
use crate::valid::{PodTemplate, Role};

/// KV transfer between prefill and decode; NIXL pulls, so both roles get the same value.
pub const NIXL: &str = r#"{"kv_connector":"NixlConnector","kv_role":"kv_both"}"#;
const API_SERVERS: &str = "VLLM_API_SERVER_COUNT";

/// What the flags of one template take from the features of its service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Value of `--kv-transfer-config`.
    pub kv_transfer: Option<String>,
    /// Number of API servers in a data-parallel leader.
    pub api_servers: String,
    /// Further flags, each with its values.
    pub flags: Vec<Vec<String>>,
}

/// The features of a template.
pub fn features(role: Role, template: &PodTemplate) -> Features {
    let traces = template.tracing.as_ref().map(tracing::flags).unwrap_or_default();
    Features {
        kv_transfer: kv_transfer(role, template),
        api_servers: api_servers(template),
        flags: [lora::flags(template), traces].concat(),
    }
}

/// One process takes one configuration: where KV caches both move and are offloaded it holds the two connectors.
fn kv_transfer(role: Role, template: &PodTemplate) -> Option<String> {
    let offloading = template.kv_cache.as_ref().and_then(|kv| kv.connector.as_ref());
    match (role, offloading) {
        (Role::Both, None) => None,
        (Role::Both, Some(offloading)) => Some(offloading.to_string()),
        (_, None) => Some(NIXL.to_owned()),
        (_, Some(offloading)) => Some(both(offloading).to_string()),
    }
}

/// NIXL comes first: a prompt that was prefilled elsewhere is fetched before a tier is searched.
fn both(offloading: &Value) -> Value {
    let nixl = json!({"kv_connector": "NixlConnector", "kv_role": "kv_both"});
    let connectors = json!({"connectors": [nixl, offloading]});
    json!({"kv_connector": "MultiConnector", "kv_connector_extra_config": connectors, "kv_role": "kv_both"})
}

/// As the user's variable says, which Kubernetes puts in; the default is the peer's.
fn api_servers(template: &PodTemplate) -> String {
    let main = tree::named(tree::list(&template.pod, &["containers"]), "main");
    let given = main.and_then(|main| tree::named(tree::list(main, &["env"]), API_SERVERS));
    given.map_or_else(|| "8".to_owned(), |_| format!("$({API_SERVERS})"))
}
