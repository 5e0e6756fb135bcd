use rstest::rstest;
use serde_json::{Value, json};

use crate::facts::{Key, Ref};
use crate::settings::OciMode;
use crate::validate::fixture::{Fixture, fixture, spec, with};

fn of(uri: &str) -> Fixture {
    fixture(with(spec(), "/model/uri", json!(uri)))
}

fn init(fixture: &Fixture) -> Value {
    fixture.pod()["initContainers"][0].take()
}

fn env(fixture: &Fixture) -> Vec<(String, Value)> {
    let init = init(fixture);
    let env = init["env"].as_array().cloned().unwrap_or_default();
    env.into_iter()
        .map(|mut e| {
            let value = e.get("value").cloned();
            (
                e["name"].as_str().unwrap().to_owned(),
                value.unwrap_or_else(|| e["valueFrom"]["secretKeyRef"].take()),
            )
        })
        .collect()
}

fn pairs(expected: &[(&str, Value)]) -> Vec<(String, Value)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

const HF: [(&str, &str); 3] = [
    ("HF_HUB_ENABLE_HF_TRANSFER", "1"),
    ("HF_XET_HIGH_PERFORMANCE", "1"),
    ("HF_XET_NUM_CONCURRENT_RANGE_GETS", "8"),
];

fn hf_env() -> Vec<Value> {
    HF.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

#[test]
// W-19
fn hf_weights_are_downloaded_by_a_restricted_init_container() {
    let pod = of("hf://org/model").pod();
    let expected = json!({
        "name": "storage-initializer",
        "image": "kserve/storage-initializer:latest",
        "args": ["hf://org/model", "/mnt/models"],
        "resources": {
            "requests": {"cpu": "100m", "memory": "100Mi"},
            "limits": {"cpu": "4", "memory": "16Gi"},
        },
        "env": hf_env(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "kserve-provision-location", "mountPath": "/mnt/models"}],
    });
    assert_eq!(pod["initContainers"], json!([expected]));
    assert_eq!(pod["volumes"], json!([{"name": "kserve-provision-location", "emptyDir": {}}]));
    let mount = json!({"name": "kserve-provision-location", "mountPath": "/mnt/models", "readOnly": true});
    assert_eq!(pod["containers"][0]["volumeMounts"], json!([mount]));
}

#[test]
fn a_claim_without_a_path_is_mounted_whole() {
    let pod = of("pvc://weights").pod();
    let mount = json!({"name": "kserve-pvc-source", "mountPath": "/mnt/models", "readOnly": true});
    assert_eq!(pod["containers"][0]["volumeMounts"], json!([mount]));
}

#[test]
// S-9
fn a_disabled_initializer_attaches_nothing_and_leaves_the_users_container() {
    let own = json!([{"name": "storage-initializer", "image": "mine"}]);
    let spec = with(
        with(spec(), "/storageInitializer", json!({"enabled": false})),
        "/template/initContainers",
        own.clone(),
    );
    let pod = fixture(spec).pod();
    assert_eq!((pod.get("volumes"), &pod["initContainers"]), (None, &own));
}

