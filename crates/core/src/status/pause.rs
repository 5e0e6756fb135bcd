//! A roll of prefill and decode that is held back is not over, whatever the workloads themselves say.

use llmisvc_api::conditions::{Truth, kind, reason::PROGRESSING};

use super::condition::{Judgement, Judgements};
use super::view::View;
use crate::facts::Ref;
use crate::names;
use crate::revision::pace::pace;
use crate::valid::Role;

/// Says of each workload what its roll waits for.
pub(super) fn apply(view: &View<'_>, judgements: &mut Judgements) {
    let objects = view.input.decision.objects().filter(|_| !view.stopped).unwrap_or_default();
    let service = Ref::new(view.namespace, view.name);
    let Some(paced) = pace(objects, view.input.live, view.input.seen, &service) else { return };
    for (role, condition) in
        [(Role::Prefill, kind::PREFILL_WORKLOAD_READY), (Role::Decode, kind::MAIN_WORKLOAD_READY)]
    {
        let is_its =
            |name: &str| [false, true].iter().any(|group| name == names::workload(view.name, role, *group));
        let pause = paced.pauses.iter().find(|((_, name), _)| is_its(name)).map(|(_, pause)| pause);
        if let (Some(pause), Some(judgement)) = (pause, judgements.get_mut(condition)) {
            *judgement = paused(judgement, &pause.why);
        }
    }
}

fn paused(judgement: &Judgement, why: &str) -> Judgement {
    match (judgement.status, judgement.message.is_empty()) {
        (Truth::False, false) => {
            Judgement { message: format!("{}; {why}", judgement.message), ..judgement.clone() }
        }
        _ => Judgement::no(PROGRESSING, why),
    }
}
