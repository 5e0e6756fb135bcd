//! How many parameters a model has, by its name.

use crate::quantity;

/// Parameters of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// All of them.
    pub total: u64,
    /// Those that a token goes through, where the name tells. Every parameter outside the experts is among them.
    pub active: Option<u64>,
    /// Bytes of the published weights, for models that are published in one unusual form.
    pub published: Option<u64>,
}

/// A model whose name has no size, or whose weights are not of one format.
struct Family {
    name: &'static str,
    millions: u64,
    active: u64,
    gib: u64,
}

/// By their model cards.
const FAMILIES: [Family; 4] = [
    Family { name: "gpt-oss-120b", millions: 116_800, active: 5_100, gib: 61 },
    Family { name: "gpt-oss-20b", millions: 20_900, active: 3_600, gib: 13 },
    Family { name: "deepseek-v3", millions: 671_000, active: 37_000, gib: 641 },
    Family { name: "deepseek-r1", millions: 671_000, active: 37_000, gib: 641 },
];

/// What the parts of a name say, the last part first: `Qwen/Qwen3-30B-A3B`, `bucket/Llama-3.3-70B/v1`.
pub fn size(name: &str) -> Option<Size> {
    name.rsplit('/').find_map(|part| family(part).or_else(|| by_words(part)))
}

fn family(part: &str) -> Option<Size> {
    let part = part.to_ascii_lowercase();
    let family = FAMILIES.iter().find(|family| part.starts_with(family.name))?;
    // Models that were made from one of another family say their own size.
    let own = family.name.starts_with("gpt-oss") || by_words(&part).is_none();
    own.then_some(Size {
        total: family.millions * 1_000_000,
        active: Some(family.active * 1_000_000),
        published: Some(family.gib << 30),
    })
}

/// One size, at most one `A3B`. Several sizes, or a number of experts beside it, tell nothing for sure.
fn by_words(part: &str) -> Option<Size> {
    let words: Vec<&str> = part.split(['-', '_', ':', '@', ' ']).collect();
    if words.iter().any(|word| number(word.strip_suffix(['e', 'E']).unwrap_or_default()).is_some()) {
        return None;
    }
    let mut sizes: Vec<u64> = words.iter().filter_map(|word| parameters(word)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let [total] = sizes.as_slice() else { return None };
    let active = words.iter().find_map(|word| parameters(word.strip_prefix(['a', 'A'])?));
    Some(Size { total: *total, active: active.filter(|active| active < total), published: None })
}

/// `70B`, `0.6b`, `125M`, `1T`, `8x7B`. A single million is a length of context.
fn parameters(word: &str) -> Option<u64> {
    let (times, each) = word.split_once('x').map_or((None, word), |(times, each)| (Some(times), each));
    let (digits, unit) = each.split_at_checked(each.len().checked_sub(1)?)?;
    let billions = number(digits)?;
    let count = match unit {
        "b" | "B" => billions,
        "m" | "M" => billions / 1000,
        "t" | "T" => billions.checked_mul(1000)?,
        _ => return None,
    };
    let count = match times {
        // What is not an expert is there once: Mixtral 8x7B has 47 billion.
        Some(times) => {
            count.checked_mul(times.parse().ok().filter(|times| (2..=512).contains(times))?)? / 6 * 5
        }
        None => count,
    };
    (10_000_000..=20_000_000_000_000).contains(&count).then_some(count)
}

/// A plain decimal number times 10⁹.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.len() <= 7
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && digits.matches('.').count() <= 1;
    u64::try_from(quantity::nanos(digits).filter(|_| plain)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Qwen/Qwen3-32B", 32_000, None)]
    #[case("Qwen/Qwen3-0.6B", 600, None)]
    #[case("Qwen/Qwen2.5-7B-Instruct-1M", 7_000, None)]
    #[case("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 70_000, None)]
    #[case("Qwen/Qwen3-30B-A3B", 30_000, Some(3_000))]
    #[case("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", 235_000, Some(22_000))]
    #[case("ibm-granite/granite-3.1-3b-a800m-instruct", 3_000, Some(800))]
    #[case("mistralai/Mixtral-8x7B-Instruct-v0.1", 46_666, None)]
    #[case("facebook/opt-125m", 125, None)]
    #[case("org/model-1T", 1_000_000, None)]
    #[case("bucket/Llama-3.3-70B/v1", 70_000, None)]
    #[case("deepseek-ai/DeepSeek-R1-0528", 671_000, Some(37_000))]
    #[case("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", 70_000, None)]
    #[case("openai/gpt-oss-120b", 116_800, Some(5_100))]
    fn names_tell_the_parameters(#[case] name: &str, #[case] millions: u64, #[case] active: Option<u64>) {
        let size = size(name).unwrap();
        assert_eq!((size.total / 1_000_000, size.active.map(|n| n / 1_000_000)), (millions, active));
    }

    #[rstest]
    #[case::no_number("moonshotai/Kimi-K2-Instruct")]
    #[case::active_only("meta-llama/Llama-4-Scout-17B-16E-Instruct")]
    #[case::two_sizes("org/draft-1B-for-70B")]
    #[case::context("microsoft/Phi-3-mini-128k-instruct")]
    #[case::nothing("x0B")]
    #[case::effective("google/gemma-3n-E4B-it")]
    #[case::too_many("model-99999999B")]
    #[case::signed("model-+7B")]
    #[case::version("v1.2.3B")]
    #[case::empty("")]
    fn nonsense_tells_nothing(#[case] name: &str) {
        assert_eq!(size(name), None);
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in ".*|([0-9]{0,8}x)?[aA]?[0-9.]{0,9}[bBmMtTeE]([-/_][0-9.]{1,9}[bBmMtTeE])?") {
            if let Some(size) = size(&name) {
                prop_assert!((10_000_000..=20_000_000_000_000).contains(&size.total));
                prop_assert!(size.active.is_none_or(|active| active < size.total));
            }
        }

        #[test]
        fn a_size_is_found_wherever_it_stands(billions in 1_u64..2000, before in "[A-Z][a-z]{1,8}", after in "[A-Z][a-z]{1,8}") {
            let found = size(&format!("org/{before}-{billions}B-{after}")).map(|size| size.total);
            prop_assert_eq!(found, Some(billions * 1_000_000_000));
        }
    }
}
