//! The objects that scale workloads, and what has to wait while a workload goes over from one to another.
//!
//! Two autoscalers of one workload take turns at its count, and KEDA refuses a ScaledObject while a
//! HorizontalPodAutoscaler is there. So the former goes first; the count stays what it is meanwhile.

use llmisvc_kinds::Kind;

use crate::handover::Held;
use crate::object::{Live, Object};
use crate::pass::Inputs;
use crate::plan::ours;
use crate::settings::AUTOSCALING;
use crate::valid::{Role, Scaling, ValidService, Workload};
use crate::{names, tree};

/// The kinds of objects that scale a workload, with the name of each.
pub fn slots(service: &str, role: Role) -> [(Kind, String); 2] {
    [
        (Kind::HorizontalPodAutoscaler, names::autoscaler(service, role)),
        (Kind::ScaledObject, names::scaled_object(service, role)),
    ]
}

/// Holds a new autoscaler until the former one of the workload is gone, and one that lives while nobody says where
/// its metrics are.
pub fn hold(inputs: &Inputs<'_>, service: &ValidService, held: &mut Held) {
    for of in std::iter::once(&service.decode).chain(&service.prefill).filter(|_| !service.stopped) {
        if let Some(scaling) = &of.scaling {
            hold_one(inputs, (&service.id.name, of, scaling), held);
        }
    }
}

fn hold_one(inputs: &Inputs<'_>, (service, of, scaling): (&str, &Workload, &Scaling), held: &mut Held) {
    let uid = tree::text(inputs.service, &["metadata", "uid"]);
    let lives = |slot: &(Kind, String)| inputs.live.get(slot).is_some_and(|live| ours(slot.0, live, uid));
    let (wanted, others): (Vec<_>, Vec<_>) =
        slots(service, of.role).into_iter().partition(|(kind, _)| *kind == scaling.kind());
    let former = others.iter().find(|slot| lives(slot));
    for slot in &wanted {
        if scaling.is_blind() {
            held.hold(slot.0, &slot.1, &format!("{AUTOSCALING} has no prometheus.url"));
        } else if let Some((kind, name)) = former.filter(|_| !lives(slot)) {
            held.hold(slot.0, &slot.1, &format!("{kind} {name} is not gone yet"));
        }
    }
}

/// Something of ours that scales is on its way out. What was decided with it in sight does not hold without it, so it
/// is not to be remembered, however soon it is gone.
pub fn any_goes(live: &Live, desired: &[Object], uid: &str) -> bool {
    let scales = |kind: Kind| matches!(kind, Kind::HorizontalPodAutoscaler | Kind::ScaledObject);
    let wanted = |kind: Kind, name: &str| desired.iter().any(|it| it.kind == kind && it.name == name);
    live.iter().any(|((kind, name), child)| scales(*kind) && ours(*kind, child, uid) && !wanted(*kind, name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::Cluster;
    use crate::settings::Prometheus;
    use crate::validate::fixture::{Fixture, fixture, spec, with};

    fn scaled(scaling: Value) -> Fixture {
        let mut it = fixture(with(spec(), "/scaling", scaling));
        it.settings.prometheus =
            Some(Prometheus { url: "https://p".to_owned(), insecure: false, auth: None });
        it
    }

    fn keda() -> Value {
        json!({"maxReplicas": 4, "wva": {"keda": {}}})
    }

    fn held(it: &Fixture) -> Vec<(Kind, String)> {
        let mut held = Held::default();
        let cluster = Cluster::default();
        let (service, settings, seen, live) = (&it.service, &it.settings, &it.seen, &it.live);
        hold(&Inputs { service, settings, cluster: &cluster, seen, live }, &it.valid(), &mut held);
        let all = slots("llama", Role::Both);
        all.into_iter().filter(|(kind, name)| held.has(*kind, name)).collect()
    }

    const HPA: &str = "llama-kserve-hpa";
    const KEDA: &str = "llama-kserve-keda";

    #[test]
    fn a_first_autoscaler_waits_for_nobody() {
        assert_eq!(held(&scaled(keda())), []);
    }

    #[test]
    fn a_new_autoscaler_waits_until_the_former_is_gone() {
        let mut it = scaled(keda());
        it.live(Kind::HorizontalPodAutoscaler, HPA, json!({}));
        assert_eq!(held(&it), [(Kind::ScaledObject, KEDA.to_owned())]);
        // One that is there already is changed as ever.
        it.live(Kind::ScaledObject, KEDA, json!({}));
        assert_eq!(held(&it), []);
        let mut back = scaled(json!({"maxReplicas": 4, "wva": {"hpa": {}}}));
        back.live(Kind::ScaledObject, KEDA, json!({}));
        assert_eq!(held(&back), [(Kind::HorizontalPodAutoscaler, HPA.to_owned())]);
    }

    #[test]
    fn what_is_decided_while_an_autoscaler_goes_is_not_remembered() {
        let mut it = fixture(with(spec(), "/replicas", json!(2)));
        assert!(!any_goes(&it.live, &it.objects(), "uid-1"));
        it.live(Kind::ScaledObject, KEDA, json!({}));
        assert!(any_goes(&it.live, &it.objects(), "uid-1"));
        // Whatever KEDA has made is KEDA's, and what is wanted stays.
        assert!(!any_goes(&it.live, &it.objects(), "another"));
        let wanted = scaled(keda());
        assert!(!any_goes(&it.live, &wanted.objects(), "uid-1"));
    }

    #[test]
    fn a_scaled_object_stays_while_nobody_says_where_its_metrics_are() {
        let mut it = scaled(keda());
        it.settings.prometheus = None;
        assert_eq!(held(&it), [(Kind::ScaledObject, KEDA.to_owned())]);
    }
}
