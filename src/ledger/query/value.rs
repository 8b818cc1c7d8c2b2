//! Compiles the right side of a comparison to a condition, depending on the kind of the field.
//!
//! Errors point into the value.

use std::net::{IpAddr, SocketAddr};

use regex::{Regex, RegexBuilder};

use super::error::Error;
use super::eval::{Condition, Net, Place};
use super::fields::{ANY, Field, FieldInfo, Kind, NONE};
use super::lex::{Op, Value};
use super::number::{decimal, measured, whole};
use super::pattern;
use super::text::{begins, fold, nearest};

/// Compiles a value after `op`, an operator that the field supports.
pub(super) fn condition(info: &FieldInfo, op: Op, value: &Value) -> Result<Condition, Error> {
    if op == Op::Regex && info.kind != Kind::Word {
        return regex(value).map(Condition::Regex);
    }
    if let Some(star) = value.star {
        check_star(info, op, value, star)?;
        if value.text.is_empty() && info.kind != Kind::Word {
            return Ok(Condition::Present);
        }
    }
    let negate = op == Op::NotEqual;
    match info.kind {
        Kind::Text | Kind::Header | Kind::Content | Kind::Ordered => text(op, value),
        Kind::Word => words(info, op, value),
        Kind::Session => session(negate, value),
        Kind::Address | Kind::Ip if value.star.is_some() => text(op, value),
        Kind::Address | Kind::Ip => address(info.kind, op, value),
        Kind::Number => whole(value).map(|number| Condition::Number { op, twice: number * 2 }),
        Kind::HttpStatus => http(op, value),
        Kind::Duration => duration(info, op, value),
        Kind::Size => measured(info.kind, value).map(|twice| Condition::Number { op, twice }),
        Kind::Packet => packet(op, value),
        Kind::Time => super::time::condition(op, value),
    }
}

fn check_star(info: &FieldInfo, op: Op, value: &Value, star: usize) -> Result<(), Error> {
    if !matches!(op, Op::Equal | Op::NotEqual) {
        let error = Error::new(star, format!("`*` cannot be compared with `{}`", op.text()));
        return Err(error.hint("it goes with : and !="));
    }
    if value.text.is_empty() && op == Op::NotEqual {
        let error = Error::new(star, "`!=*` never matches");
        return Err(error.hint(format!("write not {}:*", info.name)));
    }
    let numeric = !info.kind.operators().contains(&Op::Regex.text());
    if numeric && !value.text.is_empty() {
        let error = Error::new(star, "a number has no prefix to compare");
        return Err(error.hint(format!("expected {}", info.kind.values())));
    }
    Ok(())
}

/// A number without a unit is refused: who writes `dur>0.5` may mean seconds or milliseconds. 0
/// needs none.
fn duration(info: &FieldInfo, op: Op, value: &Value) -> Result<Condition, Error> {
    let number = decimal(value, info.kind.values())?;
    let text = value.text.trim_end();
    if number.end == text.len() && number.digits != 0 {
        let error = Error::new(value.position(number.end), "the unit is missing");
        let (name, op) = (info.name, op.text());
        return Err(error.hint(format!("write {name}{op}{text}s or {name}{op}{text}ms")));
    }
    measured(info.kind, value).map(|twice| Condition::Number { op, twice })
}

/// Rejects an unquoted `*` inside a value. It is meant as a pattern, which `:` does not support.
fn reject_inner_star(value: &Value) -> Result<(), Error> {
    match value.text.find('*') {
        Some(star) if !value.quoted => {
            Err(Error::new(value.position(star), "`*` is only allowed at the end")
                .hint("use ~ and a regex, or quotes"))
        }
        _ => Ok(()),
    }
}

fn text(op: Op, value: &Value) -> Result<Condition, Error> {
    reject_inner_star(value)?;
    let text = fold(&value.text);
    Ok(match op {
        Op::Equal | Op::NotEqual => {
            Condition::Text { negate: op == Op::NotEqual, text, prefix: value.star.is_some() }
        }
        _ => Condition::Order { op, text },
    })
}

/// Selects the matching words when the expression is compiled.
fn words(info: &FieldInfo, op: Op, value: &Value) -> Result<Condition, Error> {
    let all = info.field.words();
    // `any` and `none` match only literally: `finding:*` and `finding~.` select codes.
    let values = || all.iter().copied().filter(|word| *word != ANY && *word != NONE);
    let wanted = fold(&value.text);
    let matching: Vec<&'static str> = if op == Op::Regex {
        let regex = regex(value)?;
        values().filter(|word| regex.is_match(word)).collect()
    } else if value.star.is_some() {
        values().filter(|word| begins(word, &wanted)).collect()
    } else if *wanted == *ANY && all.contains(&ANY) {
        values().collect()
    } else {
        all.iter().copied().filter(|word| **word == *wanted).collect()
    };
    if matching.is_empty() {
        return Err(unknown_word(info, value, &all));
    }
    Ok(Condition::Words { negate: op == Op::NotEqual, words: matching.into() })
}

