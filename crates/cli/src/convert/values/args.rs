//! Arguments of vLLM: which ones a service says in fields, or the operator gives by itself
//! (`reference/llm-d.md §3.4`).

use llmisvc_core::build::argv;
use llmisvc_core::build::features::NIXL;
use serde_json::Value;

use super::model::Model;
use super::parallelism::Ranks;
use super::ports::Move;
use crate::convert::common::source::scalar;

/// Flags that follow from the fields of a service.
const MANAGED: [&str; 14] = [
    "model",
    "port",
    "served-model-name",
    "tensor-parallel-size",
    "pipeline-parallel-size",
    "data-parallel-size",
    "data-parallel-size-local",
    "data-parallel-address",
    "data-parallel-rpc-port",
    "data-parallel-start-rank",
    "data-parallel-hybrid-lb",
    "enable-expert-parallel",
    "disable-uvicorn-access-log",
    "disable-access-log-for-endpoints",
];

/// Arguments, sorted by who says them in a service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Those that stay.
    pub kept: Vec<String>,
    /// All of them.
    pub all: Vec<String>,
    /// `--enable-expert-parallel`.
    pub expert: bool,
    tensor: Option<i64>,
    data: Option<i64>,
    local: Option<i64>,
}

impl Sorted {
    /// Sizes that flags give come before the chart's fields, as vLLM takes the last of a flag.
    pub fn ranks(&self, ranks: &mut Ranks) {
        ranks.tensor = self.tensor.unwrap_or(ranks.tensor);
        ranks.data = self.data.unwrap_or(ranks.data);
        ranks.local = self.local.unwrap_or(ranks.local);
    }
}

/// A list of words; numbers as they are written.
pub fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(scalar).collect()
}

/// Sorts arguments.
pub fn sorted(given: &[String], split: bool, model: &str) -> Sorted {
    let mut sorted = Sorted { all: given.to_vec(), ..Sorted::default() };
    let size = |flag: &str| argv::value_of(given, flag).and_then(|value| value.parse().ok());
    (sorted.tensor, sorted.data) = (size("tensor-parallel-size"), size("data-parallel-size"));
    sorted.local = size("data-parallel-size-local");
    for group in argv::groups(given) {
        let flag = group.first().and_then(|word| argv::flag(word)).unwrap_or_default();
        sorted.expert |= group.first().is_some_and(|word| word == "--enable-expert-parallel");
        let is_said = MANAGED.contains(&flag.as_str()) || (split && is_usual_transfer(&group));
        if !is_said || is_alias(&flag, &group, model) {
            sorted.kept.extend(group);
        }
    }
    sorted
}

/// The model goes by other names too, which nothing else says.
fn is_alias(flag: &str, group: &[String], model: &str) -> bool {
    let names = group
        .iter()
        .skip(1)
        .map(String::as_str)
        .chain(group.first().and_then(|w| Some(w.split_once('=')?.1)));
    flag == "served-model-name" && names.into_iter().any(|name| name != model)
}

fn is_usual_transfer(group: &[String]) -> bool {
    let is_it = group.first().and_then(|word| argv::flag(word)).as_deref() == Some("kv-transfer-config");
    let value = argv::value_of(group, "kv-transfer-config");
    let parsed = |text| serde_json::from_str::<Value>(text).ok();
    is_it && value.and_then(parsed) == parsed(NIXL)
}

/// What the chart gives to an image that starts by itself.
pub fn of_image(model: &Model, ranks: &Ranks, port: Move) -> Vec<String> {
    let source = if model.uri.starts_with("hf://") { model.source.as_str() } else { "/mnt/models" };
    [vec!["--model".to_owned(), source.to_owned()], of_server(model, ranks, port)].concat()
}

/// Port, ranks and name.
pub fn of_server(model: &Model, ranks: &Ranks, port: Move) -> Vec<String> {
    let mut words =
        vec!["--port".to_owned(), port.to.to_string(), "--served-model-name".to_owned(), model.name.clone()];
    for (flag, size) in [("--tensor-parallel-size", ranks.tensor), ("--data-parallel-size", ranks.data)] {
        words.extend((size > 1).then(|| [flag.to_owned(), size.to_string()]).into_iter().flatten());
    }
    words
}

/// A script uses a variable.
pub fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let ends = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        ends(text[..at].chars().next_back()) && ends(text[at + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_fields_say_goes() {
        let args = given(
            "--port 8200 --served-model-name o/m -tp 4 --block-size=128 --enable-expert-parallel --disable-uvicorn-access-log",
        );
        let sorted = sorted(&args, true, "o/m");
        assert_eq!((sorted.kept, sorted.expert, sorted.tensor), (given("--block-size=128"), true, Some(4)));
    }

    #[test]
    fn sizes_of_flags_win() {
        let mut ranks = Ranks { tensor: 1, data: 1, local: 1, workers: 1 };
        sorted(&given("--tensor-parallel-size=2 --data-parallel-size 4"), false, "m").ranks(&mut ranks);
        assert_eq!((ranks.tensor, ranks.data), (2, 4));
    }

    #[test]
    fn the_usual_transfer_needs_no_word_between_two_roles() {
        let args = vec!["--kv-transfer-config".to_owned(), NIXL.to_owned()];
        assert_eq!(sorted(&args, true, "m").kept, [""; 0]);
        assert_eq!(sorted(&args, false, "m").kept, args);
    }

    #[test]
    fn other_names_of_the_model_stay() {
        let args = given("--served-model-name m alias");
        assert_eq!(sorted(&args, false, "m").kept, args);
    }

    #[test]
    fn variables_are_whole_words() {
        assert!(mentions("$((DP_SIZE*2))", "DP_SIZE"));
        assert!(!mentions("$DP_SIZE_LOCAL", "DP_SIZE"));
    }
}
