//! A time of a recording, as a person writes it and reads it.

use greenroom_show::Micros;

/// `90`, `90s`, `1.5s`, `250ms`, `1m30s`, `1h2m3s`, `1:30`, `1:02:03.5`.
pub fn parse(text: &str) -> Result<Micros, String> {
    let micros = if text.contains(':') { of_clock(text) } else { of_units(text) };
    micros.ok_or_else(|| "a time such as 90s, 1m30s or 1:30".to_string())
}

fn of_clock(text: &str) -> Option<Micros> {
    let parts: Vec<&str> = text.split(':').collect();
    let (last, before) = parts.split_last()?;
    let mut micros = seconds(last, 1_000_000).filter(|micros| *micros < 60_000_000)?;
    if before.len() > 2 {
        return None;
    }
    let mut unit: Micros = 60_000_000;
    for (place, part) in before.iter().rev().enumerate() {
        let count = whole(part)?;
        // The highest part may be any number: 90:00 is an hour and a half.
        if place + 1 < before.len() && count >= 60 {
            return None;
        }
        micros = micros.checked_add(count.checked_mul(unit)?)?;
        unit *= 60;
    }
    Some(micros)
}

fn of_units(text: &str) -> Option<Micros> {
    const UNITS: [(&str, Micros); 4] = [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];
    let mut rest = text;
    let mut micros: Micros = 0;
    let mut largest = Micros::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (count, after) = rest.split_at(digits);
        let letters = after.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at(letters);
        let is_bare = name.is_empty() && largest == Micros::MAX && after.is_empty();
        let unit = if is_bare { 1_000_000 } else { UNITS.iter().find(|(known, _)| *known == name)?.1 };
        if unit >= largest {
            return None;
        }
        largest = unit;
        micros = micros.checked_add(seconds(count, unit)?)?;
        rest = after;
    }
    (largest != Micros::MAX).then_some(micros)
}

fn whole(text: &str) -> Option<Micros> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A number with a fraction, in units.
fn seconds(text: &str, unit: Micros) -> Option<Micros> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let count: f64 = is_number.then(|| text.parse().ok()).flatten()?;
    let micros = (count * unit as f64).round();
    (micros < Micros::MAX as f64).then_some(micros as Micros)
}

/// `1:30`, or `1:02:03`, with the tenths where it is not whole.
pub fn say(micros: Micros) -> String {
    let (seconds, tenths) = (micros / 1_000_000, micros % 1_000_000 / 100_000);
    let tenths = if micros.is_multiple_of(1_000_000) { String::new() } else { format!(".{tenths}") };
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}{tenths}")
    } else {
        format!("{minutes}:{seconds:02}{tenths}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_people_write_it() {
        for (text, seconds) in [
            ("90", 90.0),
            ("90s", 90.0),
            ("1.5s", 1.5),
            ("250ms", 0.25),
            ("1m30s", 90.0),
            ("1h2m3s", 3723.0),
            ("1:30", 90.0),
            ("90:00", 5400.0),
            ("1:02:03.5", 3723.5),
            ("0", 0.0),
        ] {
            assert_eq!(parse(text), Ok((seconds * 1e6) as Micros), "{text}");
        }
        for bad in [
            "",
            "s",
            "x",
            "1x",
            "-1",
            "1:60",
            "1:2:3:4",
            "1:",
            ":5",
            "1s1m",
            "1m1m",
            "1m30",
            "1..5",
            "1e9",
            "99999999999999999h",
            "1:75:00",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_said_as_a_clock_does() {
        for (micros, text) in [(0, "0:00"), (90_000_000, "1:30"), (3_723_500_000, "1:02:03.5"), (1_250_000, "0:01.2")] {
            assert_eq!(say(micros), text);
        }
    }
}
