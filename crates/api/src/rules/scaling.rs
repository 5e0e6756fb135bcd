//! Autoscaling (SC).

use super::{Found, Rule, workloads};
use crate::v1alpha2::{KedaSettings, LlmInferenceServiceSpec, Scaling, Workload, Wva};

pub(super) fn check(spec: &LlmInferenceServiceSpec, found: &mut Found) {
    for (base, workload) in workloads(spec) {
        check_workload(base, workload, found);
    }
    let prefill = spec.prefill.as_ref().and_then(|p| p.scaling.as_ref());
    if let (Some(decode), Some(prefill)) = (&spec.workload.scaling, prefill) {
        check_consistency(decode, prefill, found);
    }
}

fn check_workload(base: &str, workload: &Workload, found: &mut Found) {
    let Some(scaling) = &workload.scaling else { return };
    let at = format!("{base}.scaling");
    if let Some(replicas) = workload.replicas {
        let message = format!(
            "scaling and replicas are mutually exclusive: {base}.replicas is {replicas}, remove one of them"
        );
        found.add(Rule::SC1, at.as_str(), message);
    }
    if let (Some(min), Some(max)) = (scaling.min_replicas, scaling.max_replicas) {
        let message = format!("minReplicas ({min}) cannot exceed maxReplicas ({max})");
        found.add_if(min > max, Rule::SC2, format!("{at}.minReplicas"), message);
    }
    match (&scaling.wva, &scaling.keda) {
        (Some(_), Some(_)) => {
            found.add(Rule::SC3, at, "wva and keda are mutually exclusive: remove one of them");
        }
        (None, None) => found.add(Rule::SC4, at, "either wva or keda must be specified"),
        (Some(wva), None) => check_wva(&at, scaling, wva, found),
        (None, Some(keda)) => {
            let none = keda.triggers.as_deref().unwrap_or_default().is_empty();
            let message = "at least one trigger is required: add one, or use wva";
            found.add_if(none, Rule::SC5, format!("{at}.keda.triggers"), message);
            check_keda(&at, "keda", scaling, &keda.settings, found);
        }
    }
}

fn check_wva(at: &str, scaling: &Scaling, wva: &Wva, found: &mut Found) {
    let path = format!("{at}.wva");
    let (hpa, keda) = (wva.hpa.is_some(), wva.keda.as_ref());
    found.add_if(
        hpa && keda.is_some(),
        Rule::SC9,
        path.as_str(),
        "hpa and keda are mutually exclusive: remove one of them",
    );
    found.add_if(!hpa && keda.is_none(), Rule::SC10, path.as_str(), "either hpa or keda must be specified");
    if let Some(cost) = wva.variant_cost.as_deref().filter(|c| !c.is_empty() && !is_number(c)) {
        let message =
            format!("variantCost must be a non-negative numeric string such as \"10.0\", not \"{cost}\"");
        found.add(Rule::SC11, format!("{path}.variantCost"), message);
    }
    if let Some(keda) = keda {
        check_keda(at, "wva.keda", scaling, keda, found);
        check_modifiers(&path, keda, found);
    }
}

fn check_modifiers(wva: &str, keda: &KedaSettings, found: &mut Found) {
    let Some(modifiers) = keda.advanced.as_ref().and_then(|a| a.scaling_modifiers.as_ref()) else { return };
    let texts = [
        ("formula", &modifiers.formula),
        ("target", &modifiers.target),
        ("activationTarget", &modifiers.activation_target),
    ];
    let mut set: Vec<&str> =
        texts.iter().filter(|(_, t)| t.as_ref().is_some_and(|t| !t.is_empty())).map(|t| t.0).collect();
    set.extend(modifiers.metric_type.map(|_| "metricType"));
    let message = format!(
        "scalingModifiers must not be set with wva, which makes the trigger itself: remove {}",
        set.join(", ")
    );
    found.add_if(!set.is_empty(), Rule::SC12, format!("{wva}.keda.advanced.scalingModifiers"), message);
}

fn check_keda(at: &str, member: &str, scaling: &Scaling, keda: &KedaSettings, found: &mut Found) {
    let config = keda.advanced.as_ref().and_then(|a| a.horizontal_pod_autoscaler_config.as_ref());
    if let Some(name) = config.and_then(|c| c.name.as_deref()).filter(|n| !n.is_empty()) {
        let message = format!(
            "horizontalPodAutoscalerConfig.name must not be set: the operator names it; remove \"{name}\""
        );
        found.add(Rule::SC6, format!("{at}.{member}.advanced.horizontalPodAutoscalerConfig.name"), message);
    }
    // Without a stored default `minReplicas` may be absent; then 1 holds, as it does in the peer.
    let floor = scaling.floor();
    let Some(idle) = keda.idle_replica_count.filter(|idle| *idle >= floor) else { return };
    if scaling.min_replicas.is_some() {
        let message = format!("idleReplicaCount ({idle}) must be less than minReplicas ({floor})");
        found.add(Rule::SC8, format!("{at}.{member}.idleReplicaCount"), message);
    } else {
        let message = format!(
            "minReplicas is required when idleReplicaCount is set above 0: it is {floor} when absent, and \
             idleReplicaCount is {idle}"
        );
        found.add(Rule::SC7, format!("{at}.minReplicas"), message);
    }
}

/// Only what each of the two really says is compared: an incomplete one has its own finding (edge 27).
fn check_consistency(decode: &Scaling, prefill: &Scaling, found: &mut Found) {
    if let Some((x, y)) = mode(decode).zip(mode(prefill)).filter(|(x, y)| x != y) {
        let message = format!(
            "decode and prefill must use the same scaling mode; decode uses {x} but prefill uses {y}"
        );
        found.add(Rule::SC13, "spec.prefill.scaling", message);
    }
    let (decode, prefill) = (decode.wva.as_ref().and_then(actuator), prefill.wva.as_ref().and_then(actuator));
    if let Some((x, y)) = decode.zip(prefill).filter(|(x, y)| x != y) {
        let message = format!(
            "decode and prefill must use the same actuator backend; decode uses {x} but prefill uses {y}"
        );
        found.add(Rule::SC14, "spec.prefill.scaling.wva", message);
    }
}

fn mode(scaling: &Scaling) -> Option<&'static str> {
    match (&scaling.wva, &scaling.keda) {
        (Some(_), None) => Some("wva"),
        (None, Some(_)) => Some("direct keda"),
        _ => None,
    }
}

fn actuator(wva: &Wva) -> Option<&'static str> {
    match (&wva.hpa, &wva.keda) {
        (Some(_), None) => Some("hpa"),
        (None, Some(_)) => Some("keda"),
        _ => None,
    }
}

/// `^\d+(\.\d+)?$`
fn is_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, part)| digits(whole) && digits(part))
}
