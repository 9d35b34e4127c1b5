//! Times as the feed's texts have them.

use jiff::Timestamp;

/// As an event's `eventTime`: `2022-02-17T12:59:41.4003102Z`, with seven digits of a second. Ours are of six, and a zero.
pub(crate) fn of_event(at_us: i64) -> String {
    at(Timestamp::from_microsecond(at_us), at_us).strftime("%Y-%m-%dT%H:%M:%S.%6f0Z").to_string()
}

/// As an index has it: `2019-02-22T18:10:00.000Z`.
pub(crate) fn of_index(at_us: i64) -> String {
    at(Timestamp::from_microsecond(at_us), at_us).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// As a segment's paths have it: `2019/02/22/1810`, or `2019/02/22/181030`.
pub(crate) fn of_path(at_s: i64, precision: Precision) -> String {
    let format = match precision {
        Precision::Minutes => "%Y/%m/%d/%H%M",
        Precision::Seconds => "%Y/%m/%d/%H%M%S",
    };
    at(Timestamp::from_second(at_s), at_s).strftime(format).to_string()
}

/// How precisely a path names a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    Minutes,
    Seconds,
}

/// Microseconds since the epoch of an RFC 3339 text; what is finer is cut off.
pub(crate) fn parse_us(text: &str) -> Option<i64> {
    let at: Timestamp = text.parse().ok()?;
    // `as_microsecond` cuts towards zero: before the epoch that would be later than what was said.
    i64::try_from(at.as_nanosecond().div_euclid(1_000)).ok()
}

/// Seconds since the epoch of a path's four parts, `["2019", "02", "22", "1810"]`.
pub(crate) fn parse_path_s(parts: [&str; 4]) -> Option<i64> {
    let [year, month, day, time] = parts;
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2) && (digits(time, 4) || digits(time, 6))) {
        return None;
    }
    let part = |text: &str| text.parse::<i8>().ok();
    let second = if time.len() == 6 { part(&time[4..])? } else { 0 };
    let date = jiff::civil::Date::new(year.parse().ok()?, part(month)?, part(day)?).ok()?;
    let time = jiff::civil::Time::new(part(&time[..2])?, part(&time[2..4])?, second, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// A time that a calendar does not reach is told as the calendar's last or first, so that a time never fails to be written.
fn at(read: Result<Timestamp, jiff::Error>, sign: i64) -> Timestamp {
    read.unwrap_or(if sign < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_azure_writes_them() {
        assert_eq!(of_event(1_645_102_781_400_310), "2022-02-17T12:59:41.4003100Z");
        assert_eq!(of_index(1_550_859_000_000_000), "2019-02-22T18:10:00.000Z");
        assert_eq!(of_path(1_550_859_030, Precision::Minutes), "2019/02/22/1810");
        assert_eq!(of_path(1_550_859_030, Precision::Seconds), "2019/02/22/181030");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_its_last() {
        assert!(of_event(i64::MAX).starts_with("9999-12-30T"), "{}", of_event(i64::MAX));
        assert_eq!(of_path(i64::MAX, Precision::Minutes), "9999/12/30/2200");
    }

    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_off() {
        assert_eq!(parse_us("2022-02-17T12:59:41.4003109Z"), Some(1_645_102_781_400_310));
        assert_eq!(parse_us("1969-12-31T23:59:59.9999999Z"), Some(-1));
        assert_eq!(parse_us("2022-02-17"), None);
    }

    #[test]
    fn a_path_that_names_no_time_is_none() {
        for parts in [
            ["2019", "02", "30", "0000"],
            ["2019", "02", "22", "2460"],
            ["2019", "2", "22", "0000"],
            ["+019", "02", "22", "0000"],
            ["2019", "02", "22", "00000"],
            ["2019", "02", "22", "٠٠"],
        ] {
            assert_eq!(parse_path_s(parts), None, "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_was_written(at_us in 0_i64..253_000_000_000_000_000) {
            prop_assert_eq!(parse_us(&of_event(at_us)), Some(at_us));
            prop_assert_eq!(parse_us(&of_index(at_us)), Some(at_us - at_us % 1_000));
            let at_s = at_us / 1_000_000;
            let path = of_path(at_s, Precision::Seconds);
            let parts: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parse_path_s([parts[0], parts[1], parts[2], parts[3]]), Some(at_s));
        }
    }
}
