//! Instants as the protocol writes them. The clock itself comes in from outside.

use greenroom_store::Timestamp;
use jiff::civil;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    // Years before 0 have no HTTP date; no clock of ours is there.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).unwrap_or_default()
}

/// `2026-11-22T19:25:00.1234567Z`: as SAS fields and error documents have it.
pub fn iso(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%Y-%m-%dT%H:%M:%S.%6f0Z").to_string()
}

/// `2026-11-22T19:25:00Z`: as a SAS carries it.
pub fn iso_seconds(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The other two forms in which HTTP has dates, and in which Azure documents them: that of RFC 850, whose years from 69 on are of the
/// last century, and that of C's `asctime`.
const OLD_FORMS: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

pub fn parse_http(text: &str) -> Option<Timestamp> {
    // The parser wants an offset where HTTP says GMT, and takes either.
    if let Ok(parsed) = DateTimeParser::new().parse_timestamp(text) {
        return Some(Timestamp(parsed.as_microsecond()));
    }
    let parsed = OLD_FORMS.iter().find_map(|form| civil::DateTime::strptime(form, text).ok())?;
    Some(Timestamp(parsed.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond()))
}

/// The forms that a SAS may use: a date, a date with minutes or a date with seconds, in UTC.
pub fn parse_iso(text: &str) -> Option<Timestamp> {
    let utc = |at: civil::DateTime| Some(Timestamp(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond()));
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(instant.as_microsecond()));
    }
    let date_and_time = text.strip_suffix('Z').unwrap_or(text);
    utc(date_and_time.parse::<civil::DateTime>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(784_111_777_123_456);

    #[test]
    fn http_dates_round_to_seconds() {
        assert_eq!(http(AT), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp(784_111_777_000_000)));
        assert_eq!(parse_http("yesterday"), None);
    }

    #[test]
    fn http_dates_have_three_forms() {
        let at = Some(Timestamp(784_111_777_000_000));
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http(text), at, "{text}");
        }
        assert_eq!(parse_http("Saturday, 28-Nov-26 20:00:00 GMT"), Some(Timestamp(1_795_896_000_000_000)));
        for none in ["", "Sunday, 06-Nov-94", "Sun Nov 31 08:49:37 1994", "1994-11-06T08:49:37Z", "784111777"] {
            assert_eq!(parse_http(none), None, "{none}");
        }
    }

    #[test]
    fn a_sas_may_write_its_times_in_three_forms() {
        assert_eq!(iso(AT), "1994-11-06T08:49:37.1234560Z");
        assert_eq!(iso_seconds(AT), "1994-11-06T08:49:37Z");
        for (text, seconds) in [
            ("1994-11-06", 784_080_000),
            ("1994-11-06T08:49Z", 784_111_740),
            ("1994-11-06T08:49:37Z", 784_111_777),
            ("1994-11-06T08:49:37.0000000Z", 784_111_777),
        ] {
            assert_eq!(parse_iso(text), Some(Timestamp(seconds * 1_000_000)), "{text}");
        }
        assert_eq!(parse_iso("soon"), None);
    }
}
