//! Container images: which ones a tree names, and their place in a registry of one's own.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::settings::Settings;

/// The image of downloads, unless the global ConfigMap names another.
pub fn of_downloads() -> String {
    Settings::default().storage.image
}

/// Every image that a tree names in a field `image`.
pub fn of(tree: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each(&mut tree.clone(), &mut |image| {
        found.insert(image.clone());
    });
    found
}

/// The same trees with each image in this registry; as they are without one.
pub fn from_registry(mut trees: Vec<Value>, registry: &str) -> Vec<Value> {
    for tree in &mut trees {
        each(tree, &mut |image| *image = relocated(image, registry));
    }
    trees
}

/// `REGISTRY/PATH` of an image whose own registry, if it names one, is left out; the image itself without one. As
/// for container runtimes, a first part with a dot or a colon, or `localhost`, is a registry.
pub fn relocated(image: &str, registry: &str) -> String {
    if registry.is_empty() {
        return image.to_owned();
    }
    let names_registry = |first: &str| first == "localhost" || first.contains(['.', ':']);
    let path =
        image.split_once('/').filter(|(first, _)| names_registry(first)).map_or(image, |(_, path)| path);
    format!("{}/{path}", registry.trim_end_matches('/'))
}

/// The last part of an image's name, without tag and digest.
pub fn repository(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next().unwrap_or(last)
}

fn each(tree: &mut Value, act: &mut impl FnMut(&mut String)) {
    match tree {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(image) if name == "image" => act(image),
                    other => each(other, act),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, act)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_registry_of_an_image_is_replaced_and_its_path_kept() {
        let cases = [
            ("ghcr.io/llm-d/llm-d-cuda:v0.9.0", "mirror.example/llm-d/llm-d-cuda:v0.9.0"),
            ("kserve/storage-initializer:latest", "mirror.example/kserve/storage-initializer:latest"),
            ("localhost/x@sha256:12", "mirror.example/x@sha256:12"),
            ("registry:5000/x", "mirror.example/x"),
            ("busybox:1.36", "mirror.example/busybox:1.36"),
        ];
        for (image, expected) in cases {
            assert_eq!(relocated(image, "mirror.example"), expected);
            assert_eq!(relocated(image, ""), image);
        }
        assert_eq!(relocated("a.example/x", "mirror.example/team/"), "mirror.example/team/x");
    }

    #[test]
    fn images_of_all_containers_move_and_nothing_else() {
        let tree = |image: &str| {
            json!({"spec": {"template": {
                "containers": [{"name": "image", "image": image}],
                "initContainers": [{"image": image, "args": ["--image", "ghcr.io/kept"]}],
                "volumes": [{"image": {"reference": "ghcr.io/kept"}}],
            }}})
        };
        assert_eq!(from_registry(vec![tree("ghcr.io/a/b:1")], "r.example"), [tree("r.example/a/b:1")]);
        assert_eq!(of(&tree("ghcr.io/a/b:1")), BTreeSet::from(["ghcr.io/a/b:1".to_owned()]));
    }

    #[test]
    fn every_shipped_image_moves() {
        for preset in from_registry(crate::presets::shipped(""), "r.example") {
            assert!(of(&preset).iter().all(|image| image.starts_with("r.example/")), "{preset:#}");
        }
    }
}
