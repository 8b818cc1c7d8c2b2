//! Evaluation of a compiled expression for a record.

use std::net::IpAddr;
use std::sync::Arc;

use regex::Regex;

use crate::base::{Files, Span};
use crate::mcp::SessionRef;

use super::contents::{ContentTest, Found, MAX_TESTS};
use super::fields::Field;
use super::lex::Op;
use super::record::{ends, files_of, numbers, session, spans, texts};
use super::subject::Subject;
use super::text::{begins, contains, equals, fold};

/// Nanoseconds per day.
pub(super) const DAY: i128 = 86_400_000_000_000;

/// Compiled expression.
#[derive(Debug)]
pub(super) enum Expr {
    Test(Test),
    Not(Box<Self>),
    And(Box<[Self]>),
    Or(Box<[Self]>),
}

impl Expr {
    /// Returns the conjunction of the parts. A single part is returned unchanged.
    pub(super) fn and(parts: Vec<Self>) -> Self {
        single(parts).unwrap_or_else(|parts| Self::And(parts.into()))
    }

    /// Returns the disjunction of the parts. A single part is returned unchanged.
    pub(super) fn or(parts: Vec<Self>) -> Self {
        single(parts).unwrap_or_else(|parts| Self::Or(parts.into()))
    }

    /// Whether it selects servers, sessions or addresses.
    pub(super) fn selects_legs(&self) -> bool {
        match self {
            Self::Test(Test::Field(field, _)) => {
                let legs = [
                    Field::Session,
                    Field::Server,
                    Field::Client,
                    Field::Ip,
                    Field::Port,
                    Field::Packet,
                    Field::File,
                ];
                legs.contains(field)
            }
            Self::Test(Test::Anywhere { session, .. }) => session.is_some(),
            Self::Test(Test::Content(..)) => false,
            Self::Not(inner) => inner.selects_legs(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::selects_legs),
        }
    }

    /// Whether a record of these files matches, of whose payloads `found` is known.
    pub(super) fn matches(&self, subject: Subject<'_>, found: Found, files: &Files) -> bool {
        match self {
            Self::Test(test) => test.matches(subject, found, files),
            Self::Not(inner) => !inner.matches(subject, found, files),
            Self::And(parts) => parts.iter().all(|part| part.matches(subject, found, files)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(subject, found, files)),
        }
    }

    /// Numbers the tests of contents, and appends them to `tests`. Returns false if there are more
    /// than [`MAX_TESTS`].
    pub(super) fn number_contents(&mut self, tests: &mut Vec<Arc<ContentTest>>) -> bool {
        match self {
            Self::Test(Test::Content(number, test)) => {
                *number = u8::try_from(tests.len()).unwrap_or(u8::MAX);
                tests.push(Arc::clone(test));
                tests.len() <= MAX_TESTS
            }
            Self::Test(_) => true,
            Self::Not(inner) => inner.number_contents(tests),
            Self::And(parts) | Self::Or(parts) => parts.iter_mut().all(|part| part.number_contents(tests)),
        }
    }
}

fn single(mut parts: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        last => {
            parts.extend(last);
            Err(parts)
        }
    }
}

/// Test of a record.
#[derive(Debug)]
pub(super) enum Test {
    /// The case-folded text is found in a field that identifies the record, or names its session.
    Anywhere {
        text: Box<str>,
        session: Option<u32>,
    },
    Field(Field, Condition),
    /// The test of contents with this number.
    Content(u8, Arc<ContentTest>),
}

/// Condition for the values of a field. Texts are case-folded. With `negate`, the field must have a
/// value and none of its values may match.
#[derive(Debug)]
pub(super) enum Condition {
    Present,
    Text {
        negate: bool,
        text: Box<str>,
        prefix: bool,
    },
    /// Compared byte by byte.
    Order {
        op: Op,
        text: Box<str>,
    },
    Regex(Regex),
    Words {
        negate: bool,
        words: Box<[&'static str]>,
    },
    /// Session with this number, or whose id equals `id`. Without a number, session whose id starts
    /// with `id`.
    Session {
        negate: bool,
        number: Option<u32>,
        id: Box<str>,
    },
    Address {
        negate: bool,
        net: Net,
        port: Option<u16>,
    },
    /// Compared with `twice / 2`, which may be halfway between two integers.
    Number {
        op: Op,
        twice: i128,
    },
    /// At least `from` and less than `to`.
    Within {
        negate: bool,
        from: i128,
        to: i128,
    },
    /// The same for the nanoseconds since midnight, UTC.
    WithinDay {
        negate: bool,
        from: i128,
        to: i128,
    },
    TimeOfDay {
        op: Op,
        ns: i128,
    },
    /// Packet in the span of the request or of the response.
    Packet {
        negate: bool,
        place: Place,
    },
    /// First packet of the record, by its number in its file.
    FirstPacket {
        op: Op,
        place: Place,
    },
}

/// A packet number, in the file with this name (any case) or in each.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: Option<Box<str>>,
    pub(super) number: i128,
}

