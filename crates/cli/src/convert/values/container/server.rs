//! The model server, `main` in a service.

use llmisvc_core::build::pod::PROBES;
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::{FIELDS, MODEL_VOLUME, Start};
use crate::convert::keys::{Keys, put};
use crate::convert::values::parallelism::Ranks;
use crate::convert::values::ports::{self, Move};
use crate::convert::values::role::{Role, Shared};
use crate::convert::values::{Draft, accelerator, args, probes};

const VERSION: &str = "say in the annotation llmisvc.io/vllm-version for which vLLM flags are made";

/// The container of the model server, on its way.
pub struct Server<'a> {
    /// What the values say.
    pub keys: Keys,
    /// The role that it has.
    pub role: Role,
    /// What both roles share.
    pub shared: &'a Shared,
    /// The image that presets give its pods; none where they are not for its accelerator.
    pub preset: Option<&'a str>,
    /// The service.
    pub draft: &'a mut Draft,
}

impl Server<'_> {
    /// `main`; ranks and expert parallelism are taken from its flags.
    pub fn convert(&mut self, ranks: &mut Ranks, expert: &mut bool) -> Value {
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
        if start == Start::Custom && self.shared.model.cache.is_none() {
            put(main, &["command"], json!(self.moved(&command, port)));
            put(main, &["args"], json!(self.moved(&given, port)));
            return;
        }
        let sorted = args::sorted(&given, self.shared.split, &self.shared.model.name);
        sorted.ranks(ranks);
        *expert |= sorted.expert && start == Start::Serve;
        let (command, own) = self.own(start, ranks, port);
        let kept = if start == Start::Serve { sorted.kept } else { sorted.all };
        put(main, &["command"], json!(command));
        put(main, &["args"], json!([own, kept].concat()));
    }

    /// Words of the values' own command, with the port and the folder of the model as they are here.
    fn moved(&self, words: &[String], port: Move) -> Vec<String> {
        let model = &self.shared.model;
        let is_folder = !model.uri.starts_with("hf://");
        let folder = |word: String| if is_folder { word.replace(&model.source, "/mnt/models") } else { word };
        words.iter().map(|word| folder(ports::in_text(word, port))).collect()
    }

    /// The command, and the arguments that the chart would give; none where the preset and the operator do.
    fn own(&self, start: Start, ranks: &Ranks, port: Move) -> (Vec<&'static str>, Vec<String>) {
        let model = &self.shared.model;
        match start {
            Start::Serve => (Vec::new(), Vec::new()),
            Start::Simulator => (vec![accelerator::SIMULATOR_COMMAND], args::of_image(model, ranks, port)),
            Start::Custom => {
                let words = [vec![model.source.clone()], args::of_server(model, ranks, port)].concat();
                (vec!["vllm", "serve"], words)
            }
        }
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
        for name in PROBES {
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
        if start != Start::Serve || !accelerator::is_replaced(&image) {
            return;
        }
        let Some(preset) = self.preset else {
            let why = format!("{image} stays, as no preset is for this accelerator: {VERSION}");
            return self.draft.lose(self.keys.at("image"), why);
        };
        main.as_object_mut().map(|fields| fields.remove("image"));
        if image != preset {
            let why =
                format!("{image}: the preset's {preset} takes its place; to stay, set image, and {VERSION}");
            self.draft.lose(self.keys.at("image"), why);
        }
    }
}
