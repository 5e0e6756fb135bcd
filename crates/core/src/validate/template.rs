//! One pod template of a workload, read and completed with what is decided about it.

use llmisvc_api::v1alpha2::Parallelism;
use serde_json::Value;

use super::accelerator::Server;
use super::account::Account;
use super::problem::Problem;
use super::scope::Scope;
use super::storage::Target;
use super::{accelerator, dra, fit, flags, identity, kv_cache, lora, parallelism, running, storage, tracing};
use crate::build::argv::{self, ExtraArgs, Flags, Spread, Version};
use crate::build::features::{self, Features};
use crate::build::sidecar;
use crate::facts::Answer;
use crate::valid::{PodTemplate, Position, Role};
use crate::{labels, tree};

/// A pod that was read, and the account it runs under.
pub struct Draft {
    /// Its spec, with a container `main`.
    pub pod: Value,
    /// `serviceAccountName`.
    pub account: Option<String>,
}

/// What the templates of a workload share.
pub struct Shared<'a> {
    /// Its parallelism.
    pub sizes: &'a Parallelism,
    /// How its ranks are spread over a group.
    pub spread: Option<Spread>,
    /// Where downloads get their credentials: the account and its object.
    pub credentials: (&'a Account, &'a Answer),
}

/// Completes a template. None when something blocks.
pub fn template(scope: &mut Scope<'_, '_>, draft: Draft, shared: &Shared<'_>) -> Option<PodTemplate> {
    let Draft { pod, account } = draft;
    let main = tree::named(tree::list(&pod, &["containers"]), "main")?;
    let live = running::pod(scope);
    let composed_for = composed_for(scope, main);
    let extra_args = flags::extra_args(scope, main, composed_for.is_some());
    let words = flags::user_words(main, &extra_args);
    let added = flags::added(scope, composed_for.is_some());
    let world = parallelism::world(shared.sizes, shared.spread, &words);
    let server = Server { pod: &pod, world: &world, pods: argv::pods(shared.spread), live };
    let accelerators = accelerator::accelerators(scope, server);
    let (from, answer) = shared.credentials;
    let from = (from.name().unwrap_or("default"), answer);
    let weights = storage::weights(&mut scope.site(), &pod, Target::SERVER, from, live)?;
    let sidecar = has_sidecar(scope, &pod);
    let kv_cache = kv_cache::kv_cache(scope, main, composed_for.as_deref(), &words, &added.concat());
    let tracing = tracing::tracing(scope, main, composed_for.is_some());
    dra::check(scope, &pod);
    let flags = [added.concat(), words].concat();
    let resource = accelerators.as_ref().map(|(resource, _)| resource.as_str());
    let about = fit::About { pod: &pod, flags: &flags, sizes: shared.sizes, added: resource };
    let is_known = composed_for.is_some() && extra_args != ExtraArgs::FromReference;
    let fit = is_known.then(|| fit::fit(scope, &about)).flatten();
    let (position, spread) = (scope.position, shared.spread);
    let bare = PodTemplate { added, kv_cache, tracing, fit, ..PodTemplate::bare(position, pod) };
    let template =
        PodTemplate { account, composed_for, accelerators, weights, extra_args, sidecar, spread, ..bare };
    check_composed(scope, &template, shared.sizes);
    lora::check(scope, &template);
    Some(template)
}

/// A routing sidecar stands in front of vLLM.
pub fn has_sidecar(scope: &Scope<'_, '_>, pod: &Value) -> bool {
    let init = tree::list(pod, &["initContainers"]);
    scope.role != Role::Prefill && tree::named(init, sidecar::CONTAINER).is_some()
}

/// The vLLM version, when the command is our preset's. An upstream image says its own version in its tag.
pub fn composed_for(scope: &mut Scope<'_, '_>, main: &Value) -> Option<String> {
    let preset = tree::text(scope.spec, &["annotations", labels::VLLM_VERSION]);
    if preset.is_empty() || argv::words(main, "command") != argv::PRESET_COMMAND {
        return None;
    }
    if Version::parse(preset).is_none() {
        let field = format!("annotations[{}]", labels::VLLM_VERSION);
        scope.error(&field, &Problem::Version { got: preset.to_owned() });
    }
    Some(tagged_version(tree::text(main, &["image"])).unwrap_or(preset).to_owned())
}

fn tagged_version(image: &str) -> Option<&str> {
    let (repository, tag) = image.rsplit('/').next()?.split('@').next()?.split_once(':')?;
    let version = tag.strip_prefix('v').filter(|version| Version::parse(version).is_some());
    version.filter(|_| repository.starts_with("vllm-openai"))
}

fn check_composed(scope: &mut Scope<'_, '_>, template: &PodTemplate, sizes: &Parallelism) {
    let ctx = scope.ctx;
    let model = identity::model_name(ctx.id, ctx.spec);
    let features = features::features(scope.role, template);
    let about = About {
        model: &model,
        namespace: &ctx.id.namespace,
        tls: ctx.inputs.settings.tls,
        parallelism: sizes,
        features: &features,
    };
    let main = tree::named(tree::list(&template.pod, &["containers"]), "main");
    if let (Some(flags), Some(main)) = (compose_flags(template, &about), main) {
        flags::check(scope, &flags, &flags::user_words(main, &template.extra_args));
    }
}

/// What the flags of all templates of a workload depend on.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Name that requests use for the model.
    pub model: &'a str,
    /// Namespace of the service.
    pub namespace: &'a str,
    /// Components talk TLS.
    pub tls: bool,
    /// Parallelism of the workload.
    pub parallelism: &'a Parallelism,
    /// What further features add.
    pub features: &'a Features,
}

/// What the generated flags depend on; none for a foreign command.
pub fn compose_flags<'a>(template: &'a PodTemplate, about: &About<'a>) -> Option<Flags<'a>> {
    let version = Version::parse(template.composed_for.as_deref()?)?;
    let grace = tree::get(&template.pod, &["terminationGracePeriodSeconds"]).and_then(Value::as_i64);
    Some(Flags {
        model: about.model,
        namespace: about.namespace,
        port: template.port(),
        version,
        grace: grace.unwrap_or(60),
        tls: about.tls,
        parallelism: *about.parallelism,
        kv_transfer: about.features.kv_transfer.as_deref(),
        api_servers: &about.features.api_servers,
        features: &about.features.flags,
        added: &template.added,
        worker: template.position == Position::Worker,
        spread: template.spread,
    })
}
