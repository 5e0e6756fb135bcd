use rstest::rstest;
use serde_json::{Value, json};

use super::{Site, Target, Weights, weights};
use crate::build::storage::attach;
use crate::facts::{Answer, Key, Ref};
use crate::settings::OciMode;
use crate::validate::fixture::{Fixture, fixture, spec, with};

const NONE: [&str; 0] = [];

fn of(uri: &str) -> Fixture {
    fixture(with(spec(), "/model/uri", json!(uri)))
}

fn hf() -> Fixture {
    of("hf://org/m")
}

fn adapter(name: &str, uri: &str) -> Value {
    json!({"name": name, "uri": uri})
}

fn lora(lora: Value) -> Value {
    with(with(spec(), "/model/uri", json!("hf://org/m")), "/model/lora", lora)
}

fn uri(uri: &str) -> Value {
    with(spec(), "/model/uri", json!(uri))
}

#[rstest]
#[case::no_uri(
    with(spec(), "/model", json!({})),
    "spec.model.uri: model has no uri: set spec.model.uri, for example hf://org/model"
)]
#[case::bad_uri(
    uri("llama"),
    "spec.model.uri: \"llama\" is no model URI: expected scheme://…, for example hf://org/model"
)]
#[case::empty_uri(
    uri("hf://"),
    "spec.model.uri: \"hf://\" is no model URI: expected scheme://…, for example hf://org/model"
)]
// S-7
#[case::scheme(
    uri("abfs://container/m"),
    "spec.model.uri: unsupported scheme \"abfs\" in \"abfs://container/m\", supported: hf, s3, gs, http, https, hdfs, \
     webhdfs, modelscope, pvc, oci, oci+modelcar, oci+native"
)]
#[case::no_claim(uri("pvc:///m"), "spec.model.uri: \"pvc:///m\" names no claim: expected pvc://claim/path")]
// S-11
#[case::claim_path(
    uri("pvc://c/a/../../b"),
    "spec.model.uri: path \"a/../../b\" leaves the claim: remove \"..\""
)]
// S-4
#[case::fetch(
    uri("oci+fetch://registry/m"),
    "spec.model.uri: models in images can't be fetched by the download container: use oci+modelcar:// or oci+native://"
)]
#[case::mount_taken(
    with(spec(), "/template/containers/0/volumeMounts", json!([{"name": "mine", "mountPath": "/mnt/models/"}])),
    "spec.template.containers[main].volumeMounts: /mnt/models is taken by volume \"mine\": remove the mount, or set \
     spec.storageInitializer.enabled to false (from config kserve/base)"
)]
// S-3
#[case::no_resource_id(
    with(uri("hf://org/m"), "/model/confidential", json!({"enabled": true})),
    "spec.model.confidential.resourceId: an encrypted model can't be read without its key: set resourceId to \
     kbs:///<repo>/<type>/<tag>"
)]
#[case::adapter_uri(
    lora(json!({"adapters": [adapter("a", "oci://registry/a")]})),
    "spec.model.lora.adapters[0].uri: \"oci://registry/a\" of adapter \"a\" can't be loaded, supported: hf://, s3://, \
     pvc://"
)]
#[case::adapter_claim(
    lora(json!({"adapters": [adapter("a", "pvc:///a")]})),
    "spec.model.lora.adapters[0].uri: \"pvc:///a\" names no claim: expected pvc://claim/path"
)]
//
#[case::adapter_directory(
    lora(json!({"adapters": [adapter("team/a", "hf://org/a"), adapter("team-a", "pvc://c/a")]})),
    "spec.model.lora.adapters: adapters \"team-a\" and \"team/a\" would share the directory /mnt/lora/team-a: rename \
     one of them"
)]
// S-9
#[case::adapters_disabled(
    with(
        lora(json!({"adapters": [adapter("a", "pvc://c/a")]})),
        "/storageInitializer",
        json!({"enabled": false})
    ),
    "spec.model.lora.adapters: adapters are not attached while storageInitializer.enabled is false: remove them, and \
     give --lora-modules for those that you mount yourself"
)]
fn a_blocking_problem_is_named_with_its_path(#[case] spec: Value, #[case] expected: &str) {
    let outcome = fixture(spec).outcome();
    assert_eq!(outcome.findings, [expected]);
    assert!(outcome.workloads.is_none());
}

#[rstest]
#[case::off(
    OciMode::Off,
    "spec.model.uri: \"oci://registry/m\" needs a mode: use oci+modelcar:// or oci+native://, or set \
     storageInitializer.ociModelMode of the ConfigMap inferenceservice-config to modelcar or native"
)]
#[case::fetch(
    OciMode::Fetch,
    "spec.model.uri: models in images can't be fetched by the download container: use oci+modelcar:// or oci+native://"
)]
// S-4
fn a_mode_that_leads_nowhere_is_refused(#[case] mode: OciMode, #[case] expected: &str) {
    let mut fixture = of("oci://registry/m");
    fixture.settings.storage.oci_mode = mode;
    assert_eq!(fixture.outcome().findings, [expected]);
}

