//! Pods that the API server did not let be created, as the workload's own condition tells.

use llmisvc_api::conditions::reason;

use super::Cause;
use super::text::clean;

/// The cause in the message of a condition `ReplicaFailure` that is True.
pub fn of_creation(message: &str) -> Cause {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let (reason, remedy) = if has(&["exceeded quota", "insufficient quota"]) {
        (reason::QUOTA_EXCEEDED, "raise the ResourceQuota of the namespace, or ask for less")
    } else if has(&["serviceaccount \"", "error looking up service account"]) {
        (reason::POD_CREATION_FAILED, "create the ServiceAccount, or name another")
    } else if has(&["admission webhook", "denied", "violates PodSecurity", "forbidden"]) {
        (reason::ADMISSION_DENIED, "change what the policy refuses, or the policy")
    } else {
        (reason::POD_CREATION_FAILED, "the message is the API server's")
    };
    Cause { reason, message: format!("pods can't be created: {}; {remedy}", clean(message)) }
}