#[test]
fn s3_credentials_come_from_the_secret_that_the_service_names() {
    let mut fixture = of("s3://bucket/model");
    fixture.secret("creds", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    fixture.annotate("serving.kserve.io/storageSecretName", "creds");
    fixture.settings.credentials.s3_env = vec![
        ("S3_ENDPOINT".to_owned(), "http://minio:9000".to_owned()),
        ("AWS_DEFAULT_REGION".to_owned(), "eu".to_owned()),
    ];
    let expected = pairs(&[
        ("AWS_ACCESS_KEY_ID", json!({"name": "creds", "key": "AWS_ACCESS_KEY_ID"})),
        ("AWS_SECRET_ACCESS_KEY", json!({"name": "creds", "key": "AWS_SECRET_ACCESS_KEY"})),
        ("S3_USE_HTTPS", json!("0")),
        ("S3_ENDPOINT", json!("minio:9000")),
        ("AWS_ENDPOINT_URL", json!("http://minio:9000")),
        ("AWS_DEFAULT_REGION", json!("eu")),
    ]);
    assert_eq!(env(&fixture), expected);
    assert_eq!(init(&fixture)["args"], json!(["s3://bucket/model", "/mnt/models"]));
}

#[test]
fn an_endpoint_in_the_secrets_data_is_put_into_the_url_by_the_kubelet() {
    let mut fixture = of("s3://bucket/model");
    fixture.secret("creds", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_ENDPOINT"]);
    fixture.account("default", json!({"secrets": [{"name": "creds"}]}));
    let expected = pairs(&[
        ("S3_ENDPOINT", json!({"name": "creds", "key": "S3_ENDPOINT"})),
        ("AWS_ENDPOINT_URL", json!("https://$(S3_ENDPOINT)")),
    ]);
    assert_eq!(env(&fixture)[2..], expected);
}

#[test]
fn an_account_with_a_role_arn_needs_no_secret() {
    let mut fixture = of("s3://bucket/model");
    let annotations = json!({"eks.amazonaws.com/role-arn": "arn", "serving.kserve.io/s3-region": "us"});
    fixture.account("default", json!({"metadata": {"annotations": annotations}}));
    assert_eq!(env(&fixture), pairs(&[("AWS_DEFAULT_REGION", json!("us"))]));
}

#[rstest]
#[case::hf(&["HF_TOKEN"], &["HF_TOKEN"])]
#[case::modelscope(&["MODELSCOPE_API_TOKEN"], &["MODELSCOPE_API_TOKEN"])]
#[case::azure(
    &["AZ_CLIENT_ID", "AZURE_ACCESS_TOKEN"],
    &["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_ACCESS_TOKEN"]
)]
#[case::azure_key(&["AZURE_STORAGE_ACCESS_KEY"], &["AZURE_STORAGE_ACCESS_KEY"])]
#[case::gcs(&["gcloud-application-credentials.json"], &["GOOGLE_APPLICATION_CREDENTIALS"])]
#[case::hdfs(&["HDFS_NAMENODE"], &[])]
#[case::unknown(&["tls.key"], &[])]
fn a_secret_is_classified_by_its_keys(#[case] keys: &[&str], #[case] expected: &[&str]) {
    let mut fixture = of("s3://bucket/model");
    fixture.secret("creds", keys);
    fixture.account("default", json!({"secrets": [{"name": "creds"}]}));
    let names: Vec<String> = env(&fixture).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected);
}

#[test]
fn gcs_credentials_are_a_mounted_file() {
    let mut fixture = of("s3://bucket/model");
    fixture.secret("creds", &["gcloud-application-credentials.json"]);
    fixture.account("default", json!({"secrets": [{"name": "creds"}]}));
    let pod = fixture.pod();
    assert_eq!(pod["volumes"][1], json!({"name": "user-gcp-sa", "secret": {"secretName": "creds"}}));
    let mount = json!({"name": "user-gcp-sa", "mountPath": "/var/secrets/", "readOnly": true});
    assert_eq!(pod["initContainers"][0]["volumeMounts"][1], mount);
}

#[test]
// S-6
fn a_secrets_variable_replaces_the_users_as_a_whole() {
    let mut fixture = of("hf://org/model");
    fixture.secret("creds", &["HF_TOKEN"]);
    fixture.account("default", json!({"secrets": [{"name": "creds"}, {"name": "creds"}]}));
    let own = json!([{"name": "storage-initializer", "env": [{"name": "HF_TOKEN", "value": "plain"}]}]);
    fixture.service["spec"]["template"]["initContainers"] = own;
    let token = pairs(&[("HF_TOKEN", json!({"name": "creds", "key": "HF_TOKEN"}))]);
    assert_eq!(env(&fixture)[..1], token);
    assert_eq!(env(&fixture).len(), 4);
}

