use rstest::rstest;
use serde_json::{Value, json};

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
            "limits": {"cpu": "1", "memory": "1Gi"},
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
    assert_eq!(init["resources"]["limits"], json!({"cpu": "1", "memory": "8Gi"}));
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
