//! Durations as configurations write them: `"1m30s"` as in Go, or a number of seconds.

use std::time::Duration;

use crate::cni::{Error, Field, Json};

const ACCEPTED: &str =
    "a duration such as \"30s\" or \"1m30s\" (units ms, s, m, h), or a number of seconds; 0 for none";

/// Reads a duration; a negative one is refused.
pub(super) fn read(field: &Field<'_>) -> Result<Duration, Error> {
    let refuse = || field.invalid("it is no duration", ACCEPTED);
    match field.value() {
        Json::Text(text) => parse(text).ok_or_else(refuse),
        Json::Number(_) => u64::try_from(field.integer()?).map(Duration::from_secs).map_err(|_| refuse()),
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => {
            Err(field.wrong_type("a duration such as \"30s\", or a number of seconds"))
        }
    }
}

/// Go's `time.ParseDuration`, less signs and units below a millisecond.
fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits_end)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let unit_millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(part(number, unit_millis)?)?;
        rest = next;
    }
    Some(total)
}

/// A number, perhaps with a fraction, times its unit.
fn part(number: &str, unit_millis: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let unit = Duration::from_millis(unit_millis);
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = unit.checked_mul(whole)?;
    let mut place = unit;
    for digit in fraction.chars() {
        place = place.checked_div(10)?;
        total = total.checked_add(place.checked_mul(digit.to_digit(10)?)?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("250ms", 250),
            ("1.5s", 1_500),
            (".5m", 30_000),
            ("1.s", 1_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "30", "s", "-1s", "1d", "1s ", " 1s", "1 s", ".s", "1..5s", "1s2", "99999999999h", "1µs"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn values() {
        let duration = |value: &str| {
            let json = Json::parse(format!(r#"{{"d":{value}}}"#).as_bytes()).unwrap();
            let keys = json.keys().unwrap();
            read(&keys.get("d").unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration(r#""2m""#), Ok(Duration::from_secs(120)));
        assert_eq!(duration("-1").unwrap_err(), r#"d is "-1": it is no duration"#);
        assert_eq!(duration(r#""soon""#).unwrap_err(), r#"d is "soon": it is no duration"#);
        assert_eq!(
            duration("true").unwrap_err(),
            "d is a boolean; want a duration such as \"30s\", or a number of seconds"
        );
        assert!(duration("1.5").is_err());
    }
}
