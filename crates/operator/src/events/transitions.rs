//! Which events follow from a change of status. A state that lasts is a condition; only its beginning is told, and since
//! that is read from the stored status, a restart tells nothing.

use llmisvc_api::conditions::{self, kind, reason};
use llmisvc_core::tree;
use serde_json::Value;

use super::News;

/// Reasons that mean that something is wrong about what was asked for; see [`is_error`].
const ERRORS: &[&str] = &[
    reason::CONFIG_NOT_FOUND,
    reason::COMBINE_BASE_ERROR,
    reason::INVALID_RENDERED_CONFIG,
    reason::REFS_INVALID,
];
/// Reasons of conditions that are told under their own name, when the condition comes to have this status.
const OF_THEIR_OWN: &[(&str, &str)] = &[
    ("False", reason::SCALING_CRD_NOT_FOUND),
    ("True", reason::MEMBER_DIVERGENCE),
    ("True", reason::MODEL_NAME_COLLISION),
];

/// The events about the service of this name when its status becomes another one.
pub fn of(name: &str, old: &Value, new: &Value) -> Vec<News> {
    let conditions = tree::list(new, &["conditions"]).iter();
    let began: Vec<&Value> = conditions.filter(|c| !is_roll_up(c) && !had(old, c)).collect();
    let errors: Vec<String> = began.iter().filter(|c| is_error(c)).map(|c| said(c)).collect();
    let own = OF_THEIR_OWN.iter().flat_map(|(status, of)| {
        let these = began.iter().filter(move |c| has(c, status, of));
        these.map(|c| News::warning(of, tree::text(c, &["message"])))
    });
    let failed = (!errors.is_empty())
        .then(|| News::warning("Error", format!("Reconciliation failed: {}", errors.join("; "))));
    failed.into_iter().chain(own).chain(readiness(name, old, new)).collect()
}

/// Also whatever could not be written: all reasons of that kind are named alike.
fn is_error(condition: &Value) -> bool {
    let reason = tree::text(condition, &["reason"]);
    let unwritten = reason.contains("Reconcile") && reason.ends_with("Error");
    tree::text(condition, &["status"]) == "False" && (unwritten || ERRORS.contains(&reason))
}

fn has(condition: &Value, status: &str, reason: &str) -> bool {
    tree::text(condition, &["status"]) == status && tree::text(condition, &["reason"]) == reason
}

/// The old status says the same, whatever the message.
fn had(old: &Value, condition: &Value) -> bool {
    let text = |key| tree::text(condition, &[key]);
    let same = |c: &Value| tree::text(c, &["type"]) == text("type") && has(c, text("status"), text("reason"));
    tree::list(old, &["conditions"]).iter().any(same)
}

fn is_roll_up(condition: &Value) -> bool {
    [kind::READY, kind::WORKLOADS_READY, kind::ROUTER_READY].contains(&tree::text(condition, &["type"]))
}

fn said(condition: &Value) -> String {
    format!("{}: {}", tree::text(condition, &["type"]), tree::text(condition, &["message"]))
}

/// One event per change of readiness: none while a service comes up, or when it can't be told.
fn readiness(name: &str, old: &Value, new: &Value) -> Option<News> {
    match (ready(old), ready(new)) {
        ("True", "False") => Some(News::warning(
            "LLMInferenceServiceNotReady",
            format!("LLMInferenceService [{name}] is no longer Ready because of: {}", falses(new)),
        )),
        (old, "True") if old != "True" => {
            Some(News::normal("LLMInferenceServiceReady", format!("LLMInferenceService [{name}] is Ready")))
        }
        _ => None,
    }
}

/// Status of the Ready condition; empty when there is none.
pub fn ready(status: &Value) -> &str {
    let conditions = tree::list(status, &["conditions"]);
    let ready = conditions.iter().find(|c| tree::text(c, &["type"]) == kind::READY);
    ready.map(|c| tree::text(c, &["status"])).unwrap_or_default()
}

fn falses(status: &Value) -> String {
    let conditions = tree::list(status, &["conditions"]).iter();
    let falses =
        conditions.filter(|c| tree::text(c, &["status"]) == "False").map(|c| tree::text(c, &["type"]));
    falses.filter(|of| *of != conditions::kind::READY).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(conditions: &[(&str, &str, &str, &str)]) -> Value {
        let all: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason, message)| {
                json!({"type": kind, "status": status, "reason": reason, "message": message})
            })
            .collect();
        json!({"conditions": all})
    }

    fn readies(ready: &str) -> Value {
        status(&[("Ready", ready, "", ""), ("WorkloadsReady", ready, "", "")])
    }

    #[test]
    fn readiness_and_its_loss_are_told_and_nothing_else_about_it() {
        // G-5
        let (up, down, unknown) = (readies("True"), readies("False"), readies("Unknown"));
        let is_ready = News::normal("LLMInferenceServiceReady", "LLMInferenceService [m] is Ready");
        assert_eq!(of("m", &down, &up), [is_ready]);
        let why = "LLMInferenceService [m] is no longer Ready because of: WorkloadsReady";
        assert_eq!(of("m", &up, &down), [News::warning("LLMInferenceServiceNotReady", why)]);
        for (old, new) in [(&up, &unknown), (&up, &up), (&Value::Null, &down)] {
            assert_eq!(of("m", old, new), []);
        }
    }

    #[test]
    fn what_could_not_be_done_is_told_once_for_each_part_and_reason() {
        // G-5
        let main = ("MainWorkloadReady", "False", "ReconcileSingleNodeWorkloadError", "forbidden");
        let rolled = ("WorkloadsReady", "False", "ReconcileSingleNodeWorkloadError", "forbidden");
        let routes = ("HTTPRoutesReady", "False", "RefsInvalid", "Gateway a/b not found");
        let failed = status(&[main, rolled]);
        let error = |what: &str| News::warning("Error", format!("Reconciliation failed: {what}"));
        assert_eq!(of("m", &Value::Null, &failed), [error("MainWorkloadReady: forbidden")]);
        let both = status(&[main, routes]);
        assert_eq!(of("m", &failed, &both), [error("HTTPRoutesReady: Gateway a/b not found")]);
        let other_words = status(&[("MainWorkloadReady", "False", main.2, "other words"), routes]);
        assert_eq!(of("m", &both, &other_words), []);
        assert_eq!(of("m", &other_words, &status(&[])), []);
    }

    #[test]
    fn waiting_and_stopping_are_no_errors() {
        for reason in ["Progressing", "Stopped", "WaitingForGateway", "GatewaysNotReady"] {
            assert_eq!(of("m", &Value::Null, &status(&[("GatewaysReady", "False", reason, "x")])), []);
        }
    }

    #[test]
    fn some_reasons_are_told_by_their_names_and_when_they_begin() {
        // G-5
        let all = [
            ("ScalingReady", "False", "ScalingCRDNotFound", "install KEDA"),
            ("GroupDegraded", "True", "MemberDivergence", "b serves another model"),
            ("ModelNameCollision", "True", "ModelNameCollision", "b has the name, too"),
        ];
        let told = of("m", &Value::Null, &status(&all));
        assert_eq!(told, all.map(|(_, _, reason, message)| News::warning(reason, message)));
        assert_eq!(of("m", &status(&all), &status(&all)), []);
    }
}
