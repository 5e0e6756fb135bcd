//! Key `storageInitializer`: how weights get into pods.

use serde_json::{Map, Value};

use super::Settings;
use super::parse::{SettingsError, bad, flag, only_texts, some_text};
use crate::quantity::nanos;

const KEY: &str = "storageInitializer";

/// Key `storageInitializer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSettings {
    /// Image of the download container.
    pub image: String,
    /// Resources of the download container.
    pub sizes: Sizes,
    /// Environment of the download container; what the service says wins.
    pub env: Vec<Value>,
    /// Volume source that holds what is downloaded; none for an `emptyDir`.
    pub volume: Option<Value>,
    /// ConfigMap with a CA bundle, if any.
    pub ca_bundle_config_map: Option<String>,
    /// Where the bundle is mounted.
    pub ca_bundle_mount_path: Option<String>,
    /// What `oci://` means.
    pub oci_mode: OciMode,
    /// CPU of a modelcar, request and limit.
    pub modelcar_cpu: String,
    /// Memory of a modelcar, request and limit.
    pub modelcar_memory: String,
    /// User of a modelcar and of the container that reads it; none leaves both as their images say.
    pub modelcar_uid: Option<i64>,
}

/// Resources of the download container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// CPU request.
    pub cpu_request: String,
    /// CPU limit.
    pub cpu_limit: String,
    /// Memory request.
    pub memory_request: String,
    /// Memory limit.
    pub memory_limit: String,
}

/// What `oci://` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OciMode {
    /// Nothing: only the schemes that name a mode are taken.
    Off,
    /// The image runs beside the model server, which reads its files.
    Modelcar,
    /// The kubelet mounts the image.
    Native,
    /// The download container would fetch it, which ours can't.
    Fetch,
}

/// Requests as in the peer, since they count in scheduling; limits with which a model of 100 GB is downloaded, whose
/// transfers run in parallel and hold what they have in memory.
const SIZES: [&str; 4] = ["100m", "4", "100Mi", "16Gi"];
/// What the peer gives the download container, and earlier pods may have.
pub const PEER_SIZES: [&str; 4] = ["100m", "1", "100Mi", "1Gi"];

impl Sizes {
    /// CPU request and limit, memory request and limit.
    pub fn of([cpu_request, cpu_limit, memory_request, memory_limit]: [&str; 4]) -> Self {
        Self {
            cpu_request: cpu_request.to_owned(),
            cpu_limit: cpu_limit.to_owned(),
            memory_request: memory_request.to_owned(),
            memory_limit: memory_limit.to_owned(),
        }
    }
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            image: "kserve/storage-initializer:latest".to_owned(),
            sizes: Sizes::of(SIZES),
            env: Vec::new(),
            volume: None,
            ca_bundle_config_map: None,
            ca_bundle_mount_path: None,
            oci_mode: OciMode::Modelcar,
            modelcar_cpu: "10m".to_owned(),
            modelcar_memory: "15Mi".to_owned(),
            modelcar_uid: None,
        }
    }
}

/// Reads the key.
pub(super) fn storage(to: &mut Settings, doc: &Value, _: &str) -> Result<(), SettingsError> {
    only_texts(KEY, doc, &["image", "caBundleConfigMapName", "caBundleVolumeMountPath"])?;
    only_texts(KEY, doc, &["cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit", "ociModelMode"])?;
    only_texts(KEY, doc, &["cpuModelcar", "memoryModelcar"])?;
    let default = StorageSettings::default();
    to.storage = StorageSettings {
        image: some_text(doc, "image").unwrap_or(&default.image).to_owned(),
        sizes: sizes(doc, &default.sizes)?,
        env: env(doc)?,
        volume: volume(doc)?,
        ca_bundle_config_map: some_text(doc, "caBundleConfigMapName").map(str::to_owned),
        ca_bundle_mount_path: some_text(doc, "caBundleVolumeMountPath").map(str::to_owned),
        oci_mode: oci_mode(doc)?,
        modelcar_cpu: quantity(doc, "cpuModelcar", &default.modelcar_cpu)?,
        modelcar_memory: quantity(doc, "memoryModelcar", &default.modelcar_memory)?,
        modelcar_uid: uid(doc)?,
    };
    Ok(())
}

fn sizes(doc: &Value, default: &Sizes) -> Result<Sizes, SettingsError> {
    Ok(Sizes {
        cpu_request: quantity(doc, "cpuRequest", &default.cpu_request)?,
        cpu_limit: quantity(doc, "cpuLimit", &default.cpu_limit)?,
        memory_request: quantity(doc, "memoryRequest", &default.memory_request)?,
        memory_limit: quantity(doc, "memoryLimit", &default.memory_limit)?,
    })
}

fn quantity(doc: &Value, field: &'static str, default: &str) -> Result<String, SettingsError> {
    match some_text(doc, field) {
        Some(value) if nanos(value).is_none() => {
            Err(bad(KEY, field, value, "a quantity such as 100m or 1Gi"))
        }
        value => Ok(value.unwrap_or(default).to_owned()),
    }
}

