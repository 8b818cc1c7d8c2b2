//! The fuzz target of event streams, and the standard, applied naively to a whole stream.

use std::mem;

use bytes::Bytes;

use super::{Event, Item, Parser};
use crate::base::fuzz::Choices;
use crate::base::{Degraded, Origin, Span, limits};

/// What the oracle says of an event: name (empty for `message`), id, retry and data.
pub(super) type Fields = (String, Option<String>, Option<u64>, String);

/// The events of a whole stream, each with the places of its bytes (WHATWG HTML section 9.2.6).
pub(super) fn oracle(input: &[u8]) -> Vec<(Fields, Vec<usize>)> {
    let mut rest = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let (mut all, mut event, mut places, mut has_data) = (Vec::new(), Fields::default(), Vec::new(), false);
    while let Some(len) = rest.iter().position(|byte| *byte == b'\r' || *byte == b'\n') {
        let at = input.len() - rest.len();
        let (line, behind) = rest.split_at(len);
        let line = String::from_utf8_lossy(line);
        let end = if behind.starts_with(b"\r\n") { 2 } else { 1 };
        rest = behind.get(end..).unwrap_or_default();
        if line.is_empty() {
            places.push(at);
            let (event, places) = (mem::take(&mut event), mem::take(&mut places));
            if mem::take(&mut has_data) {
                let (name, id, retry, data) = event;
                let data = data.strip_suffix('\n').unwrap_or(&data).to_owned();
                all.push(((name, id, retry, data), places));
            }
        } else if !line.starts_with(':') {
            places.extend(at..at + len + end);
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "data" => {
                    event.3 += value;
                    event.3.push('\n');
                    has_data = true;
                }
                "event" if value == "message" => event.0.clear(),
                "event" => event.0 = value.into(),
                "id" if !value.contains('\0') => event.1 = Some(value.into()),
                "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                    event.2 = Some(value.parse().unwrap_or(u64::MAX));
                }
                _ => {}
            }
        }
    }
    all
}

/// The fields of an event as the oracle writes them.
pub(super) fn fields_of(event: &Event) -> Fields {
    (
        event.name.as_deref().unwrap_or_default().into(),
        event.id.as_deref().map(Into::into),
        event.retry,
        String::from_utf8_lossy(&event.data).into(),
    )
}

/// Pushes pieces, each as a packet of its own.
fn push<'a>(parser: &mut Parser, pieces: impl Iterator<Item = &'a [u8]>, packet: &mut u64) -> Vec<Item> {
    let mut items = Vec::new();
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        *packet += 1;
        parser.push(Bytes::copy_from_slice(piece), Span::of(Origin::new(*packet, 1)), &mut items);
    }
    items
}

fn events(items: Vec<Item>) -> Vec<Event> {
    let events = items.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(event),
        Item::Fault { .. } => None,
    });
    events.collect()
}

/// An event stream: cut anywhere it has the events of the standard, each with the packets of its
/// bytes. Behind a gap, what is not marked as degraded is an event of the whole stream.
pub fn event_stream(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (len, from, lost) = (1 + usize::from(choices.u8()), choices.u16().into(), choices.u8().into());
    let input = choices.rest();
    // Longer texts are cut, and `oracle` does not cut.
    let is_short = input.len() <= limits::MAX_TEXT;
    let expected = oracle(input);
    let (mut parser, mut packet) = (Parser::new(), 0);
    let got = events(push(&mut parser, input.chunks(len), &mut packet));
    assert_eq!(got.len(), expected.len());
    for (event, (fields, places)) in got.iter().zip(&expected) {
        assert!(!is_short || fields_of(event) == *fields, "{event:?} is {fields:?}");
        let of_place = |place: &usize| Span::of(Origin::new((place / len) as u64 + 1, 1));
        assert_eq!(Some(event.span), places.iter().map(of_place).reduce(Span::join));
        assert!(event.degraded.is_none());
    }
    assert_eq!(parser.books.given_up, 0);

    let from = input.len().min(from);
    let (front, behind) = input.split_at(from);
    let behind = behind.get(lost..).unwrap_or_default();
    let (mut parser, mut packet) = (Parser::new(), 0);
    let mut items = push(&mut parser, front.chunks(len), &mut packet);
    parser.gap(Degraded::GAP);
    items.extend(push(&mut parser, behind.chunks(len), &mut packet));
    let mut whole = expected.iter();
    for event in events(items).iter().filter(|event| event.degraded.is_none() && is_short) {
        assert!(whole.any(|(fields, _)| *fields == fields_of(event)), "{event:?} was not sent");
    }
}
