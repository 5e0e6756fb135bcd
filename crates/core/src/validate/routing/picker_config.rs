//! Doubts about the endpoint picker's configuration (`reference/router.md §10.6`, `reference/llm-d.md §1.11`).

use serde_json::Value;

use super::{Routing, Scheduler, kv_events};
use crate::build::scheduler_config::plugins::{self, Remark};
use crate::build::scheduler_config::{self, VERSION, Version};
use crate::pass::Finding;
use crate::tree;
use crate::validate::Context;

const PATH: &str = "spec.router.scheduler";
/// Plugins that send requests to both roles.
const HANDLERS: [&str; 3] = ["disagg-profile-handler", "pd-profile-handler", "header-profile-handler"];

/// What a configuration and its picker's version have to do with each other.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(
        "{0:?} is no version such as 0.10.0, so it is not known what the endpoint picker needs: its flags and \
         configuration stay as they are; correct the annotation"
    )]
    NoVersion(String),
    #[error(
        "has the flag --{flag}, which endpoint pickers of version {version} do not have: they would not start, and the \
         operator cannot move it into a configuration file or a document of another kind; remove the flag and say \
         the same in the configuration, with the plugin {plugin}"
    )]
    Stuck { flag: &'static str, version: Version, plugin: &'static str },
    #[error(
        "lists no disagg-profile-handler, so no request is sent to the prefill pods; take the preset \
         config-llm-scheduler-prefill-decode as an example, or remove spec.prefill"
    )]
    NoHandler,
}

/// Everything that can be said before the configuration is complete.
pub(super) fn check(
    ctx: &Context<'_>,
    routing: &Routing,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) {
    let Some(scheduler) = &routing.scheduler else { return };
    warnings.extend(unknown_version(ctx, scheduler));
    findings.extend(stuck(ctx, scheduler));
    let Some((path, text)) = given(scheduler) else { return };
    let Some(document) = scheduler_config::parse(&text) else { return };
    warnings.extend(no_handler(ctx, &document, &path));
    let unseen = kv_events::problem(&document, ctx.spec);
    warnings.extend(unseen.map(|problem| ctx.finding(&format!("{path}.plugins"), problem.to_string())));
    let told = about_plugins(&document, &text, routing, Version::of(&scheduler.annotations));
    warnings.extend(told.into_iter().map(|remark| {
        let Remark { index, key, text } = remark;
        ctx.finding(&format!("{path}.plugins[{index}].{key}"), text)
    }));
}

fn unknown_version(ctx: &Context<'_>, scheduler: &Scheduler) -> Option<Finding> {
    let given = scheduler.annotations.get(VERSION).filter(|text| !text.is_empty())?;
    let problem = Problem::NoVersion(given.clone());
    let path = format!("{PATH}.annotations[{VERSION}]");
    Version::parse(given).is_none().then(|| ctx.finding(&path, problem.to_string()))
}

fn stuck(ctx: &Context<'_>, scheduler: &Scheduler) -> Vec<Finding> {
    let version = Version::of(&scheduler.annotations);
    let finding = |flag: &'static str| {
        let is_source = flag.starts_with("model-server");
        let plugin = if is_source { "metrics-data-source" } else { "core-metrics-extractor" };
        let problem = Problem::Stuck { flag, version, plugin };
        ctx.finding(&format!("{PATH}.template.containers[main]"), problem.to_string())
    };
    scheduler_config::stuck_flags(scheduler).into_iter().map(finding).collect()
}

/// The user's text and where it stands; what is generated or kept needs no advice.
fn given(scheduler: &Scheduler) -> Option<(String, String)> {
    if let Some(text) = &scheduler.inline {
        return Some((format!("{PATH}.config.inline"), text.clone()));
    }
    let main = tree::named(tree::list(&scheduler.pod, &["containers"]), "main")?;
    let text = scheduler_config::text_argument(tree::list(main, &["args"]))?;
    Some((format!("{PATH}.template.containers[main].args"), text))
}

fn no_handler(ctx: &Context<'_>, document: &Value, path: &str) -> Option<Finding> {
    let is_split = tree::get(ctx.spec, &["prefill"]).is_some_and(Value::is_object);
    let is_handler = |plugin: &Value| HANDLERS.contains(&tree::text(plugin, &["type"]));
    let has_handler = tree::list(document, &["plugins"]).iter().any(is_handler);
    (is_split && !has_handler)
        .then(|| ctx.finding(&format!("{path}.plugins"), Problem::NoHandler.to_string()))
}

/// What the operator puts right on the way is told only where a newer name is to be used.
fn about_plugins(document: &Value, text: &str, routing: &Routing, version: Version) -> Vec<Remark> {
    let migrated = scheduler_config::preview(text, version, routing.tokenizer.is_some());
    let left = migrated.map(|document| plugins::remarks(&document, version));
    let is_left =
        |remark: &Remark| left.as_ref().is_none_or(|left| left.iter().any(|l| l.text == remark.text));
    let remarks = plugins::remarks(document, version).into_iter();
    let told = remarks.filter_map(|remark| match (is_left(&remark), remark.key.as_str()) {
        (true, _) => Some(remark),
        (false, "type") => {
            let text = format!("{}; until then the operator translates it", remark.text);
            Some(Remark { text, ..remark })
        }
        (false, _) => None,
    });
    told.collect()
}
