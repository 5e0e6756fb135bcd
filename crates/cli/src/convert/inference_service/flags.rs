//! Flags that say what the service says elsewhere, and those of KServe's server for Hugging Face models.

use super::super::Loss;
use super::super::common::args::Args;
use super::super::common::command::Program;

/// What the flags say about the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// A model of the hub, or a folder in the pod.
    pub model: Option<String>,
    /// Its revision.
    pub revision: Option<String>,
    /// Names in requests.
    pub names: Vec<String>,
}

impl Hints {
    /// These, and what only the lower layer says.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            model: self.model.or(below.model),
            revision: self.revision.or(below.revision),
            names: if self.names.is_empty() { below.names } else { self.names },
        }
    }
}

/// Flags of huggingfaceserver without a counterpart in vLLM.
const OF_HUGGING_FACE: [&str; 12] = [
    "http-port",
    "grpc-port",
    "enable-grpc",
    "workers",
    "enable-docs-url",
    "max-asyncio-workers",
    "predictor-host",
    "disable-lower-case",
    "disable-special-tokens",
    "tensor-input-names",
    "return-token-type-ids",
    "return-probabilities",
];
/// What a group's start script says for each pod.
const OF_A_GROUP: [&str; 7] = [
    "distributed-executor-backend",
    "nnodes",
    "node-rank",
    "master-addr",
    "master-port",
    "headless",
    "data-parallel-address",
];

/// Takes them.
pub fn take(args: &mut Args, program: Program, place: &str, lost: &mut Vec<Loss>) -> Hints {
    let leading = if program == Program::Vllm { args.take_leading().into_iter().next() } else { None };
    let hub = args.take("model-id");
    args.take("model-dir");
    args.take("port");
    if args.flags().iter().any(|flag| flag == "host") {
        args.take("host");
    }
    args.rename("max-length", "max-model-len");
    let names = args.take_all("served-model-name").or_else(|| args.take_all("model-name"));
    args.take_all("model-name");
    backend(args, place, lost);
    let model = hub.or_else(|| args.take("model")).or(leading);
    args.take("model");
    let revision = args.take("model-revision").or_else(|| args.take("revision"));
    lose(args, &OF_HUGGING_FACE, "a flag of huggingfaceserver without a counterpart in vLLM", place, lost);
    Hints { model, revision, names: names.unwrap_or_default() }
}

/// vLLM serves either way; a task other than text generation is one of the other backend.
fn backend(args: &mut Args, place: &str, lost: &mut Vec<Loss>) {
    for (flag, same) in [("backend", ["vllm", "auto"]), ("task", ["text_generation", "generate"])] {
        let Some(value) = args.take(flag) else { continue };
        if !same.contains(&value.as_str()) {
            lost.push(Loss::new(
                format!("{place} --{flag}"),
                format!("{value}: vLLM serves the model, see whether it can"),
            ));
        }
    }
}

/// Takes flags of groups that the operator's own start script gives.
pub fn take_of_groups(args: &mut Args, place: &str, lost: &mut Vec<Loss>) {
    lose(args, &OF_A_GROUP, "the operator tells each pod of a group", place, lost);
}

/// Takes flags that have no counterpart.
pub fn lose(args: &mut Args, flags: &[&str], why: &str, place: &str, lost: &mut Vec<Loss>) {
    for flag in flags {
        if args.take_all(flag).is_some() {
            lost.push(Loss::new(format!("{place} --{flag}"), why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &str, program: Program) -> (Hints, String, Vec<String>) {
        let mut args = Args::new(words.split(' ').map(str::to_owned).collect());
        let mut lost = Vec::new();
        let hints = take(&mut args, program, "args", &mut lost);
        (hints, args.words().join(" "), lost.into_iter().map(|loss| loss.path).collect())
    }

    #[test]
    fn flags_of_hugging_face_are_renamed_or_dropped() {
        let words = "--model_name=llama --model_id=a/b --max_length=10 --backend=huggingface --task=text_generation --enable_grpc --dtype=half";
        let hints = Hints { model: Some("a/b".to_owned()), revision: None, names: vec!["llama".to_owned()] };
        let lost = vec!["args --backend".to_owned(), "args --enable-grpc".to_owned()];
        assert_eq!(taken(words, Program::Image), (hints, "--max-model-len=10 --dtype=half".to_owned(), lost));
    }

    #[test]
    fn flags_of_vllm_stay() {
        let hints = Hints { model: Some("m".to_owned()), revision: Some("r".to_owned()), names: vec![] };
        let rest = "--max-model-len 5".to_owned();
        assert_eq!(
            taken("m --port 80 --host 0.0.0.0 --revision r --max-model-len 5", Program::Vllm),
            (hints, rest, vec![])
        );
    }
}
