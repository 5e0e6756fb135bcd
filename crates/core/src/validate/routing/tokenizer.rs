//! Validates `spec.router.scheduler.tokenizer` (`reference/router.md §11.1`).

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::Scheduler;
use super::account::live_body;
use crate::build::{scheduler_config, tls};
use crate::facts::{Answer, Key, Ref};
use crate::pass::Finding;
use crate::validate::Context;
use crate::validate::storage::{self, Site, Target, Weights};
use crate::{names, tree};

const PATH: &str = "spec.router.scheduler.tokenizer";

/// A render server beside the endpoint picker.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenizer {
    /// Merged and rendered pod spec.
    pub pod: Value,
    /// The model's tokenizer and configuration.
    pub weights: Weights,
    /// It runs with the servers' key pair.
    pub shares_pair: bool,
}

/// The tokenizer, where one is asked for: by the field, or by a plugin through the preset.
pub(super) fn tokenizer(
    ctx: &Context<'_>,
    router: &Value,
    scheduler: Option<&Scheduler>,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Tokenizer> {
    let scheduler = scheduler?;
    let spec = tree::get(router, &["scheduler", "tokenizer"]).filter(|t| t.is_object())?;
    let pod = tree::get(spec, &["template"]).cloned().unwrap_or_default();
    if tree::named(tree::list(&pod, &["containers"]), "main").is_none() {
        let path = format!("{PATH}.template.containers");
        let message = "has no container \"main\"; the preset config-llm-tokenizer brings one";
        findings.push(ctx.finding(&path, message));
        return None;
    }
    let mut site = Site { ctx, template: format!("{PATH}.template"), findings, warnings };
    let live = live_body(ctx, Kind::Deployment, &names::tokenizer(&ctx.id.name));
    let live = live.and_then(|live| tree::get(live, &["spec", "template", "spec"]));
    let weights = storage::weights(&mut site, &pod, Target::TOKENIZER, account(ctx, scheduler), live)?;
    let shares_pair = live.is_some_and(|pod| tls::shares_pair(pod, &ctx.id.name));
    Some(Tokenizer { pod, weights, shares_pair })
}

/// What the container `tokenizer` in the picker's own pod reads (`§10.5`), where there is one.
pub(super) fn beside_picker(
    ctx: &Context<'_>,
    scheduler: Option<&Scheduler>,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) -> Option<Weights> {
    let scheduler = scheduler?;
    tree::named(tree::list(&scheduler.pod, &["containers"]), scheduler_config::TOKENIZER)?;
    let mut site = Site { ctx, template: "spec.router.scheduler.template".to_owned(), findings, warnings };
    let live = live_body(ctx, Kind::Deployment, &names::scheduler(&ctx.id.name));
    let live = live.and_then(|live| tree::get(live, &["spec", "template", "spec"]));
    storage::weights(&mut site, &scheduler.pod, Target::BESIDE_PICKER, account(ctx, scheduler), live)
}

/// Credentials come from the scheduler's own account where it names one that exists, else from the default account.
fn account<'a>(ctx: &Context<'a>, scheduler: &'a Scheduler) -> (&'a str, &'a Answer) {
    let read = |name: &str| ctx.inputs.seen.get(&Key::ServiceAccount(Ref::new(&ctx.id.namespace, name)));
    let named = scheduler.account.name();
    match read(named) {
        found @ Answer::Found(_) => (named, found),
        _ => ("default", read("default")),
    }
}