fn unknown_word(info: &FieldInfo, value: &Value, all: &[&'static str]) -> Error {
    let at = value.position(0);
    let error = Error::new(at, format!("unknown {} `{}`", info.name, value.text));
    if let Some(near) = nearest(&value.text, all.iter().copied()) {
        return error.hint(format!("did you mean `{near}`? It is one of {}", listed(info.field, all)));
    }
    error.hint(format!("it is one of {}", listed(info.field, all)))
}

/// Lists the words. Finding codes are shortened to their layers.
fn listed(field: Field, all: &[&'static str]) -> String {
    if field != Field::Finding {
        return all.join(", ");
    }
    let mut layers: Vec<String> = all
        .iter()
        .map(|word| {
            word.split_once('.').map_or_else(|| (*word).to_owned(), |(layer, _)| format!("{layer}.*"))
        })
        .collect();
    layers.dedup();
    layers.join(", ")
}

fn session(negate: bool, value: &Value) -> Result<Condition, Error> {
    reject_inner_star(value)?;
    let number = match value.text.strip_prefix(['s', 'S']) {
        Some(digits)
            if !value.quoted && value.star.is_none() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            digits.parse().ok()
        }
        _ => None,
    };
    Ok(Condition::Session { negate, number, id: fold(&value.text) })
}

/// What is no address and does not look like one is a name, if the field has names.
fn address(kind: Kind, op: Op, value: &Value) -> Result<Condition, Error> {
    let looks_like_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '/' | '[' | ']');
    if kind == Kind::Address && (value.quoted || !value.text.chars().all(looks_like_address)) {
        return text(op, value);
    }
    if kind == Kind::Address && !value.text.contains(['.', ':', '/']) {
        // A name of the letters a to f, or of digits.
        return text(op, value);
    }
    let negate = op == Op::NotEqual;
    let text = value.text.as_str();
    if let Some((base, length)) = text.split_once('/') {
        let Some(base) = ip(base) else {
            return Err(invalid_address(kind, value));
        };
        let at = value.position(text.len() - length.len());
        let net = length.parse().ok().and_then(|length| Net::new(base, length));
        let net = net.ok_or_else(|| {
            Error::new(at, format!("`{length}` is not a prefix length"))
                .hint("0 to 32 bits for IPv4, 0 to 128 for IPv6")
        })?;
        return Ok(Condition::Address { negate, net, port: None });
    }
    let (address, port) = match (ip(text), text.parse::<SocketAddr>()) {
        (Some(address), _) => (address, None),
        (None, Ok(both)) if kind == Kind::Address => (both.ip(), Some(both.port())),
        _ => return Err(invalid_address(kind, value)),
    };
    let net = Net::single(address);
    Ok(Condition::Address { negate, net, port })
}

/// Parses an address, IPv6 with or without brackets.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

fn invalid_address(kind: Kind, value: &Value) -> Error {
    let error = Error::new(value.position(0), format!("`{}` is not an address", value.text));
    let looks_like_name = value.text.contains(|c: char| c.is_ascii_alphabetic()) && !value.text.contains(':');
    if looks_like_name {
        return error.hint("names are not looked up; write the address, like 127.0.0.1");
    }
    error.hint(format!("expected {}", kind.values()))
}

/// Compiles a regex. An error points at the position that the regex parser reports.
fn regex(value: &Value) -> Result<Regex, Error> {
    if let Some(star) = value.star {
        return Err(Error::new(star, "`*` after a quoted regex").hint("write it inside the quotes"));
    }
    let built = RegexBuilder::new(&value.text)
        .case_insensitive(true)
        .size_limit(pattern::MAX_REGEX)
        .dfa_size_limit(pattern::MAX_REGEX)
        .nest_limit(64)
        .build();
    built.map_err(|error| pattern::error(error, value))
}

fn packet(op: Op, value: &Value) -> Result<Condition, Error> {
    let (file, number) = match value.text.rsplit_once(':') {
        Some((file, number)) => {
            let at = value.position(value.text.len() - number.len());
            let number = number.parse::<u64>().map_err(|_| {
                Error::new(at, format!("`{number}` is not a packet number"))
                    .hint(format!("expected {}", Kind::Packet.values()))
            })?;
            (Some(fold(file)), number.into())
        }
        None => (None, whole(value)?),
    };
    let place = Place { file, number };
    Ok(match op {
        Op::Equal | Op::NotEqual => Condition::Packet { negate: op == Op::NotEqual, place },
        _ => Condition::FirstPacket { op, place },
    })
}

fn http(op: Op, value: &Value) -> Result<Condition, Error> {
    let class = match value.text.as_bytes() {
        [digit @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] => i128::from(digit - b'0') * 100,
        _ => {
            return whole(value).map(|number| Condition::Number { op, twice: number * 2 });
        }
    };
    if !matches!(op, Op::Equal | Op::NotEqual) {
        let error = Error::new(value.position(0), format!("a class cannot be compared with `{}`", op.text()));
        return Err(error.hint(format!("write the status: {class}")));
    }
    Ok(Condition::Within { negate: op == Op::NotEqual, from: class, to: class + 100 })
}
