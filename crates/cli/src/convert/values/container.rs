//! Containers: the first is the model server, `main` in a service (`reference/llm-d.md §3.2`).

mod server;

use llmisvc_core::build::pod::PROBES;
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::parallelism::Ranks;
use super::role::{Role, Shared};
use super::{Draft, accelerator, reasons};
use crate::convert::keys::{Keys, put};
use server::Server;

/// The volume that the chart mounts the model from.
pub const MODEL_VOLUME: &str = "model-storage";

/// How the chart starts a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `vllm serve`, as our presets do.
    Serve,
    /// By the command of a simulator's image, which takes vLLM's flags.
    Simulator,
    /// By its own command.
    Custom,
}

impl Start {
    /// What a container of the values says.
    pub fn of(container: &Value) -> Self {
        let image = tree::text(container, &["image"]);
        match tree::text(container, &["modelCommand"]) {
            "imageDefault" if accelerator::is_simulator(image) => Self::Simulator,
            "vllmServe" | "imageDefault" => Self::Serve,
            _ if container.get("command").is_none() && container.get("args").is_none() => Self::Serve,
            _ => Self::Custom,
        }
    }
}

/// The containers of a role.
#[derive(Debug, Default)]
pub struct Containers {
    /// `main` first.
    pub list: Vec<Value>,
    /// Flags ask for expert parallelism.
    pub expert: bool,
}

/// The containers of a role, and the ranks that flags say.
pub fn all(
    keys: &mut Keys,
    role: Role,
    shared: &Shared,
    preset: Option<&str>,
    ranks: &mut Ranks,
    draft: &mut Draft,
) -> Containers {
    let mut containers = Containers::default();
    for (at, item) in keys.list(&format!("{}.containers", role.key())).into_iter().enumerate() {
        let named = tree::text(&item, &["name"]).to_owned();
        let step = if named.is_empty() { at.to_string() } else { named };
        let place = format!("{}.containers[{step}]", role.key());
        if at == 0 {
            let mut server = Server { keys: Keys::new(item, place), role, shared, preset, draft };
            containers.list.push(server.convert(ranks, &mut containers.expert));
            let left = server.keys.lost(reasons::container);
            draft.lost.extend(left);
        } else {
            containers.list.push(beside(Keys::new(item, place), draft));
        }
    }
    if containers.list.is_empty() && (shared.model.cache.is_some() || shared.model.secret.is_some()) {
        let mut expert = false;
        let keys = Keys::new(json!({}), format!("{}.containers[0]", role.key()));
        containers.list.push(Server { keys, role, shared, preset, draft }.convert(ranks, &mut expert));
    }
    containers.list.retain(|container| container != &json!({"name": "main"}));
    containers
}

/// Fields that a container has in both.
pub const FIELDS: [&str; 11] = [
    "image",
    "imagePullPolicy",
    "env",
    "envFrom",
    "resources",
    "securityContext",
    "workingDir",
    "stdin",
    "tty",
    "lifecycle",
    "terminationMessagePolicy",
];

/// A container that is not the server's, nearly as it stands.
fn beside(mut keys: Keys, draft: &mut Draft) -> Value {
    keys.take("modelCommand");
    keys.take("mountModelVolume").filter(|mounts| mounts == &json!(true)).into_iter().for_each(|_| {
        draft.lose(keys.at("mountModelVolume"), "only the model server has the model mounted");
    });
    let mut container = keys.take("extraConfig").unwrap_or_else(|| json!({}));
    for field in FIELDS.into_iter().chain(PROBES).chain(["name", "command", "args", "ports", "volumeMounts"])
    {
        put(&mut container, &[field], keys.take(field).unwrap_or_default());
    }
    draft.lost.extend(keys.lost(reasons::container));
    container
}
