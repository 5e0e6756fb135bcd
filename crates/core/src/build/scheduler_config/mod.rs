//! The configuration of the endpoint picker: where its text comes from (`reference/router.md §10.3`), the
//! generated default (`§10.4`), and what a picker of another version needs instead (`§10.6`).
//!
//! A text that runs is kept, so that an upgrade changes no picker, but only as long as it is nobody's: what we
//! generated follows the topology, and what came from a spec goes when it leaves the spec (edge 47). The
//! annotation [`MARK`] remembers which it was.

use serde_json::{Value, json};

use super::{storage, tokenizer};
use crate::revision::filter;
use crate::tree;
use crate::valid::{Scaling, Scheduler, ValidService};

mod default;
mod flags;
mod migrate;
pub mod plugins;
#[cfg(test)]
mod tests;
mod version;

pub use default::{Topology, default_text};
pub use flags::{pair, text_argument};
pub use migrate::{TOKENIZER, not_boolean, preview, stuck_flags};
pub use version::{VERSION, Version};

/// Annotation on the Deployment: where its configuration came from.
pub const MARK: &str = "llmisvc.io/scheduler-config";
/// Value of [`MARK`]: the pod template's own arguments.
pub const TEMPLATE: &str = "template";
const INLINE: &str = "inline";
const KEPT: &str = "kept";
const FLAG: &str = "--config-text";

/// A YAML document as a tree.
pub fn parse(text: &str) -> Option<Value> {
    serde_yaml_ng::from_str(text).ok()
}

/// A flag with its document or path, and where it came from.
struct Chosen {
    flag: String,
    text: String,
    mark: String,
}

impl Chosen {
    /// The document, where it is one that can be changed: not a file, and nothing that only others understand.
    fn document(&self) -> Option<Value> {
        if flags::takes_text(&self.flag) { migrate::readable(&self.text) } else { None }
    }
}

/// Puts the configuration into the arguments of the picker and says where it came from.
pub(super) fn add(svc: &ValidService, scheduler: &Scheduler, pod: &mut Value) -> String {
    let mut stripped = pod.clone();
    let mut needs = migrate::take(&mut stripped, Version::of(&scheduler.annotations));
    let moves_nothing = needs.metrics.is_empty() && needs.engine.is_empty();
    if svc.tls && scheduler.composed {
        needs.metrics.entry("scheme").or_insert(json!("https"));
    }
    needs.tokenizer = svc.routing.tokenizer.as_ref().map(|_| tokenizer::url(svc));
    let chosen = choose(scheduler, topology(svc, &needs), main_args(pod));
    let migrated = chosen.document().map(|document| migrate::migrated(document, &needs));
    if migrated.is_some() || moves_nothing {
        *pod = stripped;
    }
    if let Some(document) = &migrated {
        migrate::drop_tokenizer(pod, document, &needs);
    }
    attach_weights(svc, pod);
    let text = rewritten(&chosen.text, migrated);
    if chosen.mark != TEMPLATE || text != chosen.text {
        put(pod, scheduler, &chosen.flag, &text);
    }
    chosen.mark
}

/// A tokenizer beside the picker needs the model's files (`§10.5`).
fn attach_weights(svc: &ValidService, pod: &mut Value) {
    let has_tokenizer = tree::named(tree::list(pod, &["containers"]), TOKENIZER).is_some();
    if let Some(weights) = svc.routing.beside_picker.as_ref().filter(|_| has_tokenizer) {
        storage::attach(pod, weights);
    }
}

fn topology(svc: &ValidService, needs: &migrate::Needs) -> Topology {
    let tls = needs.metrics.len() == 1 && needs.metrics.get("scheme").is_some_and(|s| s == "https");
    let holds = svc.decode.scaling.as_ref().is_some_and(Scaling::sleeps);
    Topology { prefill: svc.prefill.is_some(), lora: !svc.adapters.is_empty(), tls, holds }
}

fn main_args(pod: &Value) -> &[Value] {
    tree::named(tree::list(pod, &["containers"]), "main").map_or(&[], |main| tree::list(main, &["args"]))
}

fn choose(scheduler: &Scheduler, topology: Topology, args: &[Value]) -> Chosen {
    let chosen = |(flag, text): (String, String), mark: &str| Chosen { flag, text, mark: mark.to_owned() };
    match (&scheduler.inline, pair(args)) {
        (Some(text), _) => chosen((FLAG.to_owned(), text.clone()), INLINE),
        (None, Some(own)) => chosen(own, TEMPLATE),
        (None, None) => kept(scheduler, topology)
            .unwrap_or_else(|| chosen((FLAG.to_owned(), default_text(topology)), &topology.mark())),
    }
}

/// The text as it stands, unless something in it changed.
fn rewritten(text: &str, migrated: Option<Value>) -> String {
    let changed = migrated.filter(|document| parse(text).as_ref() != Some(document));
    changed.and_then(|document| serde_yaml_ng::to_string(&document).ok()).unwrap_or_else(|| text.to_owned())
}

fn put(pod: &mut Value, scheduler: &Scheduler, flag: &str, text: &str) {
    let Some(main) = tree::named_mut(tree::array(pod, "containers"), "main") else { return };
    let args = tree::array(main, "args");
    flags::remove_config(args);
    let given = (flag.to_owned(), text.to_owned());
    let (flag, text) = same_as_live(scheduler, text).unwrap_or(given);
    args.extend([json!(flag), json!(text)]);
}

/// The live text, where nobody else has a say.
fn kept(scheduler: &Scheduler, topology: Topology) -> Option<Chosen> {
    let live = scheduler.live.as_ref()?;
    let (flag, text) = live.config.clone()?;
    let mark = match live.mark.as_deref() {
        Some(mark) if mark == topology.mark() => topology.mark(),
        Some(KEPT) => KEPT.to_owned(),
        Some(_) => return None,
        None => match default_of(&text) {
            Some(of) if of == (topology.prefill, topology.lora) && !topology.holds => topology.mark(),
            Some(_) => return None,
            None => KEPT.to_owned(),
        },
    };
    Some(Chosen { flag, text, mark })
}

/// Prefill and LoRA of the default that `text` is; the peer's defaults say the same as ours.
fn default_of(text: &str) -> Option<(bool, bool)> {
    let document = without_metrics_source(parse(&filter::without(text))?);
    let all = [(false, false), (false, true), (true, false), (true, true)];
    all.into_iter().find(|(prefill, lora)| {
        parse(&default_text(Topology { prefill: *prefill, lora: *lora, tls: false, holds: false })).as_ref()
            == Some(&document)
    })
}

fn without_metrics_source(mut document: Value) -> Value {
    tree::array(&mut document, "plugins").retain(|p| tree::text(p, &["type"]) != migrate::METRICS_SOURCE);
    document
}

/// A text that says the same as the live one is no reason for a rollout.
fn same_as_live(scheduler: &Scheduler, text: &str) -> Option<(String, String)> {
    let live = scheduler.live.as_ref()?.config.clone()?;
    let same = flags::takes_text(&live.0) && parse(&live.1)? == parse(text)?;
    same.then_some(live)
}
