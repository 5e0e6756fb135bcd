//! The kinds of trouble, their reasons and remedies.

use llmisvc_api::conditions::reason;
use serde::{Deserialize, Serialize};

/// A kind of trouble. Where pods of one workload are in several, the first of these is told: what keeps a pod from a
/// node comes before what keeps it from starting, and that before how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// It has scheduling gates.
    Gated,
    /// No node takes it.
    Unschedulable,
    /// A claim is missing or not bound.
    Volume,
    /// Its node is gone or does not answer.
    NodeLost,
    /// An image can't be pulled.
    Image,
    /// A Secret or ConfigMap that a container needs is missing, or a key in it.
    Config,
    /// A container can't be started.
    Start,
    /// The source of the model refuses access.
    Refused,
    /// The source does not have the model.
    NotFound,
    /// The model does not fit on the disk.
    DiskFull,
    /// The download failed otherwise.
    Download,
    /// Killed for its memory.
    Memory,
    /// A container ends and is started again.
    Crash,
    /// Ended by the kubelet because a probe failed.
    Probe,
    /// It runs, and its readiness probe fails.
    Unready,
    /// Its node ended or refused it.
    Evicted,
}

impl Why {
    /// The condition's reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Gated => reason::SCHEDULING_GATED,
            Self::Unschedulable => reason::UNSCHEDULABLE,
            Self::Volume => reason::VOLUME_PENDING,
            Self::NodeLost => reason::NODE_LOST,
            Self::Image => reason::IMAGE_PULL_FAILED,
            Self::Config => reason::CONTAINER_CONFIG_ERROR,
            Self::Start => reason::CONTAINER_START_FAILED,
            Self::Refused => reason::MODEL_DOWNLOAD_REFUSED,
            Self::NotFound => reason::MODEL_DOWNLOAD_NOT_FOUND,
            Self::DiskFull => reason::MODEL_DOWNLOAD_DISK_FULL,
            Self::Download => reason::MODEL_DOWNLOAD_FAILED,
            Self::Memory => reason::OUT_OF_MEMORY,
            Self::Crash => reason::CRASH_LOOP,
            Self::Probe | Self::Unready => reason::PROBE_FAILING,
            Self::Evicted => reason::EVICTED,
        }
    }

    /// It passes by itself, mostly within moments: whoever has a clock gives it time.
    pub const fn is_patient(self) -> bool {
        matches!(self, Self::Unready)
    }

    /// What to do, given the pod and the container.
    pub(super) fn remedy(self, pod: &str, container: &str) -> String {
        let logs = |of: &str| format!("see kubectl logs {pod} -c {container}{of}");
        match self {
            Self::Gated => "whoever set the gates has to admit it; with Kueue see its Workload".to_owned(),
            Self::Unschedulable => "add nodes, free what is short, or ask for less in the pod's resources, node selector and \
                                    tolerations"
                .to_owned(),
            Self::Volume => "see kubectl describe pvc".to_owned(),
            Self::NodeLost => "repair the node, or delete it so that the pod is made anew elsewhere".to_owned(),
            Self::Image => {
                "check the image's name and tag, the pod's imagePullSecrets, and the way from the node to the registry"
                    .to_owned()
            }
            Self::Config => "create what is missing, or correct the reference".to_owned(),
            Self::Start => "check the container's command and its image".to_owned(),
            Self::Refused => "check the credentials (storage Secret, HF_TOKEN) and whether they may read the model; \
                              Hugging Face answers so for repositories that do not exist, too"
                .to_owned(),
            Self::NotFound => "correct spec.model.uri (or that of the adapter): name, path and revision".to_owned(),
            Self::DiskFull => "give the model more room: a larger node disk, or a volume or claim of its own".to_owned(),
            Self::Download | Self::Unready => logs(""),
            Self::Memory => format!("raise the memory limit of container {container}, or let it use less"),
            Self::Crash => logs(" --previous"),
            Self::Probe => format!("{}; a model that loads for long needs a longer startupProbe", logs("")),
            Self::Evicted => "see kubectl describe pod; requests and limits that fit the node prevent it".to_owned(),
        }
    }
}