#[test]
fn the_users_container_is_laid_over_the_generated_one() {
    let mut fixture = of("hf://org/model");
    fixture.service["spec"]["template"]["initContainers"] = json!([{
        "name": "storage-initializer",
        "image": "mine",
        "command": ["mine"],
        "args": ["mine"],
        "env": [{"name": "HF_XET_HIGH_PERFORMANCE", "value": "0"}],
        "resources": {"limits": {"memory": "8Gi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }]);
    let init = init(&fixture);
    assert_eq!((&init["image"], init.get("command")), (&json!("mine"), None));
    assert_eq!(init["args"], json!(["hf://org/model", "/mnt/models"]));
    assert_eq!(init["resources"]["limits"], json!({"cpu": "4", "memory": "8Gi"}));
    assert_eq!(init["volumeMounts"][0]["name"], json!("scratch"));
    assert_eq!(env(&fixture)[0], ("HF_XET_HIGH_PERFORMANCE".to_owned(), json!("0")));
    assert_eq!(env(&fixture).len(), 3);
}

fn live(mut fixture: Fixture, container: &Value) -> Fixture {
    let spec = json!({"template": {"spec": {"initContainers": [container]}}});
    fixture.live_deployment("llama-kserve", json!({"spec": spec}));
    fixture
}

fn running(uri: &str) -> Value {
    json!({"name": "storage-initializer", "image": "old", "args": [uri, "/mnt/models"]})
}

#[test]
// S-2
fn what_runs_is_not_replaced_by_an_upgrade() {
    let mut fixture = of("hf://org/model");
    fixture.settings.storage.ca_bundle_config_map = Some("bundle".to_owned());
    let init = init(&live(fixture, &running("hf://org/model")));
    assert_eq!(init["image"], json!("old"));
    assert_eq!((init.get("env"), init.get("securityContext")), (None, None));
}

#[test]
// S-1
fn another_model_takes_the_configured_image() {
    let init = init(&live(of("hf://org/model"), &running("hf://org/other")));
    assert_eq!(init["image"], json!("kserve/storage-initializer:latest"));
}

#[test]
// S-2
fn new_downloads_get_the_ca_bundle() {
    let mut fixture = of("hf://org/model");
    fixture.settings.storage.ca_bundle_config_map = Some("bundle".to_owned());
    let pod = fixture.pod();
    let volume = json!({"name": "cabundle-cert", "configMap": {"name": "global-ca-bundle"}});
    assert_eq!(pod["volumes"][1], volume);
    let mount = json!({"name": "cabundle-cert", "mountPath": "/etc/ssl/custom-certs", "readOnly": true});
    assert_eq!(pod["initContainers"][0]["volumeMounts"][1], mount);
    let expected = pairs(&[
        ("CA_BUNDLE_CONFIGMAP_NAME", json!("global-ca-bundle")),
        ("CA_BUNDLE_VOLUME_MOUNT_POINT", json!("/etc/ssl/custom-certs")),
    ]);
    assert_eq!(env(&fixture)[3..], expected);
}

#[test]
fn a_ca_bundle_of_the_secret_is_mounted_where_it_says() {
    let mut fixture = of("s3://bucket/model");
    let annotations = json!({
        "eks.amazonaws.com/role-arn": "arn",
        "serving.kserve.io/s3-cabundle": "/certs/ca.crt",
        "serving.kserve.io/s3-cabundle-configmap": "mine",
    });
    fixture.account("default", json!({"metadata": {"annotations": annotations}}));
    let pod = fixture.pod();
    assert_eq!(pod["volumes"][1], json!({"name": "cabundle-cert", "configMap": {"name": "mine"}}));
    assert_eq!(pod["initContainers"][0]["volumeMounts"][1]["mountPath"], json!("/certs"));
}

#[test]
fn a_cached_model_is_mounted_from_its_claim() {
    let mut fixture = of("hf://org/model/sub");
    fixture.label("internal.serving.kserve.io/localmodel", "cache");
    fixture.annotate("internal.serving.kserve.io/localmodel-pvc-name", "cache-gpu");
    fixture.annotate("internal.serving.kserve.io/localmodel-sourceuri", "hf://org/model");
    let pod = fixture.pod();
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], json!("cache-gpu"));
    // The first 16 digits of the SHA-256 of `hf://org/model`.
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["subPath"], json!("models/759d2c8a9177d6ad/sub"));
}

#[rstest]
#[case("gs://bucket/m")]
#[case("https://host/m.tar.gz")]
#[case("http://host/m.tar.gz")]
#[case("hdfs://host/m")]
#[case("webhdfs://host/m")]
#[case("modelscope://org/m")]
// S-7
fn whatever_the_initializer_takes_is_downloaded(#[case] uri: &str) {
    let init = init(&of(uri));
    assert_eq!((&init["args"], init.get("env")), (&json!([uri, "/mnt/models"]), None));
}

fn modelcar() -> Fixture {
    let mut fixture = of("oci://registry/model:1");
    fixture.settings.storage.modelcar_uid = Some(1010);
    fixture
}

const SCRIPT: &str = r#"if [ -z "$$(ls -A /models 2>/dev/null)" ]; then
  echo "the image has no model: /models does not exist or is empty" >&2
  exit 1
fi
for file in /models/* /models/.[!.]*; do
  if [ -e "$$file" ]; then ln -sfn "/proc/$$$$/root$$file" "$$1/$${file##*/}"; fi
done
ln -sfn "/proc/$$$$/root/models" "$$1/.modelcar"
exec sleep infinity
"#;

#[test]
// S-5, W-19
fn a_modelcar_is_ready_before_the_model_server_starts_and_both_run_as_one_user() {
    let pod = modelcar().pod();
    let expected = json!({
        "name": "modelcar",
        "image": "registry/model:1",
        "restartPolicy": "Always",
        "command": ["sh", "-c", SCRIPT, "modelcar", "/mnt/models"],
        "resources": {"requests": {"cpu": "10m", "memory": "15Mi"}, "limits": {"cpu": "10m", "memory": "15Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "runAsNonRoot": true,
            "runAsUser": 1010,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "startupProbe": {
            "exec": {"command": ["sh", "-c", "[ -d /mnt/models/.modelcar ]"]},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "kserve-provision-location", "mountPath": "/mnt/models"}],
    });
    assert_eq!(pod["initContainers"], json!([expected]));
    assert_eq!(pod["shareProcessNamespace"], json!(true));
    assert_eq!(pod["volumes"], json!([{"name": "kserve-provision-location", "emptyDir": {}}]));
    let main = &pod["containers"][0];
    let mount = json!({"name": "kserve-provision-location", "mountPath": "/mnt/models", "readOnly": true});
    assert_eq!(main["volumeMounts"], json!([mount]));
    assert_eq!(main["securityContext"], json!({"runAsUser": 1010}));
}

#[test]
// S-5
fn a_modelcar_takes_the_user_that_the_model_server_has() {
    let mut fixture = modelcar();
    let own = json!({"runAsUser": 2000, "runAsGroup": 3000, "runAsNonRoot": true});
    fixture.service["spec"]["template"]["containers"][0]["securityContext"] = own.clone();
    let pod = fixture.pod();
    let context = &pod["initContainers"][0]["securityContext"];
    assert_eq!((&context["runAsUser"], &context["runAsGroup"]), (&json!(2000), &json!(3000)));
    assert_eq!(pod["containers"][0]["securityContext"], own);
}

#[test]
// S-5
fn no_user_is_forced_on_the_model_server_where_none_is_configured() {
    let pod = of("oci+modelcar://registry/model:1").pod();
    assert_eq!(pod["containers"][0].get("securityContext"), None);
    assert_eq!(pod["initContainers"][0]["securityContext"].get("runAsUser"), None);
}

#[test]
fn a_modelcar_that_runs_as_root_does_not_ask_for_another_user() {
    let mut fixture = modelcar();
    fixture.settings.storage.modelcar_uid = Some(0);
    fixture.service["spec"]["template"]["hostPID"] = json!(true);
    let pod = fixture.pod();
    assert_eq!(pod["initContainers"][0]["securityContext"].get("runAsNonRoot"), None);
    assert_eq!(pod.get("shareProcessNamespace"), None);
}

/// A scratch directory that goes with the test.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
// S-5
fn the_links_of_a_modelcar_lead_to_its_files() {
    let scratch = Scratch(std::env::temp_dir().join(format!("modelcar-{}", std::process::id())));
    let (image, links) = (scratch.0.join("models"), scratch.0.join("links"));
    std::fs::create_dir_all(image.join("sub")).unwrap();
    std::fs::create_dir_all(&links).unwrap();
    std::fs::write(image.join("config.json"), "{}").unwrap();
    std::fs::write(image.join("sub/a b"), "x").unwrap();
    let pod = modelcar().pod();
    let script = pod["initContainers"][0]["command"][2].as_str().unwrap().replace("$$", "$");
    let script = script
        .replace("/models", image.to_str().unwrap())
        .replace("exec sleep infinity", "cat \"$1/sub/a b\"");
    let run =
        || std::process::Command::new("sh").args(["-c", &script, "modelcar"]).arg(&links).output().unwrap();
    // A second start replaces the links of the first.
    for output in [run(), run()] {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "x", "{output:?}");
    }
    let mut names: Vec<_> = std::fs::read_dir(&links).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".modelcar", "config.json", "sub"]);
    std::fs::remove_dir_all(&image).unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the image has no model"));
}

