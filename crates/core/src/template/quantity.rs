//! Kubernetes quantities: the number behind the text, and the text that Go prints for it.

use gotmpl::Value;

/// Nano units, the finest that a quantity has.
const NANO: i128 = 1_000_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// The whole number, rounded up; none when the text is no quantity.
pub(super) fn value(text: &str) -> Option<i128> {
    parse(text).map(|(nanos, _)| ceil(nanos, NANO))
}

/// Methods of a quantity.
pub(super) fn method(text: &str, name: &str) -> Option<Value> {
    let (nanos, _) = parse(text)?;
    let int = |n: i128| i64::try_from(n).ok().map(Value::Int);
    match name {
        "String" => Some(Value::String(canonical(text).into())),
        "Value" => int(ceil(nanos, NANO)),
        "MilliValue" => int(ceil(nanos, NANO / 1000)),
        "IsZero" => Some(Value::Bool(nanos == 0)),
        "Sign" => int(nanos.signum()),
        _ => None,
    }
}

/// The canonical text: the largest suffix that leaves a whole number. Text that is no quantity stays as it is.
pub(super) fn canonical(text: &str) -> String {
    match parse(text) {
        Some((nanos, Format::Binary)) if nanos % NANO == 0 && (nanos / NANO).abs() >= 1024 => {
            scaled(nanos / NANO, 1024, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
        }
        Some((nanos, Format::Exponent)) => {
            scaled(nanos, 1000, &["e-9", "e-6", "e-3", "", "e3", "e6", "e9", "e12", "e15", "e18"])
        }
        Some((nanos, _)) => scaled(nanos, 1000, &["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]),
        None => text.to_owned(),
    }
}

fn scaled(mut number: i128, base: i128, suffixes: &[&str]) -> String {
    if number == 0 {
        return "0".to_owned();
    }
    let mut rest = suffixes;
    while let [_, tail @ ..] = rest {
        if number % base != 0 || tail.is_empty() {
            break;
        }
        number /= base;
        rest = tail;
    }
    format!("{number}{}", rest.first().unwrap_or(&""))
}

fn parse(text: &str) -> Option<(i128, Format)> {
    let text = if text.is_empty() { "0" } else { text };
    let split = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (multiplier, divisor, format) = suffix_of(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let negative = whole.starts_with('-');
    let digits = format!("{}{fraction}", whole.trim_start_matches(['+', '-']));
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let nanos = digits.parse::<i128>().ok()?.checked_mul(NANO)?.checked_mul(multiplier)?;
    let nanos = ceil(nanos, divisor.checked_mul(scale)?);
    Some((if negative { -nanos } else { nanos }, format))
}

fn suffix_of(suffix: &str) -> Option<(i128, i128, Format)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|s| *s == suffix);
    let decimal = ["", "k", "M", "G", "T", "P", "E"].iter().position(|s| *s == suffix);
    let small = ["", "m", "u", "n"].iter().position(|s| *s == suffix);
    let power = |base: i128, n: usize| base.checked_pow(u32::try_from(n).ok()?);
    match (binary, decimal, small) {
        (Some(n), ..) => Some((power(1024, n + 1)?, 1, Format::Binary)),
        (_, Some(n), _) => Some((power(1000, n)?, 1, Format::Decimal)),
        (.., Some(n)) => Some((1, power(1000, n)?, Format::Decimal)),
        _ => exponent(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

fn exponent(exponent: i32) -> Option<(i128, i128, Format)> {
    let size = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let (multiplier, divisor) = if exponent < 0 { (1, size) } else { (size, 1) };
    Some((multiplier, divisor, Format::Exponent))
}

fn ceil(number: i128, divisor: i128) -> i128 {
    let floor = number.div_euclid(divisor);
    if number.rem_euclid(divisor) == 0 { floor } else { floor + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("10Gi", "10Gi", 10_737_418_240)]
    #[case("1024Mi", "1Gi", 1_073_741_824)]
    #[case("512", "512", 512)]
    #[case("1000", "1k", 1000)]
    #[case("0.5", "500m", 1)]
    #[case("1.5Gi", "1536Mi", 1_610_612_736)]
    #[case("0", "0", 0)]
    #[case("", "0", 0)]
    #[case("1e3", "1e3", 1000)]
    #[case("100Ki", "100Ki", 102_400)]
    #[case("1Ki", "1Ki", 1024)]
    fn quantities_are_canonical_and_rounded_up(#[case] text: &str, #[case] out: &str, #[case] bytes: i128) {
        assert_eq!(canonical(text), out);
        assert_eq!(value(text), Some(bytes));
    }

    #[test]
    fn other_text_is_left_alone() {
        assert_eq!(canonical("ten"), "ten");
        assert_eq!(value("1Xi"), None);
    }
}
