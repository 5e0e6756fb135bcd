//! What is said about the fit.

use std::fmt;

use super::{Fit, Verdict};
use crate::pass::Finding;
use crate::valid::{Position, Role, ValidService, Workload};

/// Something to know that is neither wrong nor doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where, and what.
    pub finding: Finding,
    /// Whether it is good news.
    pub verdict: Verdict,
}

/// What is said about the workloads of a service; a leader and workers that are alike are told once.
pub fn notes(service: &ValidService) -> Vec<Note> {
    let workloads = [Some(&service.decode), service.prefill.as_ref()];
    workloads.into_iter().flatten().flat_map(of_workload).collect()
}

fn of_workload(workload: &Workload) -> Vec<Note> {
    let base = if workload.role == Role::Prefill { "spec.prefill" } else { "spec" };
    let field = |position| if position == Position::Worker { "worker" } else { "template" };
    let known = workload.templates().filter_map(|template| Some((template.position, template.fit.as_ref()?)));
    let mut known: Vec<(Position, &Fit)> = known.collect();
    known.dedup_by_key(|(_, fit)| *fit);
    let note = |(position, fit): (Position, &Fit)| Note {
        finding: Finding::new(format!("{base}.{}", field(position)), fit.to_string()),
        verdict: fit.verdict(),
    };
    known.into_iter().map(note).collect()
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices = format!("{} × {} GiB", self.devices, gib(self.device.memory.into()));
        write!(
            f,
            "the weights take about {} GiB ({}), ",
            gib(self.weights.bytes.into()),
            self.weights.source
        )?;
        let left = gib(self.left.saturating_abs());
        match self.verdict() {
            Verdict::Fits => write!(f, "{devices} hold them and leave about {left} GiB for the KV cache"),
            Verdict::Tight => write!(
                f,
                "{devices} hold them and leave only about {left} GiB for the KV cache: with more or larger \
                 accelerators more requests run at once"
            ),
            Verdict::TooLarge => write!(
                f,
                "which do not fit into {devices}, of which vLLM uses {} GiB (--gpu-memory-utilization {}): about {left} \
                 GiB are missing; take more or larger accelerators, or quantized weights",
                gib(self.usable()),
                decimal(self.utilization)
            ),
        }
    }
}

/// Rounded, with a digit after the point where the number is small.
fn gib(bytes: i128) -> String {
    let tenths = bytes.saturating_mul(10).saturating_add(1 << 29) >> 30;
    if tenths >= 100 { ((tenths + 5) / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

fn decimal(thousandths: i64) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
