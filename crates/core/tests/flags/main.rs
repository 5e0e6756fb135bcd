//! The command lines of the model servers: every flag is one that vLLM has, and every value is one word.

#[cfg(test)]
mod list;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod spelled;

use std::fs;
use std::path::{Path, PathBuf};

use list::{List, faults, list};
use llmisvc_api::v1alpha2::Parallelism;
use llmisvc_core::build::argv::{Flags, Spread, Version, generated};
use llmisvc_core::{labels, presets, tree};
use rstest::rstest;
use serde_json::{Value, json};

/// The newest version in the list.
const NEWEST: u32 = 33;

fn flags(version: Version) -> Flags<'static> {
    Flags {
        model: "m",
        namespace: "ns",
        port: 8000,
        version,
        grace: 60,
        tls: false,
        parallelism: Parallelism::default(),
        kv_transfer: None,
        api_servers: "8",
        features: &[],
        added: &[],
        worker: false,
        spread: None,
    }
}

fn sizes() -> Parallelism {
    let n = Some(2);
    Parallelism {
        tensor: n,
        pipeline: n,
        data: n,
        data_local: n,
        data_rpc_port: Some(5555),
        expert: Some(true),
    }
}

/// Every combination of what `generated` looks at.
fn all_of(version: Version, spread: Option<Spread>) -> Vec<Flags<'static>> {
    let mut all = Vec::new();
    for bits in 0..16 {
        let is = |bit: u32| bits & (1 << bit) != 0;
        all.push(Flags {
            tls: is(0),
            parallelism: if is(1) { sizes() } else { Parallelism::default() },
            kv_transfer: is(2).then_some("{}"),
            worker: is(3),
            spread,
            ..flags(version)
        });
    }
    all
}

#[rstest]
#[case::single_pod(9, None)]
#[case::data_over_a_group(10, Some(Spread::Data { size: 16, local: 8, port: 5555 }))]
#[case::one_world_over_a_group(12, Some(Spread::World { nodes: 2 }))]
#[case::a_group_of_one(9, Some(Spread::World { nodes: 1 }))]
fn every_generated_flag_is_one_of_the_vllm_version_it_is_for(
    #[case] oldest: u32,
    #[case] spread: Option<Spread>,
) {
    let list = list();
    for version in (oldest..=NEWEST).map(|minor| Version(0, minor)) {
        for flags in all_of(version, spread) {
            assert_eq!(faults(&list, version, &generated(&flags).concat()), [""; 0], "{flags:?}");
        }
    }
}

#[test]
fn a_plain_model_runs_on_the_oldest_version_too() {
    for version in (6..9).map(|minor| Version(0, minor)) {
        assert_eq!(faults(&list(), version, &generated(&flags(version)).concat()), [""; 0]);
    }
}

#[rstest]
#[case::unknown(&["--tensor-parallel-sise", "2"], "--tensor-parallel-sise is no flag of vLLM")]
#[case::too_new(&["--shutdown-timeout", "2"], "--shutdown-timeout is not in all of vLLM 0.16")]
#[case::of_a_later_patch(&["--no-nnodes"], "--no-nnodes is no flag of vLLM")]
#[case::removed(&["--task", "embed"], "--task is not in all of vLLM 0.16")]
#[case::without_value(&["--port", "--headless"], "--port takes One, and has []")]
#[case::two_values(&["--port", "1", "2"], "--port takes One, and has [\"1\", \"2\"]")]
#[case::value_of_a_switch(&["--headless", "true"], "--headless takes None, and has [\"true\"]")]
#[case::no_flag(&["x"], "x stands where a flag should")]
fn a_command_line_that_vllm_would_refuse_is_found(#[case] words: &[&str], #[case] expected: &str) {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let found = faults(&list(), Version(0, 16), &words);
    assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
}

#[rstest]
#[case(&["--tensor_parallel_size=2", "-tp", "4", "--no-enable-prefix-caching", "--kv-transfer-config.kv_role", "x"])]
#[case(&["--lora-modules", "{}", "{}", "--api-key=a"])]
fn other_spellings_of_known_flags_are_fine(#[case] words: &[&str]) {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    assert_eq!(faults(&list(), Version(0, 16), &words), [""; 0]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder and of the folders in it, by the end of their names.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.extend(folders.iter().flat_map(|folder| self::files(folder, end)));
    files.sort();
    files
}

/// The vLLM version of the shipped presets.
fn shipped_version() -> Version {
    let presets = presets::shipped("");
    let texts = presets.iter().map(|p| tree::text(p, &["metadata", "annotations", labels::VLLM_VERSION]));
    texts.into_iter().find_map(Version::parse).expect("a preset names its vLLM version")
}

/// How many model servers there are, and what is wrong with them.
fn check(list: &List, version: Version, objects: &[Value]) -> (usize, Vec<String>) {
    let servers = serve::servers(objects);
    let found = servers.iter().flat_map(|server| {
        let faults = faults(list, server.version.unwrap_or(version), &server.words);
        faults.into_iter().map(move |fault| format!("{}: {fault}", server.place))
    });
    (servers.len(), found.collect())
}

#[rstest]
#[case("examples", 4)]
#[case("tests/golden", 8)]
fn every_flag_that_was_rendered_for_a_case_is_one_of_vllm(#[case] folder: &str, #[case] at_least: usize) {
    let (list, version) = (list(), shipped_version());
    let mut count = 0;
    for path in files(&root().join(folder), "expected.yaml") {
        let objects = serve::documents(&fs::read_to_string(&path).expect("a file"));
        let (lines, found) = check(&list, version, &objects);
        count += lines;
        assert_eq!(found, [""; 0], "{}", path.display());
    }
    assert!(count >= at_least, "{folder} has only {count} model servers");
}

/// The services of the upgrade corpus have every feature there is.
#[rstest]
#[case(12)]
#[case(17)]
#[case(23)]
#[case(NEWEST)]
fn every_flag_of_every_feature_is_one_of_the_vllm_version_it_is_for(#[case] minor: u32) {
    let (list, version) = (list(), Version(0, minor));
    let mut count = 0;
    for path in files(&root().join("tests/upgrade/corpus"), ".yaml") {
        let documents = serve::documents(&fs::read_to_string(&path).expect("a file"));
        for service in documents.iter().filter(|d| tree::text(d, &["kind"]) == "LLMInferenceService") {
            let Ok(objects) = serve::children(&for_version(service, minor), &documents) else { continue };
            let (lines, mut found) = check(&list, version, &objects);
            found.retain(|fault| !is_users(fault, service));
            count += lines;
            assert_eq!(found, [""; 0], "{}", tree::text(service, &["metadata", "name"]));
        }
    }
    assert!(count > 40, "only {count} model servers");
}

/// What users write is theirs, whatever the version.
fn is_users(fault: &str, service: &Value) -> bool {
    let mut words = fault.split_whitespace().filter(|word| word.starts_with('-'));
    words.next().is_some_and(|flag| service.to_string().contains(flag))
}

/// The service as if all its presets were for that version.
fn for_version(service: &Value, minor: u32) -> Value {
    let mut service = service.clone();
    tree::object(&mut service, "metadata").insert("namespace".to_owned(), json!("demo"));
    let spec = tree::entry(&mut service, "spec");
    annotate(spec, minor);
    if spec.get("prefill").is_some() {
        annotate(tree::entry(spec, "prefill"), minor);
    }
    service
}

fn annotate(workload: &mut Value, minor: u32) {
    let version = json!(format!("0.{minor}.0"));
    tree::object(workload, "annotations").insert(labels::VLLM_VERSION.to_owned(), version);
}
