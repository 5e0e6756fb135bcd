//! The cluster's CA bundle, copied beside the services whose downloads use it (`reference/workloads.md §9.10`).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::facts::{Answer, Cluster, Key, Ref, Seen};
use crate::names;
use crate::object::Object;
use crate::pass::Finding;
use crate::settings::Settings;
use crate::tree;
use crate::validate::storage::GLOBAL_CA_BUNDLE;
use crate::workloads::templates;

/// The key that holds the certificates.
pub const FILE: &str = "cabundle.crt";
/// Member of the answer to [`Key::CaBundle`].
const HASH: &str = "sha256";

/// A copy that is missing or out of date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The ConfigMap with the certificates.
    pub from: Ref,
    /// The ConfigMap that pods mount. It has no owner, since services share it, and nobody deletes it.
    pub to: Ref,
}

/// The answer to [`Key::CaBundle`]: a hash, since bundles are large and only compared. An empty file is none.
pub fn reduce(config_map: &Value) -> Value {
    let text = tree::text(config_map, &["data", FILE]);
    if text.is_empty() { json!({}) } else { json!({HASH: names::hex(&Sha256::digest(text))}) }
}

/// What has to be copied so that the downloads among `objects` can start, or why it can't be.
pub fn copy(
    seen: &Seen,
    settings: &Settings,
    cluster: &Cluster,
    namespace: &str,
    objects: &[Object],
) -> Result<Option<Copy>, Finding> {
    let configured = settings.storage.ca_bundle_config_map.as_deref().filter(|name| !name.is_empty());
    let Some(configured) = configured.filter(|_| objects.iter().any(mounts_copy)) else { return Ok(None) };
    let from = Ref::new(&cluster.system_namespace, configured);
    let to = Ref::new(namespace, GLOBAL_CA_BUNDLE);
    if from == to {
        return Ok(None);
    }
    let wanted = match seen.get(&Key::CaBundle(from.clone())) {
        Answer::Found(bundle) => tree::text(bundle, &[HASH]).to_owned(),
        Answer::Absent => String::new(),
        Answer::Unreadable(reason) => return Err(finding(&format!("{from} could not be read ({reason})"))),
    };
    if wanted.is_empty() {
        return Err(finding(&format!("{from} has no key {FILE}, or is missing")));
    }
    match seen.get(&Key::CaBundle(to.clone())) {
        Answer::Found(bundle) if tree::text(bundle, &[HASH]) == wanted => Ok(None),
        Answer::Unreadable(reason) => Err(finding(&format!("{to} could not be read ({reason})"))),
        _ => Ok(Some(Copy { from, to })),
    }
}

fn finding(what: &str) -> Finding {
    let message = format!(
        "storageInitializer.caBundleConfigMapName: {what}: downloads that start now wait for the copy \
         {GLOBAL_CA_BUNDLE} in their namespace"
    );
    Finding::new("ConfigMap", message)
}

/// A pod of this object mounts the copy.
fn mounts_copy(object: &Object) -> bool {
    let mut volumes = templates(&object.body).flat_map(|template| tree::list(template, &["spec", "volumes"]));
    volumes.any(|volume| tree::text(volume, &["configMap", "name"]) == GLOBAL_CA_BUNDLE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::validate::fixture::{Fixture, fixture, spec, with};

    /// A service that downloads, in a cluster with a bundle.
    fn downloading() -> Fixture {
        let mut fixture = fixture(with(spec(), "/model/uri", json!("hf://org/m")));
        fixture.settings.storage.ca_bundle_config_map = Some("company-ca".to_owned());
        fixture
    }

    fn source() -> Ref {
        Ref::new("kserve", "company-ca")
    }

    fn target() -> Ref {
        Ref::new("ns", GLOBAL_CA_BUNDLE)
    }

    fn bundle(text: &str) -> Value {
        reduce(&json!({"data": {FILE: text}}))
    }

    fn asked(fixture: &Fixture) -> Result<Option<Copy>, String> {
        let objects = fixture.objects();
        copy(&fixture.seen, &fixture.settings, &Cluster::default(), "ns", &objects)
            .map_err(|finding| finding.to_string())
    }

    #[test]
    fn a_missing_and_an_old_copy_are_made_and_a_current_one_is_left_alone() {
        let mut fixture = downloading();
        fixture.answer(Key::CaBundle(source()), bundle("new"));
        let expected = Copy { from: source(), to: target() };
        assert_eq!(asked(&fixture), Ok(Some(expected.clone())));
        fixture.answer(Key::CaBundle(target()), bundle("old"));
        assert_eq!(asked(&fixture), Ok(Some(expected)));
        fixture.answer(Key::CaBundle(target()), bundle("new"));
        assert_eq!(asked(&fixture), Ok(None));
    }

    #[test]
    fn nothing_is_asked_for_a_service_that_downloads_nothing() {
        let mut fixture = downloading();
        fixture.service["spec"]["model"]["uri"] = json!("pvc://claim/m");
        assert_eq!(asked(&fixture), Ok(None));
        assert!(!fixture.seen.take_open().iter().any(|key| matches!(key, Key::CaBundle(_))));
    }

    #[test]
    fn both_pods_of_a_group_count() {
        let mut fixture = downloading();
        fixture.service["spec"]["worker"] = spec()["template"].clone();
        fixture.service["spec"]["parallelism"] = json!({"pipeline": 2});
        fixture.answer(Key::CaBundle(source()), bundle("new"));
        assert_eq!(asked(&fixture), Ok(Some(Copy { from: source(), to: target() })));
    }

    #[test]
    fn a_bundle_that_is_missing_empty_or_unreadable_is_named() {
        let mut fixture = downloading();
        let expected = |what: &str| {
            let rest = "downloads that start now wait for the copy global-ca-bundle in their namespace";
            Err(format!("ConfigMap: storageInitializer.caBundleConfigMapName: {what}: {rest}"))
        };
        let missing = expected("kserve/company-ca has no key cabundle.crt, or is missing");
        assert_eq!(asked(&fixture), missing);
        fixture.answer(Key::CaBundle(source()), bundle(""));
        assert_eq!(asked(&fixture), missing);
        fixture.seen.insert(Key::CaBundle(source()), Answer::Unreadable("timeout".to_owned()));
        assert_eq!(asked(&fixture), expected("kserve/company-ca could not be read (timeout)"));
        fixture.seen.insert(Key::CaBundle(source()), Answer::Found(Arc::new(bundle("new"))));
        fixture.seen.insert(Key::CaBundle(target()), Answer::Unreadable("timeout".to_owned()));
        assert_eq!(asked(&fixture), expected("ns/global-ca-bundle could not be read (timeout)"));
    }
}
