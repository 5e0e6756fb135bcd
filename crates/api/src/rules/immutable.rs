//! What an update may not change (I), and what it should know (`reference/api.md §5.7`).

use super::{Found, Rule, Violation};
use crate::v1alpha2::{LlmInferenceServiceSpec, Parallelism, Workload};

/// The size of a group cannot change. A workload that gets or loses its groups is handed over to one of another kind,
/// which KServe refuses for its size (edge 22).
pub fn check(old: &LlmInferenceServiceSpec, new: &LlmInferenceServiceSpec) -> Vec<Violation> {
    let mut found = Found::default();
    check_size(Rule::I1, "spec", &old.workload, &new.workload, &mut found);
    if let (Some(old), Some(new)) = (&old.prefill, &new.prefill) {
        check_size(Rule::I2, "spec.prefill", old, new, &mut found);
    }
    found.0
}

fn check_size(rule: Rule, base: &str, old: &Workload, new: &Workload, found: &mut Found) {
    if old.worker.is_none() || new.worker.is_none() {
        return;
    }
    let (before, after) = (size(old.parallelism.as_ref()), size(new.parallelism.as_ref()));
    let message = format!(
        "total parallelism size is immutable, previous size {before}, curr size {after}: make another service for \
         another size"
    );
    found.add_if(before != after, rule, format!("{base}.parallelism"), message);
}

/// Pods in a group (`reference/api.md §8.2`), rounded up as the groups are; 1 without parallelism over nodes.
pub fn size(parallelism: Option<&Parallelism>) -> i32 {
    let Some(sizes) = parallelism else { return 1 };
    if sizes.is_data_parallel() {
        let local = sizes.data_local.unwrap_or(1).max(1);
        let data = sizes.data.unwrap_or(1).max(1);
        return data / local + i32::from(data % local != 0);
    }
    sizes.pipeline.filter(|stages| *stages > 0).unwrap_or(1)
}

/// Changes that the reference lets pass without a word although they replace every pod (edge 22).
pub fn warnings(old: &LlmInferenceServiceSpec, new: &LlmInferenceServiceSpec) -> Vec<Violation> {
    let mut found = Found::default();
    let prefill = old.prefill.as_ref().zip(new.prefill.as_ref());
    let pairs = [("spec", Some((&old.workload, &new.workload))), ("spec.prefill", prefill)];
    for (base, pair) in pairs {
        let Some((old, new)) = pair else { continue };
        let layout = |w: &Workload| w.parallelism.as_ref().map(Parallelism::is_pipeline_parallel);
        let worker = old.worker.is_some() != new.worker.is_some();
        let message = "adding or removing worker replaces the workload by one of another kind: the old pods serve \
                       until the new ones are ready, so there must be room for both";
        found.add_if(worker, Rule::N1, format!("{base}.worker"), message);
        let turned = !worker && new.worker.is_some() && layout(old) != layout(new);
        let message = "another kind of parallelism over the nodes replaces every pod of the groups";
        found.add_if(turned, Rule::N1, format!("{base}.parallelism"), message);
    }
    let changed = old.prefill.is_some() != new.prefill.is_some();
    let message = "adding or removing prefill rolls the main workload too, which changes its role";
    found.add_if(changed, Rule::N1, "spec.prefill", message);
    found.0
}
