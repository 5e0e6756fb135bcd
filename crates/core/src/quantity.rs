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

/// The sum of two quantities, in the largest unit of 1024 that holds it exactly.
pub fn sum(a: &str, b: &str) -> Option<String> {
    let nanos = nanos(a)?.checked_add(nanos(b)?)?;
    let bytes = nanos.checked_add(999_999_999)? / 1_000_000_000;
    let units = ["Pi", "Ti", "Gi", "Mi", "Ki"].into_iter().zip([50, 40, 30, 20, 10]);
    let fits = |shift: u32| bytes != 0 && bytes % (1 << shift) == 0;
    let unit = units.into_iter().find(|(_, shift)| fits(*shift));
    Some(unit.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift)))
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
        assert_eq!(sum("10Gi", "100Gi").as_deref(), Some("110Gi"));
        assert_eq!(sum("0.5Gi", "1Gi").as_deref(), Some("1536Mi"));
        assert_eq!(sum("1G", "1").as_deref(), Some("1000000001"));
        assert_eq!(sum("1Gi", "much"), None);
        assert_eq!(nanos("1X"), None);
        assert_eq!(nanos("G"), None);
    }
}