#[rstest]
#[case::named("oci+native://registry/model:1", OciMode::Off)]
#[case::configured("oci://registry/model:1", OciMode::Native)]
// S-4
fn an_image_volume_is_mounted_by_the_kubelet(#[case] uri: &str, #[case] mode: OciMode) {
    let mut fixture = of(uri);
    fixture.settings.storage.oci_mode = mode;
    fixture.service["spec"]["template"]["initContainers"] = json!([{"name": "storage-initializer"}]);
    let pod = fixture.pod();
    let source = json!({"reference": "registry/model:1", "pullPolicy": "IfNotPresent"});
    assert_eq!(pod["volumes"], json!([{"name": "mnt-models", "image": source}]));
    let mount =
        json!({"name": "mnt-models", "mountPath": "/mnt/models", "subPath": "models", "readOnly": true});
    assert_eq!(pod["containers"][0]["volumeMounts"], json!([mount]));
    assert_eq!(pod.get("initContainers"), None);
}

#[test]
// S-3
fn the_key_of_an_encrypted_model_reaches_every_download_of_it() {
    let key = "kbs:///repo/key/1";
    let mut fixture = of("hf://org/model");
    fixture.service["spec"]["model"]["confidential"] = json!({"enabled": true, "resourceId": key});
    let expected =
        pairs(&[("CONFIDENTIAL_ENABLED", json!("true")), ("CONFIDENTIAL_RESOURCE_ID", json!(key))]);
    assert_eq!(env(&fixture)[..2], expected);
    fixture.service["spec"]["model"]["lora"] = json!({"adapters": [{"name": "a", "uri": "s3://bucket/a"}]});
    assert_eq!(env(&fixture)[..2], expected);
}

