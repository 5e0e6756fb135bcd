//! Pods that the API server did not let be created, as the workload's own condition tells.

use llmisvc_api::conditions::reason;

use super::Cause;
use super::text::clean;

/// The reason of what the API server refuses because of a quota or a policy, by what it says.
pub fn policy(message: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["exceeded quota", "insufficient quota"]) {
        Some(reason::QUOTA_EXCEEDED)
    } else {
        let denied =
            has(&["admission webhook", "denied the request", "denied request", "violates PodSecurity"]);
        denied.then_some(reason::ADMISSION_DENIED)
    }
}

/// The cause in the message of a condition `ReplicaFailure` that is True.
pub fn of_creation(message: &str) -> Cause {
    let of_account = message.contains("service account");
    let forbidden = message.contains("forbidden") && !of_account;
    let policy = policy(message).or_else(|| forbidden.then_some(reason::ADMISSION_DENIED));
    let reason = policy.unwrap_or(reason::POD_CREATION_FAILED);
    let remedy = match reason {
        reason::QUOTA_EXCEEDED => "raise the ResourceQuota of the namespace, or ask for less",
        reason::ADMISSION_DENIED => "change what the policy refuses, or the policy",
        _ if of_account => "create the ServiceAccount, or name another",
        _ => "the message is the API server's",
    };
    Cause { reason, message: format!("pods can't be created: {}; {remedy}", clean(message)) }
}
