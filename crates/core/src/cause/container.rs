//! The trouble of one container, by its state and how it ended last.

use super::download;
use super::text::{after_colon, clean, last_line};
use super::why::Why;
use crate::pods::shown::{Container, ContainerStatus, Terminated, Waiting};
use crate::quantity;
use crate::validate::storage::CONTAINER as DOWNLOAD;

/// Checks that the image of a model holds one (`reference/workloads.md §9.6`).
const MODELCAR_CHECK: &str = "modelcar-init";

/// A container with its spec, where the spec has it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) spec: Option<&'a Container>,
    pub(super) status: &'a ContainerStatus,
}

/// What is wrong with it.
pub(super) fn judge(seen: Seen<'_>) -> Option<(Why, String)> {
    let status = seen.status;
    let last = status.state.terminated.as_ref().or(status.last_state.terminated.as_ref());
    let ended = || last.and_then(|last| end(seen, last));
    match (&status.state.waiting, status.state.running.is_some()) {
        (Some(waiting), _) => waits(seen, waiting).or_else(ended),
        (None, true) => runs(seen).or_else(|| if status.ready { None } else { ended() }),
        (None, false) => ended(),
    }
}

fn waits(seen: Seen<'_>, waiting: &Waiting) -> Option<(Why, String)> {
    let image = &seen.status.image;
    let message = clean(&waiting.message);
    match waiting.reason.as_str() {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ImageInspectError"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => {
            let why = pull_error(&waiting.message);
            Some((Why::Image, format!("image {image} can't be pulled{}", after_colon(&why))))
        }
        "CreateContainerConfigError" => {
            Some((Why::Config, format!("can't be created{}", after_colon(&message))))
        }
        "CreateContainerError" | "RunContainerError" | "PreStartHookError" | "PostStartHookError" => {
            Some((Why::Start, format!("can't be started{}", after_colon(&message))))
        }
        _ => None,
    }
}

/// The message without what only says that it is tried again later, so that it stays the same between tries.
fn pull_error(message: &str) -> String {
    let waits = message.starts_with("Back-off pulling image");
    let told = message.split_once("ErrImagePull: ").map(|(_, told)| told);
    clean(told.unwrap_or(if waits { "" } else { message }))
}

/// It got past its startup probe, so its last end is overcome.
fn runs(seen: Seen<'_>) -> Option<(Why, String)> {
    let (status, spec) = (seen.status, seen.spec?);
    let started = status.started == Some(true) && !status.ready && spec.has_readiness_probe();
    let recovered = spec.has_startup_probe() || status.last_state.terminated.is_none();
    (started && recovered).then(|| (Why::Unready, "runs, but its readiness probe fails".to_owned()))
}

fn end(seen: Seen<'_>, last: &Terminated) -> Option<(Why, String)> {
    let over = seen.status.state.terminated.is_some() && seen.status.restart_count == 0;
    match last.reason.as_str() {
        // A node that was restarted says so of containers that it knows nothing about any more.
        "ContainerStatusUnknown" | "Unknown" => None,
        "Completed" if over => None,
        "OOMKilled" => Some((Why::Memory, memory(seen))),
        "StartError" | "ContainerCannotRun" => {
            Some((Why::Start, format!("can't be started{}", after_colon(&clean(&last.message)))))
        }
        _ => Some(exit(seen, last)),
    }
}

fn memory(seen: Seen<'_>) -> String {
    let limit = seen.spec.and_then(|spec| spec.resources.limits.get("memory"));
    let limit = limit.and_then(|limit| quantity::sum(&(limit.0 / 1000).to_string(), "0"));
    match limit {
        Some(limit) => format!("was killed at its memory limit of {limit}{}", restarts(seen)),
        None => {
            format!("has no memory limit and was killed because its node ran out of memory{}", restarts(seen))
        }
    }
}

fn exit(seen: Seen<'_>, last: &Terminated) -> (Why, String) {
    let (code, again) = (last.exit_code, restarts(seen));
    if [DOWNLOAD, MODELCAR_CHECK].contains(&seen.status.name.as_str()) {
        let line = download::telling_line(&last.message).map_or_else(|| last_line(&last.message), clean);
        let detail = format!("failed with exit code {code}{again}{}", after_colon(&line));
        return (download::kind(&last.message), detail);
    }
    let by_probe = [137, 143].contains(&code) && seen.spec.is_some_and(Container::is_ended_by_probes);
    if by_probe {
        let detail =
            format!("was ended with exit code {code}{again}, as a failed liveness or startup probe does");
        return (Why::Probe, detail);
    }
    (Why::Crash, format!("exited with code {code}{again}{}", after_colon(&last_line(&last.message))))
}

fn restarts(seen: Seen<'_>) -> String {
    match seen.status.restart_count {
        ..=0 => String::new(),
        1 => " (1 restart)".to_owned(),
        many => format!(" ({many} restarts)"),
    }
}