#[test]
fn the_key_of_a_model_that_is_not_downloaded_means_nothing() {
    let mut fixture = of("pvc://claim/model");
    fixture.service["spec"]["model"]["confidential"] = json!({"enabled": true});
    fixture.service["spec"]["model"]["lora"] = json!({"adapters": [{"name": "a", "uri": "s3://bucket/a"}]});
    assert_eq!(init(&fixture).get("env"), None);
}

fn main_env(fixture: &mut Fixture, env: Value) {
    fixture.service["spec"]["template"]["containers"][0]["env"] = env;
}

#[test]
fn token_endpoint_and_proxy_of_the_model_server_reach_the_download() {
    let mut fixture = of("hf://org/model");
    let token = json!({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}});
    let endpoint = json!({"name": "HF_ENDPOINT", "value": "https://mirror"});
    let proxy = json!({"name": "HTTPS_PROXY", "value": "http://proxy:3128"});
    let other = json!({"name": "VLLM_LOGGING_LEVEL", "value": "INFO"});
    main_env(&mut fixture, json!([other, token, endpoint, proxy]));
    assert_eq!(init(&fixture)["env"].as_array().unwrap()[..3], [token, endpoint, proxy]);
}

#[test]
fn only_the_proxy_reaches_a_download_from_elsewhere() {
    let mut fixture = of("s3://bucket/model");
    let proxy = json!({"name": "no_proxy", "value": ".cluster.local"});
    main_env(&mut fixture, json!([{"name": "HF_TOKEN", "value": "x"}, proxy]));
    assert_eq!(init(&fixture)["env"], json!([proxy]));
}

#[test]
fn what_the_download_is_given_itself_wins_over_the_model_server() {
    let mut fixture = of("hf://org/model");
    main_env(&mut fixture, json!([{"name": "HF_TOKEN", "value": "x"}]));
    fixture.secret("creds", &["HF_TOKEN"]);
    fixture.annotate("serving.kserve.io/storageSecretName", "creds");
    assert_eq!(env(&fixture)[0], ("HF_TOKEN".to_owned(), json!({"name": "creds", "key": "HF_TOKEN"})));
    assert_eq!(env(&fixture).len(), 4);
}

