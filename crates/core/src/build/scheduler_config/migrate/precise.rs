//! The precise prefix cache: tokens, index and score are three plugins since 0.9, and tokens come from the service's
//! tokenizer.

use serde_json::{Map, Value, json};

use super::prefix::PRODUCER_NAME;
use super::{Needs, PRECISE_SCORER, PREFIX_SCORER, Version, is_type, name_of, plugins};
use crate::tree;

const TOKENS: &str = "token-producer";
const PRODUCER: &str = "precise-prefix-cache-producer";
/// Where the tokenizer has the model's files.
const MODEL: &str = "/mnt/models/base";

/// The tokenizer beside an older picker is reached through a socket (`§10.5`).
pub fn complete_sidecar(document: &mut Value, needs: &Needs) {
    if !needs.sidecar || needs.version >= Version(0, 9) {
        return;
    }
    for plugin in plugins(document) {
        if is_type(plugin, PRECISE_SCORER) {
            point_to_sidecar(tree::entry(plugin, "parameters"));
        } else if let Some(size) = tree::get(plugin, &["parameters", "blockSize"]).cloned()
            && is_type(plugin, PREFIX_SCORER)
        {
            tree::object(plugin, "parameters").entry("blockSizeTokens").or_insert(size);
        }
    }
}

fn point_to_sidecar(parameters: &mut Value) {
    let pool = tree::entry(tree::entry(parameters, "indexerConfig"), "tokenizersPoolConfig");
    *tree::entry(pool, "modelName") = json!("base");
    *tree::entry(tree::entry(pool, "uds"), "socketFile") = json!("/tmp/tokenizer/tokenizer-uds.socket");
    promote(parameters);
}

/// How tokens are grouped into blocks stands at the top.
fn promote(parameters: &mut Value) {
    const GROUPING: &str = "tokenProcessorConfig";
    let below = tree::get(parameters, &["indexerConfig", GROUPING]).cloned();
    if let (Some(below), None) = (below, parameters.get(GROUPING)) {
        *tree::entry(parameters, GROUPING) = below;
    }
}

/// The scorer of older pickers, where there is a tokenizer: three plugins take its place. Whatever else scored prefixes
/// goes, and profiles count the score once.
pub fn split_scorer(document: &mut Value, needs: &Needs) {
    let at = plugins(document).iter().position(|p| is_type(p, PRECISE_SCORER));
    let (Some(at), Some(url)) = (at, &needs.tokenizer) else { return };
    let old = plugins(document).remove(at);
    let gone = |p: &Value| is_type(p, PRECISE_SCORER) || is_type(p, PREFIX_SCORER);
    let names: Vec<String> =
        plugins(document).iter().chain([&old]).filter(|p| gone(p)).map(|p| name_of(p).to_owned()).collect();
    let before = plugins(document).iter().take(at).filter(|p| !gone(p)).count();
    plugins(document).retain(|p| !gone(p));
    let three = [
        json!({"type": TOKENS, "parameters": {"modelName": MODEL, "vllm": {"url": url}}}),
        producer(&old),
        json!({"type": PREFIX_SCORER, "parameters": {PRODUCER_NAME: PRODUCER}}),
    ];
    plugins(document).splice(before..before, three);
    for profile in tree::array(document, "schedulingProfiles") {
        score_once(profile, &names);
    }
}

fn producer(scorer: &Value) -> Value {
    let mut parameters =
        scorer.get("parameters").filter(|p| p.is_object()).cloned().unwrap_or_else(|| json!({}));
    promote(&mut parameters);
    if let Some(indexer) = parameters.get_mut("indexerConfig").and_then(Value::as_object_mut) {
        indexer.remove("tokenizersPoolConfig");
        indexer.remove("tokenProcessorConfig");
    }
    if let Some(parameters) = parameters.as_object_mut()
        && parameters.get("indexerConfig").is_some_and(|i| i.as_object().is_some_and(Map::is_empty))
    {
        parameters.remove("indexerConfig");
    }
    let mut plugin = json!({"type": PRODUCER, "parameters": parameters});
    super::tidy(&mut plugin);
    plugin
}

fn score_once(profile: &mut Value, names: &[String]) {
    let mut seen = false;
    tree::array(profile, "plugins").retain_mut(|reference| {
        if !names.iter().any(|name| name == tree::text(reference, &["pluginRef"])) {
            return true;
        }
        *tree::entry(reference, "pluginRef") = json!(PREFIX_SCORER);
        !std::mem::replace(&mut seen, true)
    });
}

/// A producer of tokens that does not say where its tokenizer is uses the service's own.
pub fn complete_producers(document: &mut Value, needs: &Needs) {
    let Some(url) = &needs.tokenizer else { return };
    for producer in plugins(document).iter_mut().filter(|p| is_type(p, TOKENS)) {
        let parameters = tree::entry(producer, "parameters");
        set_if_empty(parameters, "modelName", MODEL);
        set_if_empty(tree::entry(parameters, "vllm"), "url", url);
    }
}

fn set_if_empty(value: &mut Value, key: &str, text: &str) {
    if tree::text(value, &[key]).is_empty() {
        *tree::entry(value, key) = json!(text);
    }
}
