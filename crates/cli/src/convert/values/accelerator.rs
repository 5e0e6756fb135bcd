//! Accelerators: an overlay where the image is the usual one, else resources in full (`reference/llm-d.md §2`).

mod kinds;

use llmisvc_core::images::repository;
use llmisvc_core::validate::accelerator::extended;
use llmisvc_core::{labels, tree};
use serde_json::{Value, json};

use super::Draft;
use super::container::Containers;
use super::parallelism::Ranks;
use super::role::{Role, Shared};
use crate::convert::common::overlays;
use crate::convert::keys::{Keys, put};

pub use kinds::{KINDS, Kind, SIMULATOR_COMMAND, is_replaced, is_simulator};

/// The accelerators of a service.
#[derive(Debug)]
pub struct Accelerator {
    decode: String,
    prefill: String,
    claims: bool,
    overlays: &'static [&'static str],
}

impl Accelerator {
    /// Reads what the values say, and decides whether an overlay says it all.
    pub fn of(keys: &mut Keys, shared: &Shared) -> Self {
        let all = keys.text("accelerator.type").unwrap_or_else(|| KINDS[0].name.to_owned());
        let mut of =
            |role: Role| keys.text(&format!("{}.accelerator.type", role.key())).unwrap_or(all.clone());
        let (decode, prefill) = (of(Role::Decode), of(Role::Prefill));
        let prefill = if shared.split { prefill } else { decode.clone() };
        let claims = keys.is_on("accelerator.dra", false);
        let overlays = chosen(keys, shared, &decode, &prefill);
        Self { decode, prefill, claims, overlays }
    }

    fn kind(&self, role: Role) -> Option<&'static Kind> {
        let name = if role == Role::Decode { &self.decode } else { &self.prefill };
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Gives a role its claims, its resource where no preset counts it, and the environment of the accelerator.
    pub fn give(
        &self,
        keys: &mut Keys,
        role: Role,
        ranks: &Ranks,
        containers: &mut Containers,
        pod: &mut Value,
        draft: &mut Draft,
    ) {
        let Some(kind) = self.kind(role) else { return };
        if containers.list.first().is_some_and(simulates) {
            return;
        }
        if let Some(env) = keys.peek(&format!("accelerator.env.{}", kind.name)).and_then(Value::as_array) {
            tree::array(server(containers), "env").extend(env.iter().cloned());
        }
        if keys.is_on(&format!("{}.accelerator.dra", role.key()), self.claims) {
            return claim(keys, kind, role, ranks, server(containers), pod, draft);
        }
        let has_device = tree::named(&containers.list, "main").is_some_and(|main| requested(main).is_some());
        if let Some(resource) = self.resource(keys, kind).filter(|_| !has_device) {
            let count = json!(ranks.devices().to_string());
            put(server(containers), &["resources", "limits", &resource], count);
        }
    }

    /// The extended resource that has to be said: one that the values name, or that no preset gives.
    fn resource(&self, keys: &Keys, kind: &Kind) -> Option<String> {
        let named = keys.peek(&format!("accelerator.resources.{}", kind.name)).and_then(Value::as_str);
        named.or(kind.resource.filter(|_| !self.is_preset(kind))).map(str::to_owned)
    }

    /// Our presets give the resource and count it.
    fn is_preset(&self, kind: &Kind) -> bool {
        kind.name == KINDS[0].name || !self.overlays.is_empty()
    }

