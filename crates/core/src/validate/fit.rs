//! What is known of a pod's weights and of the memory for them.

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use super::accelerator::{annotation, extended, has_claims};
use super::problem::Problem;
use super::scope::Scope;
use super::{dra, parallelism};
use crate::accelerator::{self, is_accelerator, memory, tpu};
use crate::build::argv;
use crate::fit::{self, Device, Fit, Ranks, Weights};
use crate::labels::{ACCELERATOR_MEMORY, MODEL_WEIGHTS};
use crate::{quantity, tree};

/// A pod template, as far as the fit depends on it.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// Its spec.
    pub pod: &'a Value,
    /// vLLM's flags, as far as configs and the user give them.
    pub flags: &'a [String],
    /// Its parallelism.
    pub sizes: &'a Parallelism,
    /// The accelerators that are added to it.
    pub added: Option<&'a str>,
}

/// Whether the weights fit, where size and memory are known, and how vLLM is started.
pub fn fit(scope: &mut Scope<'_, '_>, about: &About<'_>) -> Option<Fit> {
    let (given, memory) = (size(scope, MODEL_WEIGHTS), size(scope, ACCELERATOR_MEMORY));
    // What lies in the host's memory takes none of the accelerator's.
    if argv::value_of(about.flags, "cpu-offload-gb").is_some() {
        return None;
    }
    let resource = resource(scope, about)?;
    let weights = match given {
        Some(bytes) => Weights { bytes, common: None, source: format!("as {MODEL_WEIGHTS} says") },
        None => by_name(scope, about.flags)?,
    };
    let memory = memory.or_else(|| memory::of_device(&resource, about.pod))?;
    let ranks = match resource.as_str() {
        accelerator::TPU => tpu::cores(about.pod),
        other => accelerator::ranks(other, about.pod).first().copied().unwrap_or(1),
    };
    let device = Device { memory, ranks };
    fit::estimate(weights, ranks_of(about), device, fit::utilization(about.flags))
}

/// A size that an annotation gives.
fn size(scope: &mut Scope<'_, '_>, key: &str) -> Option<u64> {
    let got = annotation(scope, key)?;
    let bytes = quantity::nanos(&got).and_then(|nanos| u64::try_from(nanos / 1_000_000_000).ok());
    let bytes = bytes.filter(|bytes| *bytes > 0);
    if bytes.is_none() {
        scope.warn_once(&format!("metadata.annotations[{key}]"), &Problem::NoSize { got });
    }
    bytes
}

/// What holds the weights: what `main` asks for, what is added to it, or what it claims.
fn resource(scope: &Scope<'_, '_>, about: &About<'_>) -> Option<String> {
    let main = tree::named(tree::list(about.pod, &["containers"]), "main")?;
    let own = extended(main).into_iter().find(|(name, _)| is_accelerator(name)).map(|(name, _)| name.clone());
    let claimed = || {
        let class = dra::claims(scope.ctx).current.map(|template| template.devices.class);
        let known = class.as_deref().and_then(accelerator::of_class).map(|kind| kind.resource.to_owned());
        has_claims(scope, about.pod, main).then(|| known.unwrap_or_default())
    };
    own.or_else(|| about.added.map(str::to_owned)).or_else(claimed)
}

/// Where the model lies tells more than what it is called in requests.
fn by_name(scope: &Scope<'_, '_>, flags: &[String]) -> Option<Weights> {
    let model = |key| tree::text(scope.ctx.spec, &["model", key]);
    fit::weights(model("uri"), flags).or_else(|| fit::weights(model("name"), flags))
}

fn ranks_of(about: &About<'_>) -> Ranks {
    let [tensor, pipeline, data] = parallelism::given(about.sizes, about.flags).map(|size| size.unwrap_or(1));
    let by_flag = about.flags.iter().any(|word| word.replace('_', "-") == "--enable-expert-parallel");
    let expert = about.sizes.expert == Some(true) || by_flag;
    Ranks { copy: tensor.saturating_mul(pipeline), data, expert }
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
