//! The values of `time`: epoch seconds, dates and times with or without a zone, and times of day.
//!
//! A value is as long as it is precise: `time:09:30` holds for a minute, `time:2026-11-22` for a day. `<`, `<=`, `>` and
//! `>=` compare with its start.

use jiff::civil;
use jiff::tz::Offset;

use super::error::Error;
use super::eval::{Condition, DAY};
use super::fields::Kind;
use super::lex::{Op, Value};
use super::number::decimal;

const SECOND: i128 = 1_000_000_000;

/// Compiles a value that stands behind `op`.
pub(super) fn condition(op: Op, value: &Value) -> Result<Condition, Error> {
    let text = value.text.trim();
    let of_day = text.contains(':') && !text.get(1..).is_some_and(|rest| rest.contains('-'));
    let number = !text.contains([':', 'T', 't']) && !text.get(1..).is_some_and(|rest| rest.contains('-'));
    let (from, length) = if number {
        epoch(value)?
    } else if of_day {
        let time = text.parse::<civil::Time>().map_err(|error| no_time(value, &error))?;
        let since_midnight = civil::DateTime::from_parts(civil::Date::constant(1970, 1, 1), time);
        (utc(since_midnight).map_err(|error| no_time(value, &error))?, precision(text))
    } else {
        (instant(text).map_err(|error| no_time(value, &error))?, date_precision(text))
    };
    Ok(match op {
        Op::Equal | Op::NotEqual if of_day => {
            Condition::WithinDay { negate: op == Op::NotEqual, from, to: from + length }
        }
        Op::Equal | Op::NotEqual => Condition::Within { negate: op == Op::NotEqual, from, to: from + length },
        _ if of_day => Condition::OfDay { op, ns: from },
        _ => Condition::Number { op, twice: from * 2 },
    })
}

/// Epoch seconds, in nanoseconds, and what one of their last digit is worth.
fn epoch(value: &Value) -> Result<(i128, i128), Error> {
    let number = decimal(value, Kind::Time.values())?;
    if number.end < value.text.trim_end().len() {
        let error = Error::new(value.place(number.end), "unexpected behind epoch seconds");
        return Err(error.hint(format!("expected {}", Kind::Time.values())));
    }
    let digit = SECOND / 10_i128.pow(number.decimals.min(9));
    // Finer than a nanosecond no packet time is.
    Ok((number.twice(SECOND).div_euclid(2), digit))
}

fn instant(text: &str) -> Result<i128, jiff::Error> {
    if !text.contains([':', 'T', 't']) {
        return utc(text.parse::<civil::Date>()?.to_datetime(civil::Time::midnight()));
    }
    // A zone makes it a point in time; without one jiff reads no timestamp, and it is UTC.
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

/// How long the last part of a time is that was written: an hour, a minute, a second, or one of its last decimal.
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

fn no_time(value: &Value, error: &jiff::Error) -> Error {
    // jiff tells a chain of causes; the last is the one that helps.
    let error = error.to_string();
    let cause = error.rsplit(": ").next().unwrap_or("");
    Error::new(value.place(0), format!("`{}` is no time: {cause}", value.text))
        .hint(format!("expected {}", Kind::Time.values()))
}
