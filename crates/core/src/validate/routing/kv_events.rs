//! A precise prefix cache needs servers that publish what they cache, in blocks of the same size
//! (`reference/llm-d.md §1.4`).

use serde_json::Value;

use crate::build::{argv, expansion};
use crate::tree;

const INDEXES: [&str; 2] = ["precise-prefix-cache-producer", "precise-prefix-cache-scorer"];
const EVENTS: &str = "kv-events-config";

/// What is wrong between a configuration and the model servers of `spec`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(
        "{plugin} knows only what model servers publish, and container main of spec.template has no --kv-events-config: \
         no prompt is ever found in a cache; take the preset config-llm-scheduler-precise-prefix-cache as an example"
    )]
    NoEvents { plugin: String },
    #[error(
        "{plugin} cuts prompts into blocks of {picker} tokens and the model servers of spec.template into blocks of \
         {server} (--block-size): no prompt is ever found in a cache; set both to the same"
    )]
    BlockSize { plugin: String, picker: i64, server: i64 },
}

/// The first thing that keeps a precise prefix cache empty. Words that only the pod knows may say anything.
pub fn problem(document: &Value, spec: &Value) -> Option<Problem> {
    let is_index = |p: &&Value| INDEXES.contains(&tree::text(p, &["type"]));
    let index = tree::list(document, &["plugins"]).iter().find(is_index)?;
    let plugin = tree::text(index, &["type"]).to_owned();
    let words = words(tree::named(tree::list(spec, &["template", "containers"]), "main")?)?;
    if !words.iter().any(|word| word.contains(EVENTS) || word.contains("kv_events_config")) {
        return Some(Problem::NoEvents { plugin });
    }
    let server = argv::value_of(&words, "block-size")?.parse().ok()?;
    let picker = block_size(index)?;
    (picker != server).then_some(Problem::BlockSize { plugin, picker, server })
}

fn block_size(index: &Value) -> Option<i64> {
    let paths = [
        &["parameters", "tokenProcessorConfig", "blockSize"] as &[&str],
        &["parameters", "indexerConfig", "tokenProcessorConfig", "blockSize"],
    ];
    paths.into_iter().find_map(|path| tree::get(index, path)?.as_i64())
}

/// Command, arguments and the variable with further ones; none when the variable comes from elsewhere.
fn words(main: &Value) -> Option<Vec<String>> {
    let variable = tree::named(tree::list(main, &["env"]), argv::ADDITIONAL_ARGS);
    let extra = match variable {
        Some(variable) => expansion::split(tree::get(variable, &["value"])?.as_str()?)?,
        None => Vec::new(),
    };
    Some([argv::words(main, "command"), extra, argv::words(main, "args")].concat())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const NO_EVENTS: &str = "has no --kv-events-config";
    const SIZES: &str =
        "blocks of 64 tokens and the model servers of spec.template into blocks of 16 (--block-size)";

    #[rstest]
    #[case::published(json!({"args": ["--block-size=64", "--kv-events-config", "{}"]}), None)]
    #[case::in_the_variable(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--block-size 64 --kv-events-config '{}'"}]}), None)]
    #[case::in_a_script(json!({"command": ["bash", "-c", "vllm serve --kv-events-config x"]}), None)]
    #[case::known_to_the_pod_only(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "valueFrom": {}}]}), None)]
    #[case::silent(json!({"args": ["--block-size=64"]}), Some(NO_EVENTS))]
    #[case::other_blocks(json!({"args": ["--block-size", "16", "--kv-events-config={}"]}), Some(SIZES))]
    fn a_precise_index_needs_events_and_equal_blocks(#[case] main: Value, #[case] expected: Option<&str>) {
        let mut main = main;
        main["name"] = json!("main");
        let spec = json!({"template": {"containers": [main]}});
        let parameters = json!({"tokenProcessorConfig": {"blockSize": 64}});
        let document = |kind: &str| json!({"plugins": [{"type": kind, "parameters": parameters}]});
        for kind in INDEXES {
            let said = problem(&document(kind), &spec).map(|p| p.to_string());
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(
                said.zip(expected)
                    .is_none_or(|(said, expected)| said.starts_with(kind) && said.contains(expected))
            );
        }
        assert_eq!(problem(&document("queue-scorer"), &spec), None);
    }
}
