//! The pod templates of one service, as they are checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use llmisvc_core::tree;
use llmisvc_testkit::documents;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What a service comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// Pod templates by the object that has them.
    Templates(BTreeMap<String, Value>),
    /// What this build says where it renders nothing.
    Refused(Vec<String>),
}

impl Record {
    /// The templates among a service's children.
    pub fn templates<'a>(objects: impl Iterator<Item = &'a Value>) -> Result<Self> {
        let mut templates = BTreeMap::new();
        for object in objects {
            let place: &[&str] = match tree::text(object, &["kind"]) {
                "Deployment" => &["spec", "template"],
                "LeaderWorkerSet" => &["spec", "leaderWorkerTemplate"],
                _ => continue,
            };
            let name = documents::identity(object);
            let template = tree::get(object, place).with_context(|| format!("{name} has no pod template"))?;
            templates.insert(name, template.clone());
        }
        Ok(Self::Templates(templates))
    }

    pub fn parse(text: &str) -> Result<Self> {
        Ok(serde_yaml_ng::with::singleton_map::deserialize(serde_yaml_ng::Deserializer::from_str(text))?)
    }

    pub fn text(&self) -> Result<String> {
        let mut text = Vec::new();
        serde_yaml_ng::with::singleton_map::serialize(self, &mut serde_yaml_ng::Serializer::new(&mut text))?;
        Ok(String::from_utf8(text)?)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(fs::write(path, self.text()?)?)
    }

    /// Short, since it is written by hand into the list of changes.
    pub fn digest(&self) -> Result<String> {
        let hash = Sha256::digest(self.text()?);
        let head = hash.iter().take(6).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        Ok(format!("{head:012x}"))
    }
}
