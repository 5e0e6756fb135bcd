use proptest::prelude::*;
use rstest::rstest;

use super::*;

const GIB: u64 = 1 << 30;

fn words(flags: &str) -> Vec<String> {
    flags.split_whitespace().map(str::to_owned).collect()
}

const fn ranks(copy: i64, data: i64, expert: bool) -> Ranks {
    Ranks { copy, data, expert }
}

fn fit(model: &str, flags: &str, ranks: Ranks, gib: u64, shared: i64) -> Option<Fit> {
    let flags = words(flags);
    let device = Device { memory: gib * GIB, ranks: shared };
    estimate(weights(model, &flags)?, ranks, device, utilization(&flags))
}

#[rstest]
#[case::fits(
    "Qwen/Qwen3-32B",
    "",
    ranks(2, 1, false),
    80,
    1,
    Verdict::Fits,
    "the weights take about 60 GiB (32B parameters of 16 bits), 2 × 80 GiB hold them and leave about 84 GiB for the KV \
     cache"
)]
#[case::tight(
    "Qwen/Qwen3-32B",
    "",
    ranks(1, 1, false),
    72,
    1,
    Verdict::Tight,
    "the weights take about 60 GiB (32B parameters of 16 bits), 1 × 72 GiB hold them and leave only about 5.2 GiB for \
     the KV cache: with more or larger accelerators more requests run at once"
)]
#[case::too_large(
    "meta-llama/Llama-3.3-70B-Instruct",
    "--gpu-memory-utilization 0.95",
    ranks(1, 4, false),
    80,
    1,
    Verdict::TooLarge,
    "the weights take about 130 GiB (70B parameters of 16 bits), which do not fit into 1 × 80 GiB, of which vLLM uses 76 \
     GiB (--gpu-memory-utilization 0.95): about 54 GiB are missing; take more or larger accelerators, or quantized weights"
)]
#[case::quantized(
    "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic",
    "",
    ranks(2, 1, false),
    80,
    1,
    Verdict::Fits,
    "the weights take about 68 GiB (70B parameters of 8 bits), 2 × 80 GiB hold them and leave about 76 GiB for the KV \
     cache"
)]
#[case::two_ranks_share_a_chip(
    "Qwen/Qwen3-32B",
    "",
    ranks(8, 1, false),
    192,
    2,
    Verdict::Fits,
    "the weights take about 60 GiB (32B parameters of 16 bits), 4 × 192 GiB hold them and leave about 632 GiB for the KV \
     cache"
)]
#[case::published(
    "openai/gpt-oss-120b",
    "",
    ranks(1, 1, false),
    80,
    1,
    Verdict::Fits,
    "the weights take about 61 GiB (116.8B parameters, as published), 1 × 80 GiB hold them and leave about 11 GiB for the \
     KV cache"
)]
#[case::experts_over_data(
    "deepseek-ai/DeepSeek-R1-0528",
    "",
    ranks(1, 16, true),
    140,
    1,
    Verdict::Fits,
    "the weights take about 641 GiB (671B parameters, as published), 16 × 140 GiB hold them and leave about 845 GiB for \
     the KV cache"
)]
#[case::small(
    "Qwen/Qwen3-0.6B",
    "--quantization fp8",
    ranks(1, 1, false),
    15,
    1,
    Verdict::Fits,
    "the weights take about 1.1 GiB (0.6B parameters of 8 bits), 1 × 15 GiB hold them and leave about 12 GiB for the KV \
     cache"
)]
fn an_estimate_says_the_numbers(
    #[case] model: &str,
    #[case] flags: &str,
    #[case] ranks: Ranks,
    #[case] gib: u64,
    #[case] shared: i64,
    #[case] verdict: Verdict,
    #[case] text: &str,
) {
    let fit = fit(model, flags, ranks, gib, shared).unwrap();
    assert_eq!((fit.verdict(), fit.to_string().as_str()), (verdict, text));
}

#[rstest]
#[case::no_size("Kimi-K2", "")]
#[case::no_format("model-7B-GGUF", "")]
#[case::unknown_method("Qwen3-32B", "--quantization torchao")]
fn what_is_not_known_is_not_estimated(#[case] model: &str, #[case] flags: &str) {
    assert_eq!(fit(model, flags, ranks(1, 1, false), 80, 1), None);
}

#[test]
fn experts_of_unknown_share_are_only_too_large_when_they_surely_are() {
    let spread = ranks(1, 4, true);
    assert_eq!(fit("org/moe-200B", "", spread, 140, 1), None);
    let too_large = fit("org/moe-2000B", "", spread, 140, 1).unwrap();
    assert_eq!(too_large.verdict(), Verdict::TooLarge);
}

#[test]
fn flags_say_another_format_than_the_published_one() {
    let weights = weights("deepseek-ai/DeepSeek-R1-AWQ", &[]).unwrap();
    assert_eq!(weights.source, "671B parameters of 4 bits");
}

#[rstest]
#[case("", 900)]
#[case("--gpu-memory-utilization=0.92", 920)]
#[case("--gpu_memory_utilization 1", 1000)]
#[case("--gpu-memory-utilization 7", 900)]
#[case("--gpu-memory-utilization much", 900)]
fn the_share_of_the_memory_is_a_flag(#[case] flags: &str, #[case] expected: i64) {
    assert_eq!(utilization(&words(flags)), expected);
}

proptest! {
    #[test]
    fn any_numbers_are_compared(
        bytes in any::<u64>(), common in proptest::option::of(any::<u64>()), copy in any::<i64>(), data in any::<i64>(),
        expert in any::<bool>(), memory in any::<u64>(), shared in 1_i64..8, utilization in 1_i64..=1000,
    ) {
        let weights = Weights { bytes, common, source: String::new() };
        let device = Device { memory, ranks: shared };
        if let Some(fit) = estimate(weights, Ranks { copy, data, expert }, device, utilization) {
            prop_assert_eq!(fit.verdict() == Verdict::TooLarge, fit.left < 0);
            prop_assert!(!fit.to_string().is_empty());
        }
    }

    /// More memory is never worse.
    #[test]
    fn more_devices_leave_more(billions in 1_u64..2000, copy in 1_i64..64, gib in 1_u64..300) {
        let name = format!("m-{billions}B");
        let left = |copy, gib| fit(&name, "", ranks(copy, 1, false), gib, 1).unwrap().left;
        prop_assert!(left(copy + 1, gib) >= left(copy, gib));
        prop_assert!(left(copy, gib + 1) >= left(copy, gib));
    }
}
