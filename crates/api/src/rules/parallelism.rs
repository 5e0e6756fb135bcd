//! Parallelism (P).

use super::{Found, Rule};
use crate::v1alpha2::{Parallelism, Workload};

const NEEDS: &str = "when worker is specified, parallelism must be configured";

pub(super) fn check(base: &str, workload: &Workload, found: &mut Found) {
    let worker = workload.worker.is_some();
    let Some(parallelism) = &workload.parallelism else {
        let message =
            format!("{NEEDS}: set {base}.parallelism.pipeline, or data and dataLocal, or remove worker");
        return found.add_if(worker, Rule::P1, format!("{base}.worker"), message);
    };
    // One tensor-parallel stage may span nodes too: how many follows from the accelerators of a pod.
    let spans = parallelism.tensor.is_some_and(|tensor| tensor > 1);
    let spread = spans || parallelism.is_data_parallel() || parallelism.is_pipeline_parallel();
    let message = format!(
        "{NEEDS} with pipeline, with data and dataLocal, or with a tensor that spans nodes: it has {}",
        shown(parallelism)
    );
    found.add_if(worker && !spread, Rule::P2, format!("{base}.worker"), message);
    check_pairs(base, parallelism, found);
    for (rule, name, value) in [
        (Rule::P6, "pipeline", parallelism.pipeline),
        (Rule::P7, "data", parallelism.data),
        (Rule::P8, "dataLocal", parallelism.data_local),
    ] {
        if let Some(value) = value.filter(|v| *v <= 0) {
            found.add(
                rule,
                format!("{base}.parallelism.{name}"),
                format!("{name} must be greater than 0, not {value}"),
            );
        }
    }
}

fn check_pairs(base: &str, parallelism: &Parallelism, found: &mut Found) {
    let both = parallelism.is_data_parallel() && parallelism.is_pipeline_parallel();
    let message = format!(
        "cannot set both pipeline parallelism and data parallelism: it has {}; keep one of them",
        shown(parallelism)
    );
    found.add_if(both, Rule::P3, format!("{base}.parallelism"), message);
    match (parallelism.data, parallelism.data_local) {
        (Some(data), None) => {
            let message =
                format!("dataLocal must be set when data is set: data is {data}, say how many per node");
            found.add(Rule::P4, format!("{base}.parallelism.dataLocal"), message);
        }
        (None, Some(local)) => {
            let message =
                format!("data must be set when dataLocal is set: dataLocal is {local}, say how many in all");
            found.add(Rule::P5, format!("{base}.parallelism.data"), message);
        }
        _ => {}
    }
}

fn shown(parallelism: &Parallelism) -> String {
    let members = [
        ("tensor", parallelism.tensor),
        ("pipeline", parallelism.pipeline),
        ("data", parallelism.data),
        ("dataLocal", parallelism.data_local),
    ];
    let set: Vec<String> = members.iter().filter_map(|(name, v)| Some(format!("{name} {}", (*v)?))).collect();
    if set.is_empty() { "none of them".to_owned() } else { set.join(", ") }
}