#[rstest]
// S-5
#[case::modelcar_user(
    uri("oci://registry/m"),
    "spec.template.containers[main].securityContext.runAsUser: a modelcar and the container that reads it have to run \
     as the same user: set runAsUser, or uidModelcar in storageInitializer of the ConfigMap inferenceservice-config \
     (from config kserve/base)"
)]
#[case::adapter_counts(
    lora(json!({"adapters": [adapter("a", "hf://org/a")], "maxAdapters": 4, "maxCpuAdapters": 2})),
    "spec.model.lora.maxCpuAdapters: 2 adapters in CPU memory are fewer than the 4 in use, which vLLM refuses: raise it"
)]
#[case::headers_host(
    uri("https://10.0.0.1:8443/m.tar.gz"),
    "spec.model.uri: headers of Secret \"headers\" are not sent: \"10.0.0.1:8443\" can't be part of a variable's name; \
     use a host name"
)]
#[case::override_(
    with(
        uri("hf://org/m"),
        "/template/initContainers",
        json!([{"name": "storage-initializer", "args": ["mine"]}])
    ),
    "spec.template.initContainers[storage-initializer]: command and args of storage-initializer are the operator's: \
     yours are ignored (from config kserve/base)"
)]
fn a_doubt_is_a_warning(#[case] spec: Value, #[case] expected: &str) {
    let mut fixture = fixture(spec);
    fixture.secret("headers", &["https-host", "headers"]);
    fixture.annotate("serving.kserve.io/storageSecretName", "headers");
    let outcome = fixture.outcome();
    assert_eq!(
        (outcome.findings.as_slice(), outcome.warnings.as_slice()),
        (&[][..], &[expected.to_owned()][..])
    );
}

#[test]
fn a_problem_of_the_model_is_reported_once_for_all_its_pods() {
    let template = spec()["template"].clone();
    let outcome = fixture(with(uri("abfs://c/m"), "/prefill", json!({"template": template}))).outcome();
    assert_eq!(outcome.findings.len(), 1, "{:?}", outcome.findings);
}

/// The weights of a tokenizer's pod with one container `main`.
fn tokenizer(fixture: &Fixture, live: Option<&Value>) -> (Weights, Value) {
    let (mut findings, mut warnings) = (Vec::new(), Vec::new());
    let mut pod = json!({"containers": [{"name": "main", "image": "vllm"}]});
    let found = fixture.in_context(|ctx| {
        let template = "spec.router.scheduler.tokenizer.template".to_owned();
        let mut site = Site { ctx, template, findings: &mut findings, warnings: &mut warnings };
        weights(&mut site, &pod, Target::TOKENIZER, ("default", &Answer::Absent), live)
    });
    let found = found.unwrap();
    attach(&mut pod, &found);
    (found, pod)
}

#[test]
//
fn a_tokenizer_gets_its_files_alone_below_its_own_path() {
    let mut service = hf();
    service.service["spec"]["model"]["lora"] = json!({"adapters": [adapter("a", "hf://org/a")]});
    let (found, pod) = tokenizer(&service, None);
    assert_eq!(found.lora, None);
    let init = &pod["initContainers"][0];
    assert_eq!(init["args"], json!(["hf://org/m", "/mnt/models"]));
    let files = "[\"tokenizer.json\",\"tokenizer_config.json\",\"special_tokens_map.json\",\"vocab.json\",\
                 \"merges.txt\",\"config.json\",\"generation_config.json\"]";
    assert_eq!(init["env"][0], json!({"name": "STORAGE_ALLOW_PATTERNS", "value": files}));
    let mount =
        json!({"name": "kserve-provision-location", "mountPath": "/mnt/models/base", "readOnly": true});
    assert_eq!(pod["containers"][0]["volumeMounts"], json!([mount]));
}

#[test]
//
fn a_tokenizer_that_runs_with_all_files_keeps_running() {
    let running = json!({"name": "storage-initializer", "args": ["hf://org/m", "/mnt/models"], "env": []});
    let (_, pod) = tokenizer(&hf(), Some(&json!({"initContainers": [running]})));
    assert_eq!(pod["initContainers"][0].get("env"), None);
}

#[test]
fn a_tokenizer_reads_a_claim_and_a_modelcar_below_its_own_path() {
    let (_, pod) = tokenizer(&of("pvc://c/m"), None);
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], json!("/mnt/models/base"));
    let (_, pod) = tokenizer(&of("oci://registry/m"), None);
    assert_eq!(pod["initContainers"][0]["command"][4], json!("/mnt/models/base"));
}

