//! The checked-in list of vLLM's flags, and whether a command line fits it.

use std::collections::BTreeMap;

use llmisvc_core::build::argv::Version;

const LIST: &str = include_str!("../data/vllm-flags.tsv");

/// Major, minor and patch.
type Release = (u32, u32, u32);

/// What the list says about one flag.
#[derive(Debug)]
pub struct Known {
    since: Release,
    removed: Option<Release>,
    pub values: Values,
}

/// The words that follow a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    None,
    One,
    Many,
}

/// Every spelling of every flag.
pub type List = BTreeMap<String, Known>;

pub fn list() -> List {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(entries).collect()
}

fn entries(line: &str) -> Vec<(String, Known)> {
    let [name, others, since, removed, values] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("five columns: {line}")
    };
    let known = || Known {
        since: release(since),
        removed: Some(removed).filter(|it| *it != "-").map(release),
        values: match values {
            "none" => Values::None,
            "one" => Values::One,
            "many" => Values::Many,
            other => panic!("{name}: {other}"),
        },
    };
    // A long second name has a line of its own, with the release it came in.
    let short = others.split(',').filter(|it| *it != "-" && !it.starts_with("--"));
    [name].into_iter().chain(short).map(|name| (name.to_owned(), known())).collect()
}

fn release(text: &str) -> Release {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

impl Known {
    /// Whether every release of a minor version has the flag.
    fn in_all_of(&self, Version(major, minor): Version) -> bool {
        let first = (major, minor, 0);
        self.since <= first && self.removed.is_none_or(|removed| first < removed)
    }
}

/// What is wrong with the words after `vllm serve MODEL`, one line each.
pub fn faults(list: &List, version: Version, words: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        let until = after.iter().position(|w| is_flag(w)).unwrap_or(after.len());
        let (values, next) = after.split_at(until);
        faults.extend(fault(list, version, word, values));
        rest = next;
    }
    faults
}

fn is_flag(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c == '-' || c.is_alphabetic()))
}

fn fault(list: &List, version: Version, word: &str, values: &[String]) -> Option<String> {
    if !is_flag(word) {
        return Some(format!("{word} stands where a flag should"));
    }
    let Some(known) = find(list, word) else { return Some(format!("{word} is no flag of vLLM")) };
    if !known.in_all_of(version) {
        return Some(format!("{word} is not in all of vLLM {}.{}: {known:?}", version.0, version.1));
    }
    let count = values.len() + usize::from(word.contains('='));
    let fits = match known.values {
        Values::None => count == 0,
        Values::One => count == 1,
        Values::Many => count > 0,
    };
    (!fits).then(|| format!("{word} takes {:?}, and has {values:?}", known.values))
}

/// The entry of a word such as `--a_b=c`, `--a-b.c=d` or `--no-a`.
fn find<'a>(list: &'a List, word: &str) -> Option<&'a Known> {
    let name = word.split(['=', '.']).next().unwrap_or(word).replace('_', "-");
    let switch = || list.get(&name.replacen("--no-", "--", 1)).filter(|k| k.values == Values::None);
    list.get(&name).or_else(switch)
}
