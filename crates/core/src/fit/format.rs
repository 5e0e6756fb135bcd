//! In which format vLLM holds a model's weights, by its flags and the model's name.

use std::fmt;

use crate::build::argv;

/// How weights are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Four bytes.
    Float32,
    /// Two bytes.
    Half,
    /// One byte, and scales.
    EightBit,
    /// Half a byte, and scales.
    FourBit,
}

/// Parameters of embeddings and output layers, which quantization leaves at two bytes.
const UNQUANTIZED: u64 = 1_200_000_000;

impl Format {
    /// Bytes of so many parameters. Scales come to about a thirty-second of a byte for each.
    pub fn bytes(self, parameters: u64) -> u64 {
        let rest = parameters.min(UNQUANTIZED);
        let quantized = |per_32: u64| parameters / 32 * per_32 + rest / 32 * (64 - per_32);
        match self {
            Self::Float32 => parameters.saturating_mul(4),
            Self::Half => parameters.saturating_mul(2),
            Self::EightBit => quantized(33),
            Self::FourBit => quantized(17),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "32 bits",
            Self::Half => "16 bits",
            Self::EightBit => "8 bits",
            Self::FourBit => "4 bits",
        })
    }
}

/// The format, by the flags and else by the name; none where neither is understood.
pub fn format(name: &str, flags: &[String]) -> Option<Format> {
    let said = of_flags(flags).or_else(|| of_words(name));
    match said {
        Some(Said::Known(format)) => Some(format),
        Some(Said::Unclear) => None,
        None if matches!(argv::value_of(flags, "dtype"), Some("float" | "float32")) => Some(Format::Float32),
        None => Some(Format::Half),
    }
}

/// What a flag or a name says about quantization. Nothing is not the same as something that is not known.
#[derive(Clone, Copy)]
enum Said {
    Known(Format),
    Unclear,
}

/// A method that stands for formats of several sizes leaves it to the name.
fn of_flags(flags: &[String]) -> Option<Said> {
    if argv::value_of(flags, "load-format") == Some("bitsandbytes") {
        return Some(Said::Known(Format::FourBit));
    }
    match argv::value_of(flags, "quantization").or_else(|| short(flags))? {
        "gptq" | "gptq_marlin" | "compressed-tensors" | "modelopt" | "None" => None,
        method => Some(of_word(method).unwrap_or(Said::Unclear)),
    }
}

fn short(flags: &[String]) -> Option<&str> {
    let at = flags.iter().rposition(|word| word == "-q")?;
    flags.get(at + 1).map(String::as_str)
}

/// `GPTQ-Int8` is eight bits, `GPTQ` four.
fn of_words(name: &str) -> Option<Said> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let said: Vec<Said> = words.filter_map(|word| of_word(&word.to_ascii_lowercase())).collect();
    let eight = said.iter().find(|said| matches!(said, Said::Known(Format::EightBit)));
    let unclear = said.iter().find(|said| matches!(said, Said::Unclear));
    unclear.or(eight).or(said.first()).copied()
}

fn of_word(word: &str) -> Option<Said> {
    match word {
        "fp8" | "int8" | "w8a8" | "w8a16" | "8bit" => Some(Said::Known(Format::EightBit)),
        "fp4" | "nvfp4" | "mxfp4" | "int4" | "w4a16" | "w4a8" | "4bit" | "awq" | "awq_marlin" | "gptq"
        | "bnb" | "bitsandbytes" => Some(Said::Known(Format::FourBit)),
        "gguf" | "exl2" | "aqlm" | "quip" => Some(Said::Unclear),
        _ => None,
    }
}

/// Whether flags or name say anything about the format.
pub fn is_said(name: &str, flags: &[String]) -> bool {
    of_flags(flags).or_else(|| of_words(name)).is_some() || argv::value_of(flags, "dtype").is_some()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn words(flags: &str) -> Vec<String> {
        flags.split_whitespace().map(str::to_owned).collect()
    }

    #[rstest]
    #[case("Qwen3-32B", "", Some(Format::Half))]
    #[case("Qwen3-32B", "--dtype float32", Some(Format::Float32))]
    #[case("Qwen3-32B", "--dtype=bfloat16", Some(Format::Half))]
    #[case("Qwen3-32B", "--quantization fp8", Some(Format::EightBit))]
    #[case("Qwen3-32B", "-q awq", Some(Format::FourBit))]
    #[case("Qwen3-32B", "--load-format bitsandbytes", Some(Format::FourBit))]
    #[case("Qwen3-32B", "--quantization torchao", None)]
    #[case("Llama-3.3-70B-Instruct-FP8-dynamic", "", Some(Format::EightBit))]
    #[case("Llama-3.3-70B-quantized.w8a8", "", Some(Format::EightBit))]
    #[case("Qwen2.5-72B-Instruct-AWQ", "--dtype half", Some(Format::FourBit))]
    #[case("Qwen2.5-72B-Instruct-GPTQ-Int8", "--quantization gptq", Some(Format::EightBit))]
    #[case("Qwen2.5-72B-Instruct-GPTQ-Int4", "", Some(Format::FourBit))]
    #[case("Llama-3.3-70B.w4a16", "--quantization compressed-tensors", Some(Format::FourBit))]
    #[case("model-MXFP4", "", Some(Format::FourBit))]
    #[case("model-7B-GGUF", "", None)]
    fn flags_come_before_names(#[case] name: &str, #[case] flags: &str, #[case] expected: Option<Format>) {
        assert_eq!(format(name, &words(flags)), expected);
    }

    #[rstest]
    #[case::llama_70b_fp8(Format::EightBit, 70, 73)]
    #[case::llama_8b_awq(Format::FourBit, 8, 6)]
    #[case::llama_70b_awq(Format::FourBit, 70, 38)]
    #[case::half(Format::Half, 32, 64)]
    #[case::full(Format::Float32, 1, 4)]
    fn bytes_follow_from_the_format(#[case] format: Format, #[case] billions: u64, #[case] gigabytes: u64) {
        assert_eq!(format.bytes(billions * 1_000_000_000) / 1_000_000_000, gigabytes);
    }

    #[rstest]
    #[case(Format::Float32, "32 bits")]
    #[case(Format::Half, "16 bits")]
    #[case(Format::EightBit, "8 bits")]
    #[case(Format::FourBit, "4 bits")]
    fn formats_have_names(#[case] format: Format, #[case] name: &str) {
        assert_eq!(format.to_string(), name);
    }
}
