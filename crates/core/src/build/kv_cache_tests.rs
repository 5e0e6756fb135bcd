use rstest::rstest;
use serde_json::{Value, json};

use crate::tree;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const OWN_FLAG: &str = r#"--kv-transfer-config={"root_dir":"/mnt/kv-cache-1"}"#;

/// One tier of each kind below 10 GiB of memory.
fn tiers() -> Value {
    json!({
        "cpu": "10Gi",
        "evictionPolicy": "arc",
        "secondary": [
            {"fileSystem": {"emptyDir": {"size": "100Gi"}}},
            {"fileSystem": {"pvc": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
            {"fileSystem": {"pvc": {"ref": {"name": "shared", "path": "kv/llama"}}}},
        ],
    })
}

fn offloading(value: Value) -> Fixture {
    fixture(with(spec(), "/kvCacheOffloading", value))
}

fn main(spec: Value, member: &str, value: Value) -> Value {
    with(spec, &format!("/template/containers/0/{member}"), value)
}

fn volumes() -> Value {
    json!([
        {"name": "kserve-pvc-source", "persistentVolumeClaim": {"claimName": "weights"}},
        {"name": "kv-cache-secondary-0", "emptyDir": {"sizeLimit": "100Gi"}},
        {"name": "kv-cache-secondary-1", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
        {"name": "kv-cache-secondary-2", "persistentVolumeClaim": {"claimName": "shared"}},
    ])
}

fn mounts() -> Value {
    json!([
        {"name": "kserve-pvc-source", "mountPath": "/mnt/models", "subPath": "llama", "readOnly": true},
        {"name": "kv-cache-secondary-0", "mountPath": "/mnt/kv-cache-0"},
        {"name": "kv-cache-secondary-1", "mountPath": "/mnt/kv-cache-1"},
        {"name": "kv-cache-secondary-2", "mountPath": "/mnt/kv-cache-2", "subPath": "kv/llama"},
    ])
}

fn connector() -> Value {
    json!({
        "kv_connector": "OffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "cpu_bytes_to_use": 10_737_418_240_i64,
            "eviction_policy": "arc",
            "secondary_tiers": [
                {"type": "fs", "root_dir": "/mnt/kv-cache-0"},
                {"type": "fs", "root_dir": "/mnt/kv-cache-1"},
                {"type": "fs", "root_dir": "/mnt/kv-cache-2"},
            ],
            "spec_name": "TieringOffloadingSpec",
        },
    })
}

/// The values of `--kv-transfer-config`.
fn transfer(main: &Value) -> Vec<Value> {
    let args = tree::list(main, &["args"]).iter();
    let values = args.clone().zip(args.skip(1)).filter(|(flag, _)| *flag == "--kv-transfer-config");
    values.map(|(_, value)| serde_json::from_str(value.as_str().unwrap()).unwrap()).collect()
}

#[test]
fn tiers_are_volumes_mounts_a_flag_and_a_seed() {
    let fixture = offloading(tiers());
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
    let (pod, main) = (fixture.pod(), fixture.main());
    assert_eq!(pod["volumes"], volumes());
    assert_eq!(main["volumeMounts"], mounts());
    assert_eq!(main["env"], json!([{"name": "PYTHONHASHSEED", "value": "0"}]));
    assert_eq!(main["resources"], json!({"requests": {"ephemeral-storage": "100Gi"}}));
    assert_eq!(transfer(&main), [connector()]);
}

#[test]
fn memory_alone_needs_no_volume_and_no_seed() {
    let fixture = offloading(json!({"cpu": "1Gi"}));
    let main = fixture.main();
    assert_eq!(fixture.pod()["volumes"].as_array().unwrap().len(), 1);
    assert_eq!(main.get("env"), None);
    let extra = transfer(&main).remove(0)["kv_connector_extra_config"].take();
    assert_eq!(extra, json!({"cpu_bytes_to_use": 1_073_741_824_i64, "spec_name": "TieringOffloadingSpec"}));
}

#[test]
fn the_tier_in_memory_fits_into_shared_memory() {
    let shm = json!([{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]);
    let spec = main(spec(), "volumeMounts", json!([{"name": "shm", "mountPath": "/dev/shm"}]));
    let spec = with(with(spec, "/template/volumes", shm), "/kvCacheOffloading", json!({"cpu": "10Gi"}));
    let limit = fixture(spec).pod()["volumes"][0]["emptyDir"]["sizeLimit"].take();
    assert_eq!(limit, json!("11Gi"));
}

#[test]
fn prefill_has_tiers_of_its_own_beside_nixl() {
    let prefill = json!({
        "annotations": {"llmisvc.io/vllm-version": "0.23.0"},
        "template": template(),
        "kvCacheOffloading": {"cpu": "10Gi"},
    });
    let fixture = fixture(with(spec(), "/prefill", prefill));
    let of = |name: &str| {
        let mut deployment = fixture.object(llmisvc_kinds::Kind::Deployment, name);
        transfer(&deployment["spec"]["template"]["spec"]["containers"][0].take()).remove(0)
    };
    let nixl = json!({"kv_connector": "NixlConnector", "kv_role": "kv_both"});
    assert_eq!(of("llama-kserve"), nixl);
    let offloading = json!({
        "kv_connector": "OffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "cpu_bytes_to_use": 10_737_418_240_i64, "spec_name": "TieringOffloadingSpec",
        },
    });
    assert_eq!(
        of("llama-kserve-prefill"),
        json!({
            "kv_connector": "MultiConnector",
            "kv_role": "kv_both",
            "kv_connector_extra_config": {"connectors": [nixl, offloading]},
        })
    );
}

#[test]
fn all_pods_of_a_group_have_the_tiers() {
    let spec = with(with(spec(), "/worker", template()), "/parallelism", json!({"pipeline": 2}));
    let fixture = fixture(with(spec, "/kvCacheOffloading", tiers()));
    let group = fixture.object(llmisvc_kinds::Kind::LeaderWorkerSet, "llama-kserve-mn");
    for template in ["leaderTemplate", "workerTemplate"] {
        let pod = &group["spec"]["leaderWorkerTemplate"][template]["spec"];
        assert_eq!(pod["volumes"], volumes(), "{template}");
        assert_eq!(pod["containers"][0]["volumeMounts"], mounts());
        assert!(pod["containers"][0]["args"].to_string().contains("TieringOffloadingSpec"));
    }
}

#[rstest]
#[case::old_vllm(
    with(spec(), "/annotations", json!({"llmisvc.io/vllm-version": "0.21.3"})),
    "vLLM 0.21.3 has no KV cache tiers, they came with 0.22: nothing is added to its pods"
)]
#[case::own_flag(
    main(spec(), "args", json!(["--kv_transfer_config", "{}"])),
    "\"--kv_transfer_config\" is used in place of the generated --kv-transfer-config: of the tiers only those are \
     mounted whose directory it names"
)]
#[case::own_variable(
    main(spec(), "env", json!([{"name": "VLLM_ADDITIONAL_ARGS", "value": "--kv-offloading-size 5"}])),
    "\"--kv-offloading-size\" is used in place of the generated --kv-transfer-config: of the tiers only those are \
     mounted whose directory it names"
)]
// K-1
fn without_the_flag_there_is_nothing_else_either(#[case] spec: Value, #[case] warning: &str) {
    let plain = fixture(spec.clone());
    let fixture = fixture(with(spec, "/kvCacheOffloading", tiers()));
    assert_eq!(fixture.pod(), plain.pod());
    assert_eq!(fixture.outcome().warnings, [format!("spec.kvCacheOffloading: {warning}")]);
}

