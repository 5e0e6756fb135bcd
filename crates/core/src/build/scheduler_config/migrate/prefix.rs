//! The approximate prefix cache: since 0.9 a producer keeps the index, and the scorer only reads it.

use serde_json::{Map, Value, json};

use super::{PREFIX_SCORER, is_type, name_of, plugins, tidy};
use crate::tree;

const PRODUCER: &str = "approx-prefix-cache-producer";
/// Parameter of scorers with the name of their producer.
pub const PRODUCER_NAME: &str = "prefixMatchInfoProducerName";
/// What the scorer had and the producer has.
const PARAMETERS: [&str; 5] = [
    "autoTune",
    "blockSizeTokens",
    "maxPrefixBlocksToMatch",
    "maxPrefixTokensToMatch",
    "lruCapacityPerServer",
];

/// What a scorer was told goes to a producer of its own; a producer that the document has counts before it.
pub fn split_scorers(document: &mut Value) {
    let has_producer = super::has_plugin(document, &[PRODUCER]);
    let scorers: Vec<Value> = std::mem::take(plugins(document));
    let is_only = scorers.iter().filter(|p| is_type(p, PREFIX_SCORER)).count() == 1;
    for mut plugin in scorers {
        if is_type(&plugin, PREFIX_SCORER) {
            let producer = producer(&plugin, is_only).filter(|_| !has_producer);
            reduce(&mut plugin, producer.as_ref().map(name_of));
            plugins(document).extend(producer);
        }
        plugins(document).push(plugin);
    }
}

/// The producer with the parameters of a scorer; its own default when it has none.
fn producer(scorer: &Value, is_only: bool) -> Option<Value> {
    let given = scorer.get("parameters")?.as_object()?;
    if given.contains_key(PRODUCER_NAME) {
        return None;
    }
    let mut parameters: Map<String, Value> = given
        .iter()
        .filter(|(key, _)| PARAMETERS.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if let Some(size) = given.get("blockSize") {
        parameters.entry("blockSizeTokens").or_insert(size.clone());
    }
    let name = if is_only { PRODUCER.to_owned() } else { format!("{}-producer", name_of(scorer)) };
    (!parameters.is_empty()).then(|| json!({"type": PRODUCER, "name": name, "parameters": parameters}))
}

fn reduce(scorer: &mut Value, producer: Option<&str>) {
    let Some(parameters) = scorer.get_mut("parameters").and_then(Value::as_object_mut) else { return };
    let before = parameters.len();
    parameters.retain(|key, _| key == PRODUCER_NAME);
    let is_less = parameters.len() < before;
    if let Some(producer) = producer {
        *tree::entry(tree::entry(scorer, "parameters"), PRODUCER_NAME) = json!(producer);
    }
    if is_less {
        tidy(scorer);
    }
}