#[test]
fn a_download_that_runs_without_the_model_servers_token_keeps_running() {
    let mut fixture = of("hf://org/model");
    let token = json!([{"name": "HF_TOKEN", "value": "x"}]);
    main_env(&mut fixture, token.clone());
    let containers = json!([{"name": "main", "env": token}]);
    let spec = json!({"initContainers": [running("hf://org/model")], "containers": containers});
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": {"spec": spec}}}));
    assert_eq!(init(&fixture).get("env"), None);
    // The user's own change goes out.
    main_env(&mut fixture, json!([{"name": "HF_TOKEN", "value": "y"}]));
    assert_eq!(init(&fixture)["env"], json!([{"name": "HF_TOKEN", "value": "y"}]));
}

#[test]
fn the_operators_variables_and_volume_are_for_new_downloads() {
    let proxy = json!({"name": "HTTPS_PROXY", "value": "http://proxy:3128"});
    let disk = json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    let configured = || {
        let mut fixture = of("s3://bucket/model");
        fixture.settings.storage.env = vec![proxy.clone()];
        fixture.settings.storage.volume = Some(disk.clone());
        fixture
    };
    let pod = configured().pod();
    assert_eq!(pod["initContainers"][0]["env"], json!([proxy]));
    let mut volume = disk.clone();
    volume["name"] = json!("kserve-provision-location");
    assert_eq!(pod["volumes"], json!([volume]));

    let empty_dir = json!([{"name": "kserve-provision-location", "emptyDir": {}}]);
    let spec = json!({"initContainers": [running("s3://bucket/model")], "volumes": empty_dir});
    let mut fixture = configured();
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": {"spec": spec}}}));
    let pod = fixture.pod();
    assert_eq!((pod["initContainers"][0].get("env"), &pod["volumes"]), (None, &empty_dir));
}

#[test]
fn a_volume_of_the_users_takes_the_place_of_ours() {
    let mut fixture = of("hf://org/model");
    let own = json!([{"name": "kserve-provision-location", "hostPath": {"path": "/nvme"}}]);
    fixture.service["spec"]["template"]["volumes"] = own.clone();
    assert_eq!(fixture.pod()["volumes"], own);
}

#[test]
fn a_download_that_runs_with_the_peers_resources_keeps_them() {
    let mut container = running("hf://org/model");
    let peer = json!({
        "requests": {"cpu": "100m", "memory": "100Mi"},
        "limits": {"cpu": "1", "memory": "8Gi"},
    });
    container["resources"] = peer.clone();
    let overlay = json!([{"name": "storage-initializer", "resources": {"limits": {"memory": "8192Mi"}}}]);
    let mut fixture = live(of("hf://org/model"), &container);
    assert_eq!(init(&fixture)["resources"]["limits"], json!({"cpu": "4", "memory": "16Gi"}));
    fixture.service["spec"]["template"]["initContainers"] = overlay;
    assert_eq!(init(&fixture)["resources"]["limits"], json!({"cpu": "1", "memory": "8192Mi"}));
    // What somebody has configured holds for all.
    fixture.settings.storage.sizes.cpu_limit = "2".to_owned();
    assert_eq!(init(&fixture)["resources"]["limits"]["cpu"], json!("2"));
}

#[rstest]
#[case::the_service_names_it(true, None, true)]
#[case::the_secret_names_the_host(false, Some("models.example.com"), true)]
#[case::another_host(false, Some("other.example.com"), false)]
#[case::another_host_after_all(true, Some("other.example.com"), false)]
#[case::nobody_knows_the_host(false, None, false)]
// S-7
fn headers_go_to_the_host_that_they_are_for(
    #[case] named: bool,
    #[case] host: Option<&str>,
    #[case] sent: bool,
) {
    let mut fixture = of("https://models.example.com/m.tar.gz");
    let annotations = json!({"serving.kserve.io/https-host": host});
    let secret =
        json!({"metadata": {"name": "http", "annotations": annotations}, "keys": ["https-host", "headers"]});
    fixture.answer(Key::Secret(Ref::new("ns", "http")), secret);
    fixture.account("default", json!({"secrets": [{"name": "http"}]}));
    if named {
        fixture.annotate("serving.kserve.io/storageSecretName", "http");
    }
    let headers = pairs(&[("models.example.com-headers", json!({"name": "http", "key": "headers"}))]);
    assert_eq!(env(&fixture), if sent { headers } else { Vec::new() });
}