/// Network prefix. IPv4-mapped IPv6 addresses count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Net {
    base: IpAddr,
    /// Number of host bits.
    host_bits: u32,
}

impl Net {
    /// Returns the network with this prefix length in bits. `None` if the address is shorter.
    pub(super) fn new(address: IpAddr, bits: u32) -> Option<Self> {
        let base = address.to_canonical();
        let bits = match (address, base) {
            (IpAddr::V6(_), IpAddr::V4(_)) => bits.checked_sub(96)?,
            _ => bits,
        };
        let host_bits = Self::single(base).width().checked_sub(bits)?;
        Some(Self { base, host_bits })
    }

    /// Returns the network of a single address.
    pub(super) fn single(address: IpAddr) -> Self {
        Self { base: address.to_canonical(), host_bits: 0 }
    }

    fn width(self) -> u32 {
        if self.base.is_ipv4() { 32 } else { 128 }
    }

    fn contains(self, address: IpAddr) -> bool {
        let differ = match (self.base, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()),
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        // `checked_shr` fails for the 128 host bits of `::/0`, which matches every address.
        differ.checked_shr(self.host_bits).unwrap_or(0) == 0
    }
}

impl Test {
    /// Returns the test of a bare word or quoted text.
    pub(super) fn anywhere(text: &str) -> Self {
        let text = fold(text);
        // Only in the form that is printed: `s01` is not a session number.
        let number = text.strip_prefix('s').filter(|digits| !digits.starts_with(['0', '+']));
        Self::Anywhere { session: number.and_then(|digits| digits.parse().ok()), text }
    }

    fn matches(&self, subject: Subject<'_>, found: Found, files: &Files) -> bool {
        match self {
            Self::Content(number, _) => found.has(*number),
            Self::Anywhere { text, session } => anywhere(subject, text, *session),
            Self::Field(Field::File, condition) => condition.matches_file(subject, files),
            Self::Field(_, Condition::Packet { negate, place }) => has_packet(subject, *negate, place, files),
            Self::Field(_, Condition::FirstPacket { op, place }) => begins_at(subject, *op, place, files),
            Self::Field(field, condition) => condition.matches(*field, subject),
        }
    }
}

fn anywhere(subject: Subject<'_>, needle: &str, number: Option<u32>) -> bool {
    let target = match subject {
        Subject::Stream(stream) => stream.target.as_deref(),
        Subject::Transaction(transaction) => Some(&*transaction.target),
        Subject::LlmCall(call) => call.target.as_deref(),
        Subject::Exchange(_) | Subject::Notification(_) => None,
    };
    if target.is_some_and(|target| contains(target, needle)) {
        return true;
    }
    let found = |field| any_text(field, subject, false, |text| contains(text, needle));
    found(Field::Method)
        || found(Field::Name)
        || found(Field::Id)
        || found(Field::LlmModel)
        || found(Field::LlmTool)
        || session(subject).is_some_and(|session| {
            session.id.as_deref().is_some_and(|id| contains(id, needle)) || number == Some(session.number)
        })
}

/// Whether one of the messages of a record spans the packet. With `negate`, whether none does.
fn has_packet(subject: Subject<'_>, negate: bool, place: &Place, files: &Files) -> bool {
    let Ok(number) = u64::try_from(place.number) else { return negate };
    let is_within = |span: Span| {
        let mut found = files.find(place.file.as_deref(), number);
        found.any(|packet| span.first <= packet && packet <= span.last)
    };
    any(spans(subject), negate, is_within)
}

fn begins_at(subject: Subject<'_>, op: Op, place: &Place, files: &Files) -> bool {
    let Some(span) = spans(subject)[0] else { return false };
    let of_file = |name: &str| files.file(span.first).is_some_and(|of| equals(of, name));
    place.file.as_deref().is_none_or(of_file)
        && compare(op, &i128::from(files.number(span.first)), &place.number)
}

