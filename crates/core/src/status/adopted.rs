//! What a former controller made and is left as it is: the condition `Adopted`, which is advisory.

use llmisvc_api::conditions::reason;
use serde_json::Value;

use super::condition::Judgement;
use super::view::View;
use crate::adopt::has_former;
use crate::tree;

/// None while everything is ours.
pub(super) fn judge(view: &View<'_>) -> Option<Judgement> {
    let adopted = view.input.decision.adopted().filter(|_| !view.stopped)?;
    let kept = adopted.iter().map(|(kind, name, paths)| {
        let paths = if paths.is_empty() { "nothing that shows".to_owned() } else { paths.join(", ") };
        format!("{} {name}: {paths}", kind.served().kind)
    });
    let kept: Vec<String> = kept.collect();
    let message = format!(
        "left as the former controller made them, until a change of the spec asks for another pod template or the \
         service is annotated llmisvc.io/adopt=now; that will change {}",
        kept.join("; ")
    );
    let judgement = Judgement { reason: reason::FORMER_KEPT.to_owned(), message, ..Judgement::yes() };
    (!kept.is_empty()).then_some(judgement)
}

/// The generation that the status is about. It stays as the former controller wrote it until everything is taken over:
/// what has changed since then is told by the difference.
pub(super) fn observed<'a>(view: &View<'a>) -> Option<&'a Value> {
    let service = view.input.service;
    let former = tree::get(service, &["status", "observedGeneration"]);
    let uid = tree::text(service, &["metadata", "uid"]);
    match former {
        Some(former) if has_former(view.input.live, view.input.decision.objects(), uid) => Some(former),
        _ => tree::get(service, &["metadata", "generation"]),
    }
}
