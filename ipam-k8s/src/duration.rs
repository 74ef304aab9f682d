//! Durations as Go's `time.ParseDuration` reads them: settings of the original are written so.

use std::time::Duration;

/// Nanoseconds of each unit.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// Digits of a fraction that count: no unit has so many nanoseconds that a further one could make one more.
const FRACTION_DIGITS_MAX: usize = 18;

/// Reads a duration that is not negative: `50s`, `1h30m`, `1.5s`, `0`. The longest is one of `i64` nanoseconds, as in Go; what is
/// shorter than a nanosecond is dropped. `None`: Go would not read it, or it is below zero.
///
/// ```
/// use std::time::Duration;
/// use ipam_k8s::parse_go_duration;
/// assert_eq!(parse_go_duration("1m30s"), Some(Duration::from_secs(90)));
/// assert_eq!(parse_go_duration("50"), None);
/// ```
#[must_use]
pub fn parse_go_duration(text: &str) -> Option<Duration> {
    let (text, is_negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let total = if text == "0" { 0 } else { total(text)? };
    // Minus nothing is nothing.
    (!is_negative || total == 0).then(|| Duration::from_nanos(total))
}

fn total(text: &str) -> Option<u64> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(|c| !is_number(c))?)?;
        let (unit, next) = after.split_at_checked(after.find(is_number).unwrap_or(after.len()))?;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(part(number, *nanos)?)?;
        rest = next;
    }
    (!text.is_empty() && i64::try_from(total).is_ok()).then_some(total)
}

/// A number, perhaps with a fraction, times its unit.
fn part(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in fraction.chars().take(FRACTION_DIGITS_MAX) {
        value = value.checked_mul(10)?.checked_add(digit.to_digit(10)?.into())?;
        scale = scale.checked_mul(10)?;
    }
    let fraction = u64::try_from(value.checked_mul(unit.into())?.checked_div(scale)?).ok()?;
    unit.checked_mul(whole)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("-0s", 0),
            ("0s", 0),
            ("50s", 50_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5m", 30_000_000_000),
            ("1.s", 1_000_000_000),
            ("+2ms", 2_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("7ns", 7),
            ("1.9ns", 1),
            ("0.00000000009m", 5),
            ("0.1000000000000000000000000000001s", 100_000_000),
            ("5000000000ns", 5_000_000_000),
            ("1m1m", 120_000_000_000),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(parse_go_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_or_is_below_zero() {
        for text in [
            "",
            "+",
            "-",
            "50",
            "s",
            "-1s",
            "--0",
            "1d",
            "1 s",
            " 1s",
            "1s ",
            ".s",
            "1..5s",
            "1s2",
            "1S",
            "1e3s",
            "9999999999999h",
            "9223372036854775808ns",
            "99999999999999999999ns",
        ] {
            assert_eq!(parse_go_duration(text), None, "{text}");
        }
    }
}
