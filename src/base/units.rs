//! Formats numbers for people: durations, sizes, shares, times. Integer arithmetic only, and no
//! locale.

use crate::base::Timestamp;

const SECOND: u64 = 1_000_000_000;

/// Formats a duration in nanoseconds with three significant digits: `850 ns`, `12.4 ms`, `1.20 s`,
/// `2 m 05 s`, `3 h 02 m`.
#[must_use]
pub fn duration(ns: i64) -> String {
    let text = match ns.unsigned_abs() {
        0 => return "0".to_owned(),
        size @ 1..1_000 => format!("{size} ns"),
        size if size < significant(1_000_000) => scaled(size, 1_000, "µs"),
        size if size < significant(SECOND) => scaled(size, 1_000_000, "ms"),
        size if size < 60 * SECOND - SECOND / 20 => scaled(size, SECOND, "s"),
        size => long((size + SECOND / 2) / SECOND),
    };
    if ns < 0 { format!("-{text}") } else { text }
}

/// Formats a [`duration`] for a column of a table: without blanks (`12.4ms`, `2m05s`), at most 6
/// characters.
#[must_use]
pub fn cell(ns: i64) -> String {
    duration(ns).replace(' ', "")
}

/// Whether `value` rounds up to `unit`, which it is then shown in: 999.6 ms are 1.00 s.
fn significant(unit: u64) -> u64 {
    unit - unit / 2000
}

/// Formats three significant digits of `value` / `unit`.
fn scaled(value: u64, unit: u64, name: &str) -> String {
    for (decimals, below, step) in [(2, 10, 100), (1, 100, 10)] {
        let parts = (value * step + unit / 2) / unit;
        if parts < below * step {
            return format!("{}.{:0decimals$} {name}", parts / step, parts % step);
        }
    }
    format!("{} {name}", (value + unit / 2) / unit)
}

fn long(seconds: u64) -> String {
    let minutes = (seconds + 30) / 60;
    let hours = (seconds + 1800) / 3600;
    match seconds {
        0..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} m", minutes / 60, minutes % 60),
        _ if hours < 2_400 => format!("{} d {:02} h", hours / 24, hours % 24),
        _ => format!("{} d", hours / 24),
    }
}

/// Formats a size in bytes, in units of 1000: `143 B`, `1.77 kB`, `912 MB`.
#[must_use]
pub fn bytes(size: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")];
    if size < 1_000 {
        return format!("{size} B");
    }
    for (unit, name) in UNITS {
        if size < significant(unit.saturating_mul(1_000)) {
            return scaled(size, unit, name);
        }
    }
    format!("{} TB", size / 1_000_000_000_000)
}