#[test]
fn an_account_that_cannot_be_read_blocks_a_download() {
    let mut fixture = hf();
    let key = Key::ServiceAccount(Ref::new("ns", "default"));
    fixture.seen.insert(key, Answer::Unreadable("forbidden".to_owned()));
    assert_eq!(
        fixture.outcome().findings,
        [
            "spec.template.serviceAccountName: ServiceAccount \"default\" could not be read (forbidden), and the \
          download may need its credentials (from config kserve/base)"
        ]
    );
}

#[test]
fn a_secret_named_by_annotation_must_exist() {
    let mut fixture = hf();
    fixture.annotate("serving.kserve.io/storageSecretName", "creds");
    assert_eq!(
        fixture.outcome().findings,
        [
            "metadata.annotations[serving.kserve.io/storageSecretName]: Secret \"creds\" not found in namespace \"ns\": \
          create it or remove the annotation serving.kserve.io/storageSecretName"
        ]
    );
}

#[test]
fn a_secret_that_cannot_be_read_blocks_a_download() {
    let mut fixture = hf();
    fixture.account("default", json!({"secrets": [{"name": "creds"}]}));
    let key = Key::Secret(Ref::new("ns", "creds"));
    fixture.seen.insert(key, Answer::Unreadable("timeout".to_owned()));
    assert_eq!(
        fixture.outcome().findings,
        [
            "spec.template.serviceAccountName: Secret \"creds\" could not be read (timeout), and the download may need it \
          (from config kserve/base)"
        ]
    );
}

#[test]
fn a_missing_secret_of_an_account_is_a_warning() {
    let mut fixture = hf();
    fixture.account("default", json!({"secrets": [{"name": "gone"}]}));
    assert_eq!(
        fixture.outcome().warnings,
        [
            "spec.template.serviceAccountName: Secret \"gone\" of ServiceAccount \"default\" not found: no credentials \
          are taken from it (from config kserve/base)"
        ]
    );
}

#[test]
fn a_cache_without_its_annotations_is_refused() {
    let mut fixture = hf();
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("internal.serving.kserve.io/localmodel-pvc-name", "cache-gpu");
    assert_eq!(
        fixture.outcome().findings,
        ["metadata.annotations: local model cache \"cache\" lacks the annotation \
          internal.serving.kserve.io/localmodel-sourceuri on the service"]
    );
}

#[test]
// S-10
fn a_cache_of_another_model_is_not_used() {
    let mut fixture = hf();
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("internal.serving.kserve.io/localmodel-pvc-name", "cache-gpu");
    fixture.annotate("internal.serving.kserve.io/localmodel-sourceuri", "hf://other");
    assert_eq!(
        fixture.outcome().warnings,
        [
            "spec.model.uri: \"hf://org/m\" does not begin with the cache's source \"hf://other\": the cache is not used"
        ]
    );
}

#[test]
// S-10
fn a_model_whose_name_only_begins_like_the_caches_is_not_taken_from_it() {
    let mut fixture = of("hf://org/model-2");
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("internal.serving.kserve.io/localmodel-pvc-name", "cache-gpu");
    fixture.annotate("internal.serving.kserve.io/localmodel-sourceuri", "hf://org/model");
    assert!(fixture.pod()["volumes"][0].get("persistentVolumeClaim").is_none());
}

// E-18
#[test]
fn false_does_not_turn_the_cache_off() {
    let mut fixture = of("hf://org/m");
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("serving.kserve.io/disable-localmodel", "false");
    fixture.annotate("internal.serving.kserve.io/localmodel-pvc-name", "cache-gpu");
    fixture.annotate("internal.serving.kserve.io/localmodel-sourceuri", "hf://org/m");
    assert!(fixture.pod()["volumes"].to_string().contains("cache-gpu"), "{}", fixture.pod()["volumes"]);
}

#[test]
fn a_node_group_without_a_cache_is_told() {
    let mut fixture = hf();
    fixture.annotate("serving.kserve.io/nodegroup", "gpu");
    let told = "metadata.annotations[serving.kserve.io/nodegroup]: is ignored: the service has no label \
                internal.serving.kserve.io/localmodel, by which it would be on a local model cache";
    assert_eq!(fixture.outcome().warnings, [told]);
}

#[test]
fn a_service_that_turns_the_cache_off_downloads() {
    let mut fixture = hf();
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("serving.kserve.io/disable-localmodel", "true");
    assert_eq!(fixture.outcome().findings, NONE);
    assert_eq!(fixture.pod()["initContainers"][0]["args"][0], json!("hf://org/m"));
}
