//! Containers: the first is the model server, `main` in a service (`reference/llm-d.md §3.2`).

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::parallelism::Ranks;
use super::ports::{self, Move};
use super::role::{Role, Shared};
use super::{Draft, accelerator, args, probes, reasons};
use crate::convert::keys::{Keys, put};

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
pub fn all(keys: &mut Keys, role: Role, shared: &Shared, ranks: &mut Ranks, draft: &mut Draft) -> Containers {
    let mut containers = Containers::default();
    for (at, item) in keys.list(&format!("{}.containers", role.key())).into_iter().enumerate() {
        let named = tree::text(&item, &["name"]).to_owned();
        let step = if named.is_empty() { at.to_string() } else { named };
        let place = format!("{}.containers[{step}]", role.key());
        if at == 0 {
            let mut server = Server { keys: Keys::new(item, place), role, shared, draft };
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
        containers.list.push(Server { keys, role, shared, draft }.convert(ranks, &mut expert));
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
    for field in
        FIELDS.into_iter().chain(probes::PROBES).chain(["name", "command", "args", "ports", "volumeMounts"])
    {
        put(&mut container, &[field], keys.take(field).unwrap_or_default());
    }
    draft.lost.extend(keys.lost(reasons::container));
    container
}

struct Server<'a> {
    keys: Keys,
    role: Role,
    shared: &'a Shared,
    draft: &'a mut Draft,
}

impl Server<'_> {
    fn convert(&mut self, ranks: &mut Ranks, expert: &mut bool) -> Value {
        let start = self.start();
        let port = self.shared.port(self.role);
        self.keys.take("name");
        let mut main = self.keys.take("extraConfig").unwrap_or_else(|| json!({}));
        put(&mut main, &["name"], json!("main"));
        for field in FIELDS {
            put(&mut main, &[field], self.keys.take(field).unwrap_or_default());
        }
        self.command(start, port, ranks, expert, &mut main);
        self.mounts(&mut main);
        let declared = self.keys.list("ports");
        self.probes(&declared, port, &mut main);
        put(&mut main, &["ports"], Value::Array(ports::others(declared, port)));
        self.environment(start, ranks, &mut main);
        self.image(start, &mut main);
        main
    }

    fn start(&mut self) -> Start {
        let known = ["modelCommand", "image", "command", "args"];
        let seen: Value =
            known.iter().filter_map(|key| Some(((*key).to_owned(), self.keys.peek(key)?.clone()))).collect();
        let is_own = self.keys.text("modelCommand").as_deref() == Some("imageDefault");
        let start = Start::of(&seen);
        if is_own && start == Start::Serve {
            self.draft.lose(
                self.keys.at("modelCommand"),
                "imageDefault: vllm serve is run, whatever the image does by itself",
            );
        }
        match start {
            // The cache of a claim holds no plain folder of a model.
            Start::Serve if self.shared.model.cache.is_some() => Start::Custom,
            start => start,
        }
    }

    fn command(&mut self, start: Start, port: Move, ranks: &mut Ranks, expert: &mut bool, main: &mut Value) {
        let words = |value: Option<Value>| args::words(&value.unwrap_or_default());
        let (command, given) = (words(self.keys.take("command")), words(self.keys.take("args")));
        let model = &self.shared.model;
        let scripted = start == Start::Custom && model.cache.is_none();
        if scripted {
            let folder = |word: &String| {
                if model.uri.starts_with("hf://") {
                    word.clone()
                } else {
                    word.replace(&model.source, "/mnt/models")
                }
            };
            let moved =
                |words: &[String]| words.iter().map(|w| folder(&ports::in_text(w, port))).collect::<Vec<_>>();
            put(main, &["command"], json!(moved(&command)));
            put(main, &["args"], json!(moved(&given)));
            return;
        }
        let sorted = args::sorted(&given, self.shared.split, &model.name);
        sorted.ranks(ranks);
        *expert |= sorted.expert && start == Start::Serve;
        let own = match start {
            Start::Serve => Vec::new(),
            Start::Simulator => args::of_image(model, ranks, port),
            Start::Custom => [vec![model.source.clone()], args::of_server(model, ranks, port)].concat(),
        };
        let kept = if start == Start::Serve { sorted.kept } else { sorted.all };
        match start {
            Start::Serve => {}
            Start::Simulator => put(main, &["command"], json!([accelerator::SIMULATOR_COMMAND])),
            Start::Custom => put(main, &["command"], json!(["vllm", "serve"])),
        }
        put(main, &["args"], json!([own, kept].concat()));
    }

    /// The model's own mount comes by itself.
    fn mounts(&mut self, main: &mut Value) {
        if self.keys.take("mountModelVolume") == Some(json!(false)) && !self.shared.downloads {
            self.draft.lose(self.keys.at("mountModelVolume"), "every model server has its model mounted");
        }
        let mut mounts = self.keys.list("volumeMounts");
        mounts.retain(|mount| tree::text(mount, &["name"]) != MODEL_VOLUME);
        if self.shared.model.cache.is_some() {
            mounts
                .push(json!({"name": MODEL_VOLUME, "mountPath": self.shared.model.mount, "readOnly": true}));
        }
        put(main, &["volumeMounts"], Value::Array(mounts));
    }

    fn probes(&mut self, declared: &[Value], port: Move, main: &mut Value) {
        for name in probes::PROBES {
            let Some(probe) = self.keys.take(name) else { continue };
            if !probes::is_preset(name, &probe) {
                put(main, &[name], ports::in_probe(probe, declared, port));
            }
        }
    }

    /// What the chart adds, where something may need it.
    fn environment(&mut self, start: Start, ranks: &Ranks, main: &mut Value) {
        let model = &self.shared.model;
        let mut added = Vec::new();
        if start == Start::Custom {
            let text = format!("{}{}", main["command"], main["args"]);
            let sizes = [("DP_SIZE", ranks.data), ("TP_SIZE", ranks.tensor), ("DP_SIZE_LOCAL", ranks.local)];
            let used = sizes.into_iter().filter(|(name, _)| args::mentions(&text, name));
            added.extend(used.map(|(name, n)| json!({"name": name, "value": n.to_string()})));
        }
        if let Some((_, folder)) = &model.cache {
            let cache = format!("{}/{folder}", model.mount);
            added.push(json!({"name": "HF_HUB_CACHE", "value": cache.trim_end_matches('/')}));
        }
        if let Some(secret) = model.secret.as_ref() {
            let key = json!({"secretKeyRef": {"name": secret, "key": "HF_TOKEN"}});
            added.push(json!({"name": "HF_TOKEN", "valueFrom": key}));
        }
        added.retain(|entry| tree::named(tree::list(main, &["env"]), tree::text(entry, &["name"])).is_none());
        if !added.is_empty() {
            tree::array(main, "env").extend(added);
        }
    }

    /// Flags are composed for the vLLM of the preset's image, so an older one of llm-d makes way for it.
    fn image(&mut self, start: Start, main: &mut Value) {
        let image = tree::text(main, &["image"]).to_owned();
        if start == Start::Serve && accelerator::is_replaced(&image) {
            main.as_object_mut().map(|fields| fields.remove("image"));
            let why = format!(
                "{image}: the preset's image is used, for whose vLLM the flags are made; to stay, set image together with \
                 the annotation llmisvc.io/vllm-version"
            );
            self.draft.lose(self.keys.at("image"), why);
        }
    }
}