#[test]
// K-1
fn a_flag_of_ones_own_gets_the_tiers_that_it_names() {
    let spec = main(spec(), "args", json!([OWN_FLAG]));
    let pod = fixture(with(spec, "/kvCacheOffloading", tiers())).pod();
    let names: Vec<&str> = tree::list(&pod, &["volumes"]).iter().map(|v| tree::text(v, &["name"])).collect();
    assert_eq!(names, ["kserve-pvc-source", "kv-cache-secondary-1"]);
    assert_eq!(transfer(&pod["containers"][0]), Vec::<Value>::new());
}

#[rstest]
#[case::none(json!({"secondary": []}))]
#[case::zero(json!({"cpu": "0"}))]
fn without_a_size_nothing_is_offloaded(#[case] value: Value) {
    let fixture = offloading(value);
    assert_eq!(
        fixture.outcome().warnings,
        [
            "spec.kvCacheOffloading: cpu is no size above zero, so nothing is offloaded: set it, for example cpu: 10Gi"
        ]
    );
    assert_eq!(fixture.pod(), fixture_without().pod());
}

fn fixture_without() -> Fixture {
    fixture(spec())
}

#[rstest]
#[case::both(
    json!({"requests": {"ephemeral-storage": "10Gi"}, "limits": {"ephemeral-storage": "20Gi"}}),
    json!({"requests": {"ephemeral-storage": "110Gi"}, "limits": {"ephemeral-storage": "120Gi"}})
)]
#[case::limit(
    json!({"limits": {"ephemeral-storage": "20Gi"}}),
    json!({"requests": {"ephemeral-storage": "120Gi"}, "limits": {"ephemeral-storage": "120Gi"}})
)]
#[case::request(
    json!({"requests": {"ephemeral-storage": "512Mi", "cpu": 1}}),
    json!({"requests": {"ephemeral-storage": "102912Mi", "cpu": 1}})
)]
#[case::number(
    json!({"requests": {"ephemeral-storage": 1}}),
    json!({"requests": {"ephemeral-storage": "107374182401"}})
)]
// K-2
fn request_and_limit_grow_by_the_scratch_space(#[case] given: Value, #[case] expected: Value) {
    let spec = main(spec(), "resources", given);
    let offloading = json!({"cpu": "1Gi", "secondary": [{"fileSystem": {"emptyDir": {"size": "100Gi"}}}]});
    let mut main = fixture(with(spec, "/kvCacheOffloading", offloading)).main();
    assert_eq!(main["resources"].take(), expected);
}

