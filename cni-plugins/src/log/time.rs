//! Two forms of a moment, both UTC and of fixed width, so that they sort as text.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05.678Z` (ISO 8601)
pub(super) fn line_stamp(moment: SystemTime) -> String {
    let Fields { date: (year, month, day), hour, minute, second, milli } = fields(moment);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// `2026-01-02T03-04-05.678`: what a file that was put aside has in its name, as in the original.
pub(super) fn file_stamp(moment: SystemTime) -> String {
    let Fields { date: (year, month, day), hour, minute, second, milli } = fields(moment);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{milli:03}")
}

struct Fields {
    date: (u64, u64, u64),
    hour: u64,
    minute: u64,
    second: u64,
    milli: u32,
}

fn fields(moment: SystemTime) -> Fields {
    // A clock before 1970 is a clock that was never set.
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    Fields {
        date: date(seconds / 86_400),
        hour: seconds / 3_600 % 24,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        milli: since.subsec_millis(),
    }
}

/// Days from 1970-01-01 to 9999-12-31, where four digits end.
const DAYS_MAX: u64 = 2_932_896;

/// Year, month and day; one step a year, some fifty in all.
fn date(days: u64) -> (u64, u64, u64) {
    let mut days = days.min(DAYS_MAX);
    let mut year: u64 = 1970;
    while let Some(rest) = days.checked_sub(if is_leap(year) { 366 } else { 365 }) {
        days = rest;
        year = year.saturating_add(1);
    }
    let mut month: u64 = 1;
    for len in [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        let Some(rest) = days.checked_sub(len) else { break };
        days = rest;
        month = month.saturating_add(1);
    }
    (year, month, days.saturating_add(1))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments() {
        for (millis, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59.000Z"),
            (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(line_stamp(UNIX_EPOCH + Duration::from_millis(millis)), want);
        }
        let moment = UNIX_EPOCH + Duration::from_millis(1_767_323_045_678);
        assert_eq!(file_stamp(moment), "2026-01-02T03-04-05.678");
        assert_eq!(line_stamp(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }
}
