//! Values of the field `time`: epoch seconds, dates and times with or without a zone, and times of
//! day.
//!
//! A value covers the interval of its last component: `time:09:30` matches a minute,
//! `time:2026-11-22` a day. `<`, `<=`, `>` and `>=` compare with the start of the interval.

use jiff::civil;
use jiff::tz::Offset;

use super::error::Error;
use super::eval::{Condition, DAY};
use super::fields::Kind;
use super::lex::{Op, Value};
use super::number::decimal;

const SECOND: i128 = 1_000_000_000;

/// Compiles a value after the operator `op`.
pub(super) fn condition(op: Op, value: &Value) -> Result<Condition, Error> {
    let text = value.text.trim();
    let is_time_of_day = text.contains(':') && !text.get(1..).is_some_and(|rest| rest.contains('-'));
    let is_epoch = !text.contains([':', 'T', 't']) && !text.get(1..).is_some_and(|rest| rest.contains('-'));
    let (from, length) = if is_epoch {
        epoch(value)?
    } else if is_time_of_day {
        let time = text.parse::<civil::Time>().map_err(|error| invalid_time(value, &error))?;
        let since_midnight = civil::DateTime::from_parts(civil::Date::constant(1970, 1, 1), time);
        (utc(since_midnight).map_err(|error| invalid_time(value, &error))?, precision(text))
    } else {
        (instant(text).map_err(|error| invalid_time(value, &error))?, date_precision(text))
    };
    Ok(match op {
        Op::Equal | Op::NotEqual if is_time_of_day => {
            Condition::WithinDay { negate: op == Op::NotEqual, from, to: from + length }
        }
        Op::Equal | Op::NotEqual => Condition::Within { negate: op == Op::NotEqual, from, to: from + length },
        _ if is_time_of_day => Condition::TimeOfDay { op, ns: from },
        _ => Condition::Number { op, twice: from * 2 },
    })
}

/// Parses epoch seconds. Returns nanoseconds, and the unit of the last digit in nanoseconds.
fn epoch(value: &Value) -> Result<(i128, i128), Error> {
    let number = decimal(value, Kind::Time.values())?;
    if number.end < value.text.trim_end().len() {
        let error = Error::new(value.position(number.end), "unexpected text after epoch seconds");
        return Err(error.hint(format!("expected {}", Kind::Time.values())));
    }
    let digit = SECOND / 10_i128.pow(number.decimals.min(9));
    // Packet times are whole nanoseconds.
    Ok((number.twice(SECOND).div_euclid(2), digit))
}

fn instant(text: &str) -> Result<i128, jiff::Error> {
    if !text.contains([':', 'T', 't']) {
        return utc(text.parse::<civil::Date>()?.to_datetime(civil::Time::midnight()));
    }
    // jiff parses a timestamp only with a zone. Times without one are UTC.
    match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => Ok(timestamp.as_nanosecond()),
        Err(_) => utc(text.parse()?),
    }
}

fn utc(time: civil::DateTime) -> Result<i128, jiff::Error> {
    Offset::UTC.to_timestamp(time).map(jiff::Timestamp::as_nanosecond)
}

fn date_precision(text: &str) -> i128 {
    match text.split_once(['T', 't', ' ']) {
        Some((_, time)) => precision(time),
        None => DAY,
    }
}

/// Returns the length of a time's last component in nanoseconds: an hour, a minute, a second or its
/// last decimal.
fn precision(time: &str) -> i128 {
    let end = time.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | ',')).unwrap_or(time.len());
    let time = time.get(..end).unwrap_or("");
    if let Some((_, decimals)) = time.split_once(['.', ',']) {
        return SECOND / 10_i128.pow(u32::try_from(decimals.len().min(9)).unwrap_or(9));
    }
    let digits = time.bytes().filter(u8::is_ascii_digit).count();
    match digits {
        0..=2 => 3600 * SECOND,
        3..=4 => 60 * SECOND,
        _ => SECOND,
    }
}

fn invalid_time(value: &Value, error: &jiff::Error) -> Error {
    // jiff prints a chain of causes. The last one is specific.
    let error = error.to_string();
    let cause = error.rsplit(": ").next().unwrap_or("");
    Error::new(value.position(0), format!("`{}` is not a time: {cause}", value.text))
        .hint(format!("expected {}", Kind::Time.values()))
}