impl Condition {
    /// Whether one of the files that hold packets of a record passes.
    fn matches_file(&self, subject: Subject<'_>, files: &Files) -> bool {
        let (mut has_value, mut matched) = (false, false);
        let (passes, negate): (&dyn Fn(&str) -> bool, bool) = match self {
            Self::Present => (&|_| true, false),
            Self::Text { negate, text, prefix: true } => (&|has| begins(has, text), *negate),
            Self::Text { negate, text, prefix: false } => (&|has| equals(has, text), *negate),
            Self::Regex(regex) => (&|has| regex.is_match(has), false),
            _ => return false,
        };
        for name in files_of(subject, files) {
            has_value = true;
            matched |= passes(name);
        }
        has_value && matched != negate
    }

    fn matches(&self, field: Field, subject: Subject<'_>) -> bool {
        match self {
            Self::Present => {
                any_text(field, subject, false, |_| true) || any_number(field, subject, false, |_| true)
            }
            Self::Text { negate, text, prefix: true } => {
                any_text(field, subject, *negate, |has| begins(has, text))
            }
            Self::Text { negate, text, prefix: false } => {
                any_text(field, subject, *negate, |has| equals(has, text))
            }
            Self::Order { op, text } => any_text(field, subject, false, |has| compare(*op, has, text)),
            Self::Regex(regex) => any_text(field, subject, false, |has| regex.is_match(has)),
            Self::Words { negate, words } => any_text(field, subject, *negate, |has| words.contains(&has)),
            Self::Session { negate, number, id } => {
                session(subject).is_some_and(|session| *negate != is_session(session, *number, id))
            }
            Self::Address { negate, net, port } => any(ends(field, subject), *negate, |end| {
                net.contains(end.ip()) && port.is_none_or(|port| port == end.port())
            }),
            Self::Number { op: Op::NotEqual, twice } => {
                any_number(field, subject, true, |has| has * 2 == *twice)
            }
            Self::Number { op, twice } => {
                any_number(field, subject, false, |has| compare(*op, &(has * 2), twice))
            }
            Self::Within { negate, from, to } => {
                any_number(field, subject, *negate, |has| (*from..*to).contains(&has))
            }
            Self::WithinDay { negate, from, to } => {
                any_number(field, subject, *negate, |has| (*from..*to).contains(&has.rem_euclid(DAY)))
            }
            Self::TimeOfDay { op, ns } => {
                any_number(field, subject, false, |has| compare(*op, &has.rem_euclid(DAY), ns))
            }
            // They need the files.
            Self::Packet { .. } | Self::FirstPacket { .. } => false,
        }
    }
}

fn compare<T: Ord + ?Sized>(op: Op, has: &T, wanted: &T) -> bool {
    match op {
        Op::Greater => has > wanted,
        Op::GreaterEqual => has >= wanted,
        Op::Less => has < wanted,
        Op::LessEqual => has <= wanted,
        Op::Equal => has == wanted,
        Op::NotEqual => has != wanted,
        Op::Regex => false,
    }
}

fn is_session(session: &SessionRef, number: Option<u32>, id: &str) -> bool {
    let has = session.id.as_deref();
    match number {
        Some(number) => session.number == number || has.is_some_and(|has| equals(has, id)),
        None => has.is_some_and(|has| begins(has, id)),
    }
}

/// Whether a value passes. With `negate`, whether there are values and none passes.
fn any<T>(values: [Option<T>; 2], negate: bool, passes: impl Fn(T) -> bool) -> bool {
    let (mut has_value, mut matched) = (false, false);
    for value in values.into_iter().flatten() {
        has_value = true;
        matched |= passes(value);
    }
    has_value && matched != negate
}

fn any_number(field: Field, subject: Subject<'_>, negate: bool, passes: impl Fn(i128) -> bool) -> bool {
    any(numbers(field, subject), negate, passes)
}

fn any_text(field: Field, subject: Subject<'_>, negate: bool, passes: impl Fn(&str) -> bool) -> bool {
    let (mut has_value, mut matched) = (false, false);
    texts(field, subject, &mut |text| {
        has_value = true;
        matched |= passes(text);
    });
    has_value && matched != negate
}
