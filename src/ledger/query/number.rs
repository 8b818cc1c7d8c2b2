//! Numbers with and without units. They are parsed without rounding.

use winnow::Parser as _;
use winnow::ascii::digit1;
use winnow::combinator::{opt, preceded};
use winnow::error::EmptyError;
use winnow::token::one_of;

use super::error::Error;
use super::fields::Kind;
use super::lex::Value;

/// Maximum number of digits. With the largest unit, twice the number fits in an `i128`.
const MAX_DIGITS: usize = 20;

const DURATIONS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const SIZES: &[(&str, i128)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("k", 1_000),
    ("MB", 1_000_000),
    ("M", 1_000_000),
    ("GB", 1_000_000_000),
    ("G", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Whether a word is a unit of this kind, ignoring case.
pub(super) fn is_unit(kind: Kind, word: &str) -> bool {
    units(kind).iter().any(|(unit, _)| unit.eq_ignore_ascii_case(word))
}

/// Returns the units of a kind with their values in the smallest unit. Empty if it has none.
pub(super) fn units(kind: Kind) -> &'static [(&'static str, i128)] {
    match kind {
        Kind::Duration => DURATIONS,
        Kind::Size => SIZES,
        _ => &[],
    }
}

/// Decimal number.
pub(super) struct Decimal {
    /// All digits as one signed integer.
    pub(super) digits: i128,
    /// Number of digits after the decimal point.
    pub(super) decimals: u32,
    /// Byte offset in the value's text at which the number ends.
    pub(super) end: usize,
}

impl Decimal {
    /// Returns twice the number times `unit`. A result between two even integers becomes the odd
    /// integer between them, so comparing it with twice an integer gives the exact result.
    pub(super) fn twice(&self, unit: i128) -> i128 {
        let (scaled, one) = (self.digits * unit, 10_i128.pow(self.decimals));
        scaled.div_euclid(one) * 2 + i128::from(scaled.rem_euclid(one) != 0)
    }
}

/// Parses the number at the start of a value.
pub(super) fn decimal(value: &Value, expected: &str) -> Result<Decimal, Error> {
    let mut rest = value.text.as_str();
    let sign = opt(one_of(['-', '+']));
    let fraction = opt(preceded('.', digit1));
    let parsed: Result<(_, &str, Option<&str>), EmptyError> = (sign, digit1, fraction).parse_next(&mut rest);
    let Ok((sign, integer, fraction)) = parsed else {
        let error = Error::new(value.position(0), format!("`{}` is not a number", value.text));
        return Err(error.hint(format!("expected {expected}")));
    };
    let fraction = fraction.unwrap_or("");
    let integer = integer.trim_start_matches('0');
    if integer.len() + fraction.len() > MAX_DIGITS {
        return Err(Error::new(value.position(0), format!("a number of more than {MAX_DIGITS} digits")));
    }
    let digits = integer
        .bytes()
        .chain(fraction.bytes())
        .fold(0, |number, digit| number * 10 + i128::from(digit - b'0'));
    Ok(Decimal {
        digits: if sign == Some('-') { -digits } else { digits },
        decimals: u32::try_from(fraction.len()).unwrap_or(0),
        end: value.text.len() - rest.len(),
    })
}

/// Parses an integer without a unit.
pub(super) fn whole(value: &Value) -> Result<i128, Error> {
    let expected = Kind::Number.values();
    let number = decimal(value, expected)?;
    if number.end < value.text.len() || number.decimals > 0 {
        let after = value.text.find('.').filter(|at| *at < number.end).unwrap_or(number.end);
        let error = Error::new(value.position(after), "unexpected text after an integer");
        return Err(error.hint(format!("expected {expected}")));
    }
    Ok(number.digits)
}

/// Parses a number with a unit and returns twice its value in the smallest unit (see
/// [`Decimal::twice`]), which is that of a number without one.
pub(super) fn measured(kind: Kind, value: &Value) -> Result<i128, Error> {
    let number = decimal(value, kind.values())?;
    let rest = value.text.get(number.end..).unwrap_or("");
    let unit = rest.trim();
    if unit.is_empty() {
        return Ok(number.twice(1));
    }
    match units(kind).iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, scale)) => Ok(number.twice(*scale)),
        None => {
            let blanks = rest.len() - rest.trim_start().len();
            let error = Error::new(value.position(number.end + blanks), format!("unknown unit `{unit}`"));
            Err(error.hint(format!("expected {}", kind.values())))
        }
    }
}
