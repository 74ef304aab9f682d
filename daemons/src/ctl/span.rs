//! Lengths of time, as they are typed and shown.

use std::time::Duration;

/// Reads `90s`, `10m`, `1h30m`, `500ms`, `2d`: numbers with units, the larger ones first.
///
/// # Errors
/// A sentence that says what is wanted.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wanted = || format!("{text:?} is not a length of time, want 500ms, 10s, 2m, 1h30m or 1d");
    let mut total_ms: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).ok_or_else(wanted)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|sign: char| !sign.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wanted()),
        };
        let number: u64 = number.parse().map_err(|_| wanted())?;
        let ms = number.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms));
        total_ms = ms.ok_or_else(|| format!("{text:?} is too long a time"))?;
        rest = after;
    }
    if text.is_empty() { Err(wanted()) } else { Ok(Duration::from_millis(total_ms)) }
}

/// The two largest units: `2h13m`, `4s`.
pub(super) fn shown(span: Duration) -> String {
    let seconds = span.as_secs();
    let units =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let largest = units.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let parts = units.iter().skip(largest).take(2);
    let text: String =
        parts.filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let cases = [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("0s", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("10 s", None),
            ("1week", None),
            ("99999999999999999999s", None),
            ("9999999999999999d", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text).ok(), want.map(Duration::from_millis), "{text}");
        }
        assert_eq!(
            parse("10").unwrap_err(),
            "\"10\" is not a length of time, want 500ms, 10s, 2m, 1h30m or 1d"
        );
    }

    #[test]
    fn spans_are_shown_by_their_two_largest_units() {
        for (seconds, want) in
            [(0, "0s"), (59, "59s"), (61, "1m1s"), (7_980, "2h13m"), (86_400, "1d"), (90_061, "1d1h")]
        {
            assert_eq!(shown(Duration::from_secs(seconds)), want);
        }
    }
}
