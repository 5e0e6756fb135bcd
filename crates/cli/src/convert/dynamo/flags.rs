//! Flags of a worker: vLLM's stay, Dynamo's are told.

use super::super::Loss;
use super::super::common::args::Args;

/// Flags without a counterpart, and why.
const OF_DYNAMO: [(&str, &str); 14] = [
    (
        "dyn-tool-call-parser",
        "vLLM has --enable-auto-tool-choice and --tool-call-parser, with names of its own",
    ),
    ("dyn-reasoning-parser", "vLLM has --reasoning-parser, with names of its own"),
    ("custom-jinja-template", "vLLM has --chat-template"),
    ("kv-events-config", "the profile of the endpoint picker that reads events brings its own"),
    ("migration-limit", DISCOVERY),
    ("request-plane", DISCOVERY),
    ("event-plane", DISCOVERY),
    ("discovery-backend", DISCOVERY),
    ("store-kv", DISCOVERY),
    ("endpoint", DISCOVERY),
    ("namespace", DISCOVERY),
    ("durable-kv-events", DISCOVERY),
    ("enable-local-indexer", DISCOVERY),
    ("use-vllm-tokenizer", "vLLM always has its own"),
];
const DISCOVERY: &str =
    "about how components of Dynamo find each other, which Services and an InferencePool do here";

/// What the flags say about the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// `--model`.
    pub model: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// The first of `--served-model-name`.
    pub name: Option<String>,
}

/// Takes what is not vLLM's, or stands elsewhere in the service.
pub fn take(args: &mut Args, is_split: bool, place: &str, lost: &mut Vec<Loss>) -> Named {
    for role in ["is-prefill-worker", "is-decode-worker"] {
        args.take_switch(role);
    }
    for consumed in ["disaggregation-mode", "port", "host"] {
        args.take_all(consumed);
    }
    connectors(args, is_split, place, lost);
    for (flag, why) in OF_DYNAMO {
        if args.take_all(flag).is_some() {
            lost.push(Loss::new(format!("{place} --{flag}"), why));
        }
    }
    for flag in args.flags().iter().filter(|flag| flag.starts_with("dyn-")) {
        args.take_all(flag);
        lost.push(Loss::new(format!("{place} --{flag}"), "of Dynamo, vLLM has no such flag"));
    }
    let mut names = args.take_all("served-model-name").unwrap_or_default().into_iter();
    let name = names.next();
    lost.extend(
        names
            .map(|other| Loss::new(format!("{place} --served-model-name {other}"), "a service has one name")),
    );
    Named { model: args.take("model"), revision: args.take("revision"), name }
}

/// The operator gives both roles NIXL where they are apart; another connector is vLLM's own business.
fn connectors(args: &mut Args, is_split: bool, place: &str, lost: &mut Vec<Loss>) {
    for connector in args.take_all("connector").unwrap_or_default() {
        if !["nixl", "none"].contains(&connector.as_str()) {
            let why = format!(
                "{connector}: for memory and disks there is kvCacheOffloading, for others --kv-transfer-config"
            );
            lost.push(Loss::new(format!("{place} --connector"), why));
        }
    }
    let flag = "kv-transfer-config";
    let given = llmisvc_core::build::argv::value_of(args.words(), flag).unwrap_or_default();
    if given.contains("\"NixlConnector\"") {
        args.take_all(flag);
        if !is_split {
            lost.push(Loss::new(format!("{place} --{flag}"), "without prefill there is nothing to transfer"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_vllm_goes() {
        let words = "--model Qwen/Qwen3-8B --is-prefill-worker --connector kvbm nixl --dyn-x y --disaggregation-mode=prefill --enforce-eager --migration-limit 3";
        let mut args = Args::new(words.split(' ').map(str::to_owned).collect());
        let mut lost = Vec::new();
        let named = take(&mut args, true, "args", &mut lost);
        assert_eq!(named, Named { model: Some("Qwen/Qwen3-8B".to_owned()), ..Named::default() });
        assert_eq!(args.words(), ["--enforce-eager"]);
        let lost: Vec<String> = lost.into_iter().map(|loss| loss.path).collect();
        assert_eq!(lost, ["args --connector", "args --migration-limit", "args --dyn-x"]);
    }

    #[test]
    fn only_nixl_is_the_operators() {
        let nixl = "--kv-transfer-config={\"kv_connector\":\"NixlConnector\",\"kv_role\":\"kv_both\"}";
        let other = "--kv-transfer-config={\"kv_connector\":\"LMCacheConnectorV1\"}";
        for (word, is_split, left, losses) in [(nixl, true, 0, 0), (nixl, false, 0, 1), (other, true, 1, 0)] {
            let (mut args, mut lost) = (Args::new(vec![word.to_owned()]), Vec::new());
            take(&mut args, is_split, "args", &mut lost);
            assert_eq!((args.words().len(), lost.len()), (left, losses));
        }
    }
}
