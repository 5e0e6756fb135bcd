//! Kubernetes quantities, compared by value.

/// A quantity in units of 1e-9, exactly (Kubernetes rounds finer ones up). None when it is not a quantity.
pub fn nanos(text: &str) -> Option<i128> {
    let split = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (times, over) = scale(suffix)?;
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(over)?;
    digits.checked_mul(times)?.checked_mul(1_000_000_000).map(|n| n / divisor)
}

/// Multiplier and divisor of a quantity's suffix.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    const DECIMAL: &str = "kMGTPE";
    if let Some(exponent) = suffix.strip_prefix(['e', 'E']).filter(|e| !e.is_empty()) {
        let power: i32 = exponent.parse().ok()?;
        let size = 10_i128.checked_pow(power.unsigned_abs())?;
        return Some(if power < 0 { (1, size) } else { (size, 1) });
    }
    let power = |unit: &str| {
        Some(u32::try_from(DECIMAL.to_ascii_uppercase().find(&unit.to_ascii_uppercase())?).ok()? + 1)
    };
    match suffix {
        "" => Some((1, 1)),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        binary if binary.len() == 2 && binary.ends_with('i') => {
            Some((1024_i128.pow(power(binary.get(..1)?)?), 1))
        }
        decimal if decimal.len() == 1 && DECIMAL.contains(decimal) => {
            Some((1000_i128.pow(power(decimal)?), 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_parse_exactly() {
        let cases = [
            ("1", 1_000_000_000),
            ("100m", 100_000_000),
            ("1Ki", 1024 * 1_000_000_000),
            ("1e3", 1_000_000_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
        assert_eq!(nanos("1X"), None);
        assert_eq!(nanos("G"), None);
    }
}
