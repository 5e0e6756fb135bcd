//! What a pass has done, told in at most one event of each kind (`reference/router.md §16`).

use llmisvc_core::Decision;
use llmisvc_core::deprecated;
use llmisvc_core::facts::Ref;
use llmisvc_core::labels::ROLE;
use llmisvc_core::object::Object;
use llmisvc_core::tree;
use llmisvc_core::workloads::templates;
use llmisvc_kinds::Kind;

use crate::apply::{Applied, Done, PATIENCE};
use crate::context::Context;
use crate::events::{self, News};
use crate::gather::Subject;
use crate::metrics::Verb;
use crate::wire::{WireError, chain};

/// Tells which children were written, and what that means for those who wait for the model.
pub fn written(ctx: &Context, subject: &Subject, decision: &Decision, applied: &Applied) {
    let of = |verb| applied.done.iter().filter(move |done| done.verb == verb);
    let news = [
        children("Created", "Created", of(Verb::Created).map(|done| (done.kind, done.name.as_str()))),
        children("Updated", "Updated", of(Verb::Applied).map(|done| (done.kind, done.name.as_str()))),
        restarts(&applied.done),
        outdated(decision, &applied.done),
    ];
    for news in news.into_iter().flatten() {
        events::tell(ctx, &subject.place, &subject.service, news);
    }
}

/// Tells which children were deleted.
pub fn deleted(ctx: &Context, subject: &Subject, gone: &[(Kind, String)]) {
    let gone = gone.iter().map(|(kind, name)| (*kind, name.as_str()));
    if let Some(news) = children("Deleted", "Deleted", gone) {
        events::tell(ctx, &subject.place, &subject.service, news);
    }
}

/// Tells that passes fail, once in a row of failures: a blip is no news.
pub fn failed(ctx: &Context, place: &Ref, error: &WireError, failures: u32) {
    let Some((service, _)) = ctx.stores.service(place).filter(|_| failures == PATIENCE) else { return };
    let message = format!("Reconciliation failed: {}", chain(error));
    events::tell(ctx, place, &service, News::warning("Error", message));
}

/// One event for all children of a pass: a service of twelve objects would otherwise begin with twelve events.
fn children<'a>(reason: &'static str, verb: &str, of: impl Iterator<Item = (Kind, &'a str)>) -> Option<News> {
    let names: Vec<String> = of.map(|(kind, name)| format!("{kind} {name}")).collect();
    let message = match names.as_slice() {
        [] => return None,
        [one] => format!("{verb} {one}"),
        all => format!("{verb} {} objects: {}", all.len(), all.join(", ")),
    };
    Some(News::normal(reason, message))
}

/// Says which fields restart the model servers: weights load for minutes, and whoever changed them should know.
fn restarts(done: &[Done]) -> Option<News> {
    let rolls = done.iter().filter(|done| !done.changed.is_empty());
    let parts: Vec<String> =
        rolls.filter_map(|done| Some(format!("{}: {}", done.role?, done.changed.join(", ")))).collect();
    let message = format!("Model servers restart because of {}", parts.join("; "));
    (!parts.is_empty()).then(|| News::normal("ModelServersRestart", message))
}

/// A plugin that newer pickers do not have is told when the picker comes to be configured with it.
fn outdated(decision: &Decision, done: &[Done]) -> Option<News> {
    let scheduler = decision.outcome.as_ref().ok()?.service.routing.scheduler.as_ref()?;
    let plugin = deprecated::plugin(scheduler)?;
    let begins = |done: &Done| done.picker && (done.verb == Verb::Created || !done.changed.is_empty());
    let message = format!("The scheduler's configuration uses {plugin}");
    done.iter().any(begins).then(|| News::warning("DeprecatedPlugin", message))
}

/// The role of a workload's pods; none for what is no workload of model servers.
pub fn role_of(object: &Object) -> Option<&'static str> {
    if !matches!(object.kind, Kind::Deployment | Kind::LeaderWorkerSet) {
        return None;
    }
    let template = templates(&object.body).next()?;
    match tree::text(template, &["metadata", "labels", ROLE]) {
        "prefill" => Some("prefill"),
        "decode" => Some("decode"),
        "both" => Some("main"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(role: Option<&'static str>, changed: &[&str]) -> Done {
        Done {
            verb: Verb::Applied,
            kind: Kind::Deployment,
            name: "m-kserve".to_owned(),
            role,
            picker: false,
            changed: changed.iter().map(|path| (*path).to_owned()).collect(),
        }
    }

    #[test]
    fn an_event_names_the_fields_of_each_role() {
        let all = [
            done(Some("prefill"), &["containers[main].image"]),
            done(Some("decode"), &["containers[main].args", "containers[main].image"]),
            done(None, &["containers[main].image"]),
            done(Some("decode"), &[]),
        ];
        let expected = "Model servers restart because of prefill: containers[main].image; \
                        decode: containers[main].args, containers[main].image";
        assert_eq!(restarts(&all), Some(News::normal("ModelServersRestart", expected)));
        assert_eq!(restarts(&all[2..]), None);
    }

    #[test]
    fn the_children_of_a_pass_are_one_event() {
        let told = |of: &[(Kind, &str)]| children("Created", "Created", of.iter().copied());
        assert_eq!(told(&[]), None);
        let one = told(&[(Kind::Deployment, "m-kserve")]);
        assert_eq!(one, Some(News::normal("Created", "Created Deployment m-kserve")));
        let two = told(&[(Kind::Service, "m-svc"), (Kind::Deployment, "m-kserve")]);
        let expected = "Created 2 objects: Service m-svc, Deployment m-kserve";
        assert_eq!(two, Some(News::normal("Created", expected)));
    }
}