fn adapters(base: &str, adapters: &[(&str, &str)]) -> Fixture {
    let mut fixture = of(base);
    let adapters: Vec<Value> = adapters.iter().map(|(name, uri)| json!({"name": name, "uri": uri})).collect();
    fixture.service["spec"]["model"]["lora"] = json!({"adapters": adapters});
    fixture
}

#[test]
// A-2
fn a_model_and_its_adapters_are_mounted_each_at_its_own_path() {
    let adapters = [("b", "pvc://claim/b"), ("a", "hf://org/a"), ("C/1", "s3://bucket/c")];
    let pod = adapters_of("hf://org/model", &adapters);
    let init = &pod["initContainers"][0];
    let args =
        ["hf://org/model", "/mnt/models", "s3://bucket/c", "/mnt/lora/C-1", "hf://org/a", "/mnt/lora/a"];
    assert_eq!(init["args"], json!(args));
    assert_eq!(
        init["volumeMounts"],
        json!([
            {"name": "kserve-provision-location", "mountPath": "/mnt/models"},
            {"name": "kserve-lora-adapters", "mountPath": "/mnt/lora"},
        ])
    );
    let downloaded = |directory: &str| {
        let path = format!("/mnt/lora/{directory}");
        json!({"name": "kserve-lora-adapters", "mountPath": path, "subPath": directory, "readOnly": true})
    };
    assert_eq!(
        pod["containers"][0]["volumeMounts"],
        json!([
            {"name": "kserve-provision-location", "mountPath": "/mnt/models", "readOnly": true},
            downloaded("C-1"),
            downloaded("a"),
            {"name": "lora-pvc-b", "mountPath": "/mnt/lora/b", "subPath": "b", "readOnly": true},
        ])
    );
    assert_eq!(
        pod["volumes"],
        json!([
            {"name": "kserve-provision-location", "emptyDir": {}},
            {"name": "kserve-lora-adapters", "emptyDir": {}},
            {"name": "lora-pvc-b", "persistentVolumeClaim": {"claimName": "claim"}},
        ])
    );
}

fn adapters_of(base: &str, list: &[(&str, &str)]) -> Value {
    adapters(base, list).pod()
}

#[rstest]
#[case::modelcar("oci+modelcar://registry/m", "kserve-provision-location")]
#[case::image("oci+native://registry/m", "mnt-models")]
#[case::claim("pvc://claim/m", "kserve-pvc-source")]
// A-1
fn downloaded_adapters_have_a_volume_of_their_own_beside_any_model(#[case] base: &str, #[case] volume: &str) {
    let pod = adapters_of(base, &[("a", "hf://org/a")]);
    let init = pod["initContainers"].as_array().unwrap().last().unwrap();
    assert_eq!(init["args"], json!(["hf://org/a", "/mnt/lora/a"]));
    assert_eq!(init["volumeMounts"], json!([{"name": "kserve-lora-adapters", "mountPath": "/mnt/lora"}]));
    let mounts = &pod["containers"][0]["volumeMounts"];
    assert_eq!((&mounts[0]["name"], &mounts[0]["mountPath"]), (&json!(volume), &json!("/mnt/models")));
    let adapter =
        json!({"name": "kserve-lora-adapters", "mountPath": "/mnt/lora/a", "subPath": "a", "readOnly": true});
    assert_eq!(mounts[1], adapter);
}

#[test]
// A-3
fn a_claim_of_an_adapter_has_a_volume_name_whatever_the_adapters_name() {
    let pod =
        adapters_of("pvc://claim/m", &[("Team_A", "pvc://c"), ("team-a", "pvc://c"), ("team.a", "pvc://c")]);
    let names: Vec<&str> =
        pod["volumes"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["kserve-pvc-source", "lora-pvc-team-a-49b1cebe", "lora-pvc-team-a", "lora-pvc-team-a-d2d33f20"]
    );
}