/// Formats `part` of `whole` in percent with one decimal: `95.3 %`. `100.0 %` and `0.0 %` are
/// exact.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let thousandths = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole);
    match thousandths {
        0 if part > 0 => "<0.1 %".to_owned(),
        1000.. if part < whole => ">99.9 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

/// Formats the time of day in UTC with milliseconds, truncated: `08:49:15.351`.
#[must_use]
pub fn time_of_day(time: Timestamp) -> String {
    let ms = time.0.div_euclid(1_000_000).rem_euclid(86_400_000);
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// Formats the date in UTC: `2026-11-22`.
#[must_use]
pub fn date(time: Timestamp) -> String {
    // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last of
    // its year.
    let days = time.0.div_euclid(86_400_000_000_000) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Formats a count with its noun: `1 session`, `2 sessions`.
#[must_use]
pub fn several(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}

/// Appends nanoseconds as milliseconds, exact, with as few decimals as possible and at least one:
/// `12.1`, `0.0`, `-0.000001`.
pub fn push_ms(out: &mut Vec<u8>, ns: i64) {
    let size = ns.unsigned_abs();
    if ns < 0 {
        out.push(b'-');
    }
    push_digits(out, size / 1_000_000, 1);
    out.push(b'.');
    let mut fraction = size % 1_000_000;
    let mut digits = 6;
    while digits > 1 && fraction.is_multiple_of(10) {
        fraction /= 10;
        digits -= 1;
    }
    push_digits(out, fraction, digits);
}

/// What [`push_ms`] appends.
#[must_use]
pub fn ms(ns: i64) -> String {
    let mut out = Vec::with_capacity(24);
    push_ms(&mut out, ns);
    out.into_iter().map(char::from).collect()
}

/// Appends epoch seconds with nine decimals, like the `Display` of `Timestamp` but faster.
pub fn push_seconds(out: &mut Vec<u8>, time: Timestamp) {
    let size = time.0.unsigned_abs();
    if time.0 < 0 {
        out.push(b'-');
    }
    push_digits(out, size / SECOND, 1);
    out.push(b'.');
    push_digits(out, size % SECOND, 9);
}

/// Appends the decimal digits of `value`, padded with zeros to `least` digits (at most 20).
pub fn push_digits(out: &mut Vec<u8>, mut value: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        if value == 0 && used >= least {
            break;
        }
        // The remainder is below 10.
        *place = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
    }
    out.extend(digits.iter().skip(20 - used));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_readable() {
        for (ns, want) in [
            (0, "0"),
            (850, "850 ns"),
            (12_400, "12.4 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (9_994_999, "9.99 ms"),
            (9_995_000, "10.0 ms"),
            (12_400_000, "12.4 ms"),
            (999_600_000, "1.00 s"),
            (-1_200_000_000, "-1.20 s"),
            (59_940_000_000, "59.9 s"),
            (59_960_000_000, "1 m 00 s"),
            (125_000_000_000, "2 m 05 s"),
            (10_920_000_000_000, "3 h 02 m"),
            (90_000_000_000_000, "1 d 01 h"),
        ] {
            assert_eq!(duration(ns), want, "{ns}");
        }
        assert_eq!(cell(125_000_000_000), "2m05s");
    }

    #[test]
    fn sizes_and_shares_are_readable() {
        assert_eq!(bytes(143), "143 B");
        assert_eq!(bytes(1772), "1.77 kB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(912_400_000), "912 MB");
        assert_eq!(bytes(u64::MAX), "18446744 TB");
        assert_eq!(share(953, 1000), "95.3 %");
        assert_eq!(share(1, u64::MAX), "<0.1 %");
        assert_eq!(share(u64::MAX - 1, u64::MAX), ">99.9 %");
        assert_eq!(share(0, 0), "0 %");
    }

    #[test]
    fn times_are_utc() {
        let time = Timestamp(1_795_337_355_351_999_999);
        assert_eq!(time_of_day(time), "08:49:15.351");
        assert_eq!(date(time), "2026-11-22");
        assert_eq!(date(Timestamp(-1)), "1969-12-31");
        assert_eq!(time_of_day(Timestamp(-1)), "23:59:59.999");
        assert_eq!(date(Timestamp(951_782_400_000_000_000)), "2000-02-29");
    }

    proptest! {
        #[test]
        fn dates_are_those_of_jiff(ns in any::<i64>()) {
            let want = jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap().strftime("%Y-%m-%d").to_string();
            prop_assert_eq!(date(Timestamp(ns)), want);
        }

        #[test]
        fn milliseconds_are_exact(ns in any::<i64>()) {
            let mut out = Vec::new();
            push_ms(&mut out, ns);
            let text = String::from_utf8(out).unwrap();
            let (whole, fraction) = text.split_once('.').unwrap();
            prop_assert!(!fraction.is_empty() && (fraction.len() == 1 || !fraction.ends_with('0')));
            let digits = format!("{whole}{fraction:0<6}");
            prop_assert_eq!(digits.parse::<i128>().unwrap(), i128::from(ns));
        }

        #[test]
        fn seconds_are_those_of_display(ns in any::<i64>()) {
            let mut out = Vec::new();
            push_seconds(&mut out, Timestamp(ns));
            prop_assert_eq!(String::from_utf8(out).unwrap(), Timestamp(ns).to_string());
        }

        #[test]
        fn cells_are_narrow(ns in 0i64..8_640_000_000_000_000) {
            prop_assert!(super::super::sanitize::width(&cell(ns)) <= 6, "{}", cell(ns));
        }
    }
}