#[test]
fn scratch_space_without_a_size_asks_for_nothing() {
    let fixture = offloading(json!({"cpu": "1Gi", "secondary": [{"fileSystem": {"emptyDir": {}}}]}));
    assert_eq!(fixture.pod()["volumes"][1], json!({"name": "kv-cache-secondary-0", "emptyDir": {}}));
    assert_eq!(fixture.main().get("resources"), None);
}

#[test]
fn a_mount_and_a_seed_of_ones_own_are_kept() {
    let mounted = json!([{"name": "fast", "mountPath": "/mnt/kv-cache-0"}]);
    let seed = json!([{"name": "PYTHONHASHSEED", "value": "42"}]);
    let spec = main(main(spec(), "volumeMounts", mounted.clone()), "env", seed.clone());
    let main = fixture(with(spec, "/kvCacheOffloading", tiers())).main();
    assert_eq!(main["volumeMounts"][0], mounted[0]);
    assert_eq!(main["volumeMounts"].as_array().unwrap().len(), 4);
    assert_eq!(main["env"], seed);
}

fn foreign(text: &str) -> Value {
    let spec = main(spec(), "command", json!(["/bin/bash", "-c", text, "--"]));
    with(spec, "/kvCacheOffloading", tiers())
}

#[test]
fn a_foreign_command_gets_the_volumes_and_no_flag() {
    let fixture = fixture(foreign(
        "vllm serve --kv-transfer-config '{\\\"kv_connector\\\":\\\"OffloadingConnector\\\"}' $@",
    ));
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
    let main = fixture.main();
    assert_eq!(fixture.pod()["volumes"], volumes());
    assert_eq!((&main["volumeMounts"], main.get("args")), (&mounts(), None));
    assert_eq!(main["env"], json!([{"name": "PYTHONHASHSEED", "value": "0"}]));
}

#[test]
fn a_foreign_command_without_the_flag_is_told_that_it_needs_one() {
    assert_eq!(
        fixture(foreign("vllm serve $@")).outcome().warnings,
        ["spec.template.containers[main].command: the command is not one of our presets' and passes no \
          --kv-transfer-config, so vLLM doesn't use the tiers: add the flag, with the directories /mnt/kv-cache-0 and \
          so on (from config kserve/base)"]
    );
}

#[test]
fn pods_of_the_peer_that_run_without_a_seed_are_not_replaced_for_one() {
    let mut fixture = fixture(foreign("vllm serve OffloadingConnector $@"));
    let pod = json!({"containers": [{"name": "main"}], "volumes": [{"name": "kv-cache-secondary-0"}]});
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": {"spec": pod}}}));
    assert_eq!(fixture.main().get("env"), None);
}

#[test]
fn a_memory_limit_below_the_tier_is_a_warning() {
    let spec = main(spec(), "resources", json!({"limits": {"memory": "8Gi"}}));
    assert_eq!(
        fixture(with(spec, "/kvCacheOffloading", json!({"cpu": "10Gi"}))).outcome().warnings,
        [
            "spec.template.containers[main].resources.limits.memory: the CPU tier of 10Gi lies in the container's \
          memory, of which it may use 8Gi: raise the limit, or lower kvCacheOffloading.cpu (from config kserve/base)"
        ]
    );
}

const EXAMPLE: &str = include_str!("../../../../examples/kv-cache-tiers/service.yaml");
const PAGE: &str = include_str!("../../../../docs/kv-cache-offloading.md");

/// The services in a text of YAML documents.
fn services(yaml: &str) -> Vec<Value> {
    let documents = yaml.split("\n---\n").map(|text| serde_yaml_ng::from_str::<Value>(text).unwrap());
    documents.filter(|document| document["kind"] == "LLMInferenceService").collect()
}

#[test]
// K-3
fn samples_have_the_field_where_the_api_has_it() {
    let blocks = PAGE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let samples: Vec<Value> = blocks.chain([EXAMPLE]).flat_map(services).collect();
    assert_eq!(samples.len(), 2);
    for sample in samples {
        let given = sample["spec"]["kvCacheOffloading"].clone();
        let tiers = tree::list(&given, &["secondary"]).len();
        let fixture = offloading(given);
        assert_eq!((fixture.outcome().warnings, tiers), (Vec::new(), 2));
        assert_eq!(fixture.pod()["volumes"].as_array().unwrap().len(), 1 + tiers);
    }
}