fn env(doc: &Value) -> Result<Vec<Value>, SettingsError> {
    let wrong = |value: &Value| bad(KEY, "env", &value.to_string(), "a list of {name, value}");
    let Some(given) = doc.get("env").filter(|v| !v.is_null()) else { return Ok(Vec::new()) };
    let list = given.as_array().ok_or_else(|| wrong(given))?;
    let is_variable = |v: &Value| v.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    match list.iter().find(|v| !is_variable(v)) {
        Some(value) => Err(wrong(value)),
        None => Ok(list.clone()),
    }
}

fn volume(doc: &Value) -> Result<Option<Value>, SettingsError> {
    let given = doc.get("volume").filter(|v| !v.is_null());
    let wanted = "a volume source such as {\"emptyDir\": {}}";
    match given {
        Some(value) if value.as_object().map(Map::len) != Some(1) => {
            Err(bad(KEY, "volume", &value.to_string(), wanted))
        }
        given => Ok(given.cloned()),
    }
}

/// A named mode wins over the two older switches. Without the whole key a modelcar is the shipped default, with the
/// key but none of the three it is off, as in the peer.
fn oci_mode(doc: &Value) -> Result<OciMode, SettingsError> {
    let on = |field| Ok::<_, SettingsError>(flag(doc, KEY, field)?.unwrap_or(false));
    let switched_on = on("enableModelcar")? | on("enableOciModelSupport")?;
    match some_text(doc, "ociModelMode") {
        Some("modelcar") => Ok(OciMode::Modelcar),
        Some("native") => Ok(OciMode::Native),
        Some("fetch") => Ok(OciMode::Fetch),
        Some(other) => Err(bad(KEY, "ociModelMode", other, "modelcar or native")),
        None if switched_on => Ok(OciMode::Modelcar),
        None => Ok(OciMode::Off),
    }
}

fn uid(doc: &Value) -> Result<Option<i64>, SettingsError> {
    let Some(given) = doc.get("uidModelcar").filter(|v| !v.is_null()) else { return Ok(None) };
    match given.as_i64().filter(|uid| *uid >= 0) {
        Some(uid) => Ok(Some(uid)),
        None => Err(bad(KEY, "uidModelcar", &given.to_string(), "a user id")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read(doc: &Value) -> Result<StorageSettings, String> {
        let mut settings = Settings::default();
        storage(&mut settings, doc, "kserve").map_err(|error| error.to_string())?;
        Ok(settings.storage)
    }

    #[test]
    fn every_field_is_read() {
        let token = json!({"name": "HTTPS_PROXY", "value": "http://proxy:3128"});
        let doc = json!({
            "image": "registry/init:1",
            "cpuRequest": "1", "cpuLimit": "2", "memoryRequest": "3Gi", "memoryLimit": "4Gi",
            "env": [token],
            "volume": {"emptyDir": {"sizeLimit": "200Gi"}},
            "caBundleConfigMapName": "bundle", "caBundleVolumeMountPath": "/certs",
            "ociModelMode": "native",
            "cpuModelcar": "20m", "memoryModelcar": "30Mi", "uidModelcar": 1010,
        });
        let expected = StorageSettings {
            image: "registry/init:1".to_owned(),
            sizes: Sizes::of(["1", "2", "3Gi", "4Gi"]),
            env: vec![token],
            volume: Some(json!({"emptyDir": {"sizeLimit": "200Gi"}})),
            ca_bundle_config_map: Some("bundle".to_owned()),
            ca_bundle_mount_path: Some("/certs".to_owned()),
            oci_mode: OciMode::Native,
            modelcar_cpu: "20m".to_owned(),
            modelcar_memory: "30Mi".to_owned(),
            modelcar_uid: Some(1010),
        };
        assert_eq!(read(&doc), Ok(expected));
    }

    #[rstest]
    #[case::off(json!({}), OciMode::Off)]
    #[case::modelcar_switch(json!({"enableModelcar": true}), OciMode::Modelcar)]
    #[case::other_switch(json!({"enableOciModelSupport": true}), OciMode::Modelcar)]
    #[case::mode_wins(json!({"ociModelMode": "native", "enableModelcar": true}), OciMode::Native)]
    #[case::modelcar(json!({"ociModelMode": "modelcar"}), OciMode::Modelcar)]
    #[case::fetch(json!({"ociModelMode": "fetch"}), OciMode::Fetch)]
    // S-4
    fn the_mode_is_named_or_switched_on(#[case] doc: Value, #[case] expected: OciMode) {
        assert_eq!(read(&doc).unwrap().oci_mode, expected);
    }

    #[rstest]
    #[case::mode(json!({"ociModelMode": "magic"}), "ociModelMode: \"magic\" is not modelcar or native")]
    #[case::env(json!({"env": {"A": "b"}}), "env: \"{\\\"A\\\":\\\"b\\\"}\" is not a list of {name, value}")]
    #[case::nameless(json!({"env": [{"value": "b"}]}), "env: \"{\\\"value\\\":\\\"b\\\"}\" is not a list of")]
    #[case::volume(json!({"volume": {}}), "volume: \"{}\" is not a volume source such as")]
    #[case::uid(json!({"uidModelcar": "root"}), "uidModelcar: \"\\\"root\\\"\" is not a user id")]
    #[case::size(json!({"memoryModelcar": "much"}), "memoryModelcar: \"much\" is not a quantity")]
    fn what_cannot_be_used_is_named(#[case] doc: Value, #[case] expected: &str) {
        let error = read(&doc).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
