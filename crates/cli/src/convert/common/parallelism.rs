//! Parallelism from vLLM's flags.

use serde_json::{Map, Value, json};

use super::args::Args;

/// `parallelism` from the flags, which are gone then; without `dataLocal` when no flag gives it.
pub fn take(args: &mut Args) -> Map<String, Value> {
    let fields = [
        ("tensor", "tensor-parallel-size"),
        ("pipeline", "pipeline-parallel-size"),
        ("data", "data-parallel-size"),
        ("dataLocal", "data-parallel-size-local"),
        ("dataRPCPort", "data-parallel-rpc-port"),
    ];
    let numbers = fields.into_iter().filter_map(|(field, flag)| Some((field, args.take_number(flag)?)));
    let mut taken: Map<String, Value> =
        numbers.map(|(field, number)| (field.to_owned(), json!(number))).collect();
    if args.take_switch("enable-expert-parallel") == Some(true) {
        taken.insert("expert".to_owned(), json!(true));
    }
    taken
}

/// Makes it valid for replicas of so many nodes: one pipeline stage is none, and every rank is on some node.
pub fn settle(parallelism: &mut Map<String, Value>, nodes: i64) {
    let of = |map: &Map<String, Value>, field: &str| map.get(field).and_then(Value::as_i64);
    for field in ["pipeline", "data"] {
        if of(parallelism, field) == Some(1) {
            parallelism.remove(field);
        }
    }
    match of(parallelism, "data") {
        None => parallelism.retain(|field, _| !field.starts_with("data")),
        Some(data) => {
            let local = of(parallelism, "dataLocal").unwrap_or((data / nodes.max(1)).max(1));
            parallelism.insert("dataLocal".to_owned(), json!(local));
        }
    }
}

/// The same for the field of a spec, which goes when nothing is left in it.
pub fn settle_in(spec: &mut Value, nodes: i64) {
    let Some(mut sizes) = spec.get("parallelism").and_then(Value::as_object).cloned() else { return };
    settle(&mut sizes, nodes);
    if sizes.is_empty() {
        spec.as_object_mut().and_then(|spec| spec.remove("parallelism"));
    } else {
        *llmisvc_core::tree::entry(spec, "parallelism") = Value::Object(sizes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(words: &str, nodes: i64) -> Value {
        let mut args = Args::new(words.split(' ').map(str::to_owned).collect());
        let mut taken = take(&mut args);
        assert_eq!(args.words(), ["--x"]);
        settle(&mut taken, nodes);
        Value::Object(taken)
    }

    #[test]
    fn flags_become_fields() {
        assert_eq!(settled("-tp 4 --pipeline-parallel-size=1 --x", 1), json!({"tensor": 4}));
        let data = settled("--data-parallel-size 16 --enable-expert-parallel --x", 2);
        assert_eq!(data, json!({"data": 16, "dataLocal": 8, "expert": true}));
        assert_eq!(settled("--data-parallel-size 1 --data-parallel-rpc-port 5 --x", 1), json!({}));
    }
}
