//! Numbers with and without units, read exactly.

use winnow::Parser as _;
use winnow::ascii::digit1;
use winnow::combinator::{opt, preceded};
use winnow::error::EmptyError;
use winnow::token::one_of;

use super::error::Error;
use super::fields::Kind;
use super::lex::Value;

/// Digits of a number: with any unit it fits in 127 bits, doubled.
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

/// Whether a number of this kind takes the word as its unit.
pub(super) fn is_unit(kind: Kind, word: &str) -> bool {
    units(kind).iter().any(|(unit, _)| unit.eq_ignore_ascii_case(word))
}

/// The units of a kind and what they are worth; empty where it has none.
pub(super) fn units(kind: Kind) -> &'static [(&'static str, i128)] {
    match kind {
        Kind::Duration => DURATIONS,
        Kind::Size => SIZES,
        _ => &[],
    }
}

/// A decimal number.
pub(super) struct Decimal {
    /// Its digits as a whole number, with its sign.
    pub(super) digits: i128,
    /// How many of them stand behind the point.
    pub(super) decimals: u32,
    /// Where in the value's text it ends.
    pub(super) end: usize,
}

impl Decimal {
    /// Twice the number times `unit`, with what lies between two whole numbers rounded to the odd number between them:
    /// so it compares with twice any whole number as the exact value would.
    pub(super) fn twice(&self, unit: i128) -> i128 {
        let (scaled, one) = (self.digits * unit, 10_i128.pow(self.decimals));
        scaled.div_euclid(one) * 2 + i128::from(scaled.rem_euclid(one) != 0)
    }
}

/// The number at the start of a value.
pub(super) fn decimal(value: &Value, expected: &str) -> Result<Decimal, Error> {
    let mut rest = value.text.as_str();
    let sign = opt(one_of(['-', '+']));
    let fraction = opt(preceded('.', digit1));
    let parsed: Result<(_, &str, Option<&str>), EmptyError> = (sign, digit1, fraction).parse_next(&mut rest);
    let Ok((sign, integer, fraction)) = parsed else {
        let error = Error::new(value.place(0), format!("`{}` is no number", value.text));
        return Err(error.hint(format!("expected {expected}")));
    };
    let fraction = fraction.unwrap_or("");
    let integer = integer.trim_start_matches('0');
    if integer.len() + fraction.len() > MAX_DIGITS {
        return Err(Error::new(value.place(0), format!("a number of more than {MAX_DIGITS} digits")));
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

/// A whole number without a unit.
pub(super) fn whole(value: &Value) -> Result<i128, Error> {
    let expected = Kind::Number.values();
    let number = decimal(value, expected)?;
    if number.end < value.text.len() || number.decimals > 0 {
        let after = value.text.find('.').filter(|at| *at < number.end).unwrap_or(number.end);
        let error = Error::new(value.place(after), "unexpected behind a whole number");
        return Err(error.hint(format!("expected {expected}")));
    }
    Ok(number.digits)
}

/// Twice a number with a unit, which is worth `default` where it is left out (see [`Decimal::twice`]).
pub(super) fn measured(kind: Kind, default: i128, value: &Value) -> Result<i128, Error> {
    let number = decimal(value, kind.values())?;
    let rest = value.text.get(number.end..).unwrap_or("");
    let unit = rest.trim();
    if unit.is_empty() {
        return Ok(number.twice(default));
    }
    match units(kind).iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, worth)) => Ok(number.twice(*worth)),
        None => {
            let blanks = rest.len() - rest.trim_start().len();
            let error = Error::new(value.place(number.end + blanks), format!("there is no unit `{unit}`"));
            Err(error.hint(format!("expected {}", kind.values())))
        }
    }
}
