//! What further features add to vLLM's command line.

use super::lora;
use crate::tree;
use crate::valid::{PodTemplate, Role};

/// KV transfer between prefill and decode; NIXL pulls, so both roles get the same value.
const NIXL: &str = r#"{"kv_connector":"NixlConnector","kv_role":"kv_both"}"#;
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
    Features {
        kv_transfer: (role != Role::Both).then(|| NIXL.to_owned()),
        api_servers: api_servers(template),
        flags: lora::flags(template),
    }
}

/// As the user's variable says, which Kubernetes puts in; the default is the peer's.
fn api_servers(template: &PodTemplate) -> String {
    let main = tree::named(tree::list(&template.pod, &["containers"]), "main");
    let given = main.and_then(|main| tree::named(tree::list(main, &["env"]), API_SERVERS));
    given.map_or_else(|| "8".to_owned(), |_| format!("$({API_SERVERS})"))
}