    /// The image that our presets give the pods of a role; none where they are not for its accelerator.
    pub fn image(&self, role: Role) -> Option<&'static str> {
        self.kind(role).filter(|kind| self.is_preset(kind)).map(|_| overlays::image(self.overlays))
    }

    /// The number of accelerators follows from `parallelism`, which therefore has to be said.
    pub fn is_counted(&self, role: Role, pod: &Value) -> bool {
        let main = tree::named(tree::list(pod, &["containers"]), "main").cloned().unwrap_or_default();
        let counted = self.kind(role).is_some_and(|kind| kind.resource.is_some() && self.is_preset(kind));
        counted && !simulates(&main) && requested(&main).is_none() && pod.get("resourceClaims").is_none()
    }

    /// Names the overlays in the service.
    pub fn choose(&self, keys: &mut Keys, draft: &mut Draft) {
        for overlay in self.overlays {
            draft.base(&overlays::reference(overlay));
        }
        if self.decode == "cpu" && self.overlays.is_empty() {
            draft.put(&["spec", "annotations", labels::ACCELERATOR], json!("none"));
        }
        for name in [&self.decode, &self.prefill] {
            let templates = ["name", "class", "count", "selectors"]
                .map(|key| format!("resourceClaimTemplates.{name}.{key}"));
            for key in [format!("resources.{name}"), format!("env.{name}")].into_iter().chain(templates) {
                keys.take(&format!("accelerator.{key}"));
            }
            let how = format!("accelerator.resourceClaimTemplates.{name}.match");
            if keys.peek(&how) == Some(&json!("exactly")) {
                keys.take(&how);
            }
        }
    }
}

/// Overlays reach every pod, so both roles have to have the same accelerator and its usual image.
fn chosen(keys: &Keys, shared: &Shared, decode: &str, prefill: &str) -> &'static [&'static str] {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == decode) else { return &[] };
    let is_usual = |role: Role| {
        let containers = keys.peek(&format!("{}.containers", role.key())).and_then(Value::as_array);
        let image = containers.and_then(|all| all.first()).map_or("", |main| tree::text(main, &["image"]));
        image.is_empty() || kind.images.contains(&repository(image))
    };
    let overlays = kind.overlays(&json!({"nodeSelector": keys.peek("decode.nodeSelector")}));
    let takes = overlays::refuse(overlays, &shape(shared)).is_none();
    if takes && decode == prefill && Role::of(shared.split).all(is_usual) { overlays } else { &[] }
}

/// What of the service decides whether its accelerator can serve it so.
fn shape(shared: &Shared) -> Value {
    let mut spec = json!({});
    put(&mut spec, &["prefill", "replicas"], shared.split.then_some(json!(1)).unwrap_or_default());
    put(&mut spec, &["worker", "containers"], shared.is_group.then_some(json!(["main"])).unwrap_or_default());
    spec
}

fn server(containers: &mut Containers) -> &mut Value {
    if tree::named(&containers.list, "main").is_none() {
        containers.list.insert(0, json!({"name": "main"}));
    }
    tree::named_mut(&mut containers.list, "main").expect("is put there above")
}

fn simulates(container: &Value) -> bool {
    is_simulator(tree::text(container, &["image"]))
}

/// The accelerator that a container asks for by itself.
pub fn requested(container: &Value) -> Option<&'static Kind> {
    let of = |name: &str| KINDS.iter().find(|kind| kind.resource == Some(name));
    extended(container).into_iter().find_map(|(name, _)| of(name))
}

/// A claim, and its template beside the service.
fn claim(
    keys: &Keys,
    kind: &Kind,
    role: Role,
    ranks: &Ranks,
    main: &mut Value,
    pod: &mut Value,
    draft: &mut Draft,
) {
    let given =
        keys.peek(&format!("accelerator.resourceClaimTemplates.{}", kind.name)).cloned().unwrap_or_default();
    let text = |key: &str, default: &str| match tree::text(&given, &[key]) {
        "" => default.to_owned(),
        text => text.to_owned(),
    };
    let template = format!("{}-{}", draft.name, role.key());
    let count = given.get("count").and_then(Value::as_i64).unwrap_or(ranks.devices());
    let mut request = json!({"deviceClassName": text("class", kind.class), "count": count});
    put(&mut request, &["selectors"], json!(tree::list(&given, &["selectors"])));
    let name = format!("{}-{}-claim", text("name", kind.name), role.key());
    put(main, &["resources", "claims"], json!([{"name": name}]));
    put(pod, &["resourceClaims"], json!([{"name": name, "resourceClaimTemplateName": template}]));
    draft.beside.push(json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": template},
        "spec": {"spec": {"devices": {"requests": [{"name": kind.name, "exactly": request}]}}},
    }));
}
