//! HTTP/1 read naively: heads by httparse, bodies by their lengths. The oracle of the fuzz target
//! `http1`; it knows only the plain forms that leave no doubt.

use std::ops::Range;

use super::{Connection, Part, PartKind};
use crate::base::{End, Ending, Feed, Findings, Layer as _, Side, Sink};

/// A message: the places of its head and of all its bytes in what its sender sent, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    head: Range<usize>,
    all: Range<usize>,
    body: Vec<u8>,
}

/// What both ends sent, or `None` if bytes are missing.
fn whole(feeds: &[(End, Feed<End>)]) -> Option<[Vec<u8>; 2]> {
    let mut all = [Vec::new(), Vec::new()];
    for (from, feed) in feeds {
        match feed {
            Feed::Data(bytes, _) => from.split_mut(&mut all).0.extend(bytes),
            Feed::Eof { how: Ending::Closed | Ending::Open, .. } => {}
            Feed::Gap { .. } | Feed::Eof { how: Ending::Reset(_), .. } => return None,
        }
    }
    Some(all)
}

/// The messages that an end sent; `None` unless every byte belongs to a complete one.
fn messages(bytes: &[u8], of: Side) -> Option<Vec<Message>> {
    let (mut messages, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let message = message(bytes, at, of)?;
        at = message.all.end;
        messages.push(message);
    }
    Some(messages)
}

fn message(bytes: &[u8], at: usize, of: Side) -> Option<Message> {
    let rest = bytes.get(at..)?;
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let (len, fields) = match of {
        Side::Client => {
            let mut request = httparse::Request::new(&mut fields);
            let httparse::Status::Complete(len) = request.parse(rest).ok()? else { return None };
            let method = request.method.filter(|method| ["GET", "POST", "DELETE"].contains(method));
            method.and(request.path.filter(|path| path.starts_with('/')))?;
            (request.version == Some(1)).then_some((len, request.headers))?
        }
        Side::Server => {
            let mut response = httparse::Response::new(&mut fields);
            let httparse::Status::Complete(len) = response.parse(rest).ok()? else { return None };
            response.code.filter(|code| (200..600).contains(code) && ![204, 205, 304].contains(code))?;
            (response.version == Some(1)).then_some((len, response.headers))?
        }
    };
    let head = rest.get(..len)?;
    // Line ends are CR LF, and nothing is in the head that some readers accept and others do not.
    let is_plain = |bytes: &[u8]| bytes.iter().all(|byte| (32..127).contains(byte));
    let lines = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
    lines.split("\r\n").all(|line| is_plain(line.as_bytes())).then_some(())?;
    let value = |name: &str| {
        let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let first = values.next().map(|field| field.value);
        values.next().is_none().then_some(first)
    };
    let names = ["Upgrade", "Expect", "HTTP2-Settings", "Trailer", "Proxy-Connection"];
    names.iter().all(|name| value(name) == Some(None)).then_some(())?;
    value("Connection")?.is_none_or(|value| value == b"keep-alive").then_some(())?;
    let behind = rest.get(len..)?;
    let (body, taken) = match (value("Transfer-Encoding")?, value("Content-Length")?) {
        (Some(b"chunked"), None) => chunked(behind)?,
        (None, Some(length)) => {
            (length.len() < 6 && length.iter().all(u8::is_ascii_digit)).then_some(())?;
            let length = std::str::from_utf8(length).ok()?.parse().ok()?;
            (behind.get(..length)?.to_vec(), length)
        }
        (None, None) if of == Side::Client => (Vec::new(), 0),
        _ => return None,
    };
    Some(Message { head: at..at + len, all: at..at + len + taken, body })
}

/// The content of a chunked body without extensions and trailers, and the length of the body.
fn chunked(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut content, mut rest) = (Vec::new(), body);
    loop {
        let at = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (size, behind) = rest.split_at(at);
        (!size.is_empty() && size.len() < 5 && size.iter().all(u8::is_ascii_hexdigit)).then_some(())?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        let chunk = behind.get(2..2 + size)?;
        rest = behind.get(2 + size..)?.strip_prefix(b"\r\n")?;
        content.extend(chunk);
        if size == 0 {
            return Some((content, body.len() - rest.len()));
        }
    }
}

/// Whether each response begins behind its request.
fn is_in_order(feeds: &[(End, Feed<End>)], requests: &[Message], responses: &[Message]) -> bool {
    let (mut sent, mut order) = ([0, 0], true);
    for (from, feed) in feeds {
        let (own, other) = from.split_mut(&mut sent);
        let range = *own..*own + feed.data_len();
        *own = range.end;
        if *from == End::B {
            let mut both = requests.iter().zip(responses);
            order &= both.all(|(asked, told)| !range.contains(&told.all.start) || asked.all.end <= *other);
        }
    }
    order
}

/// Checks what is made of a connection whose client is A against the oracle, if that knows its
/// form.
///
/// # Panics
/// If a head, a body or the number of transactions is another one.
pub(in crate::http) fn check(feeds: &[(End, Feed<End>)]) {
    let Some([client, server]) = whole(feeds) else { return };
    let Some(requests) = messages(&client, Side::Client) else { return };
    let Some(responses) = messages(&server, Side::Server) else { return };
    if requests.len() < responses.len() || !is_in_order(feeds, &requests, &responses) {
        return;
    }
    let (mut http, mut out, mut findings) = (Connection::new(), Vec::<Part>::new(), Findings::new());
    for (from, feed) in feeds {
        let input = (from.side(End::A), feed.clone().by_side(End::A));
        http.push(input, &mut Sink::new(&mut out, &mut findings));
        while http.is_pending() {
            http.resume(&mut Sink::new(&mut out, &mut findings));
        }
    }
    for (side, bytes, expected) in [(Side::Client, &client, requests), (Side::Server, &server, responses)] {
        let of_side = |part: &&Part| part.side == side;
        let heads = out.iter().filter(of_side).filter_map(|part| match &part.kind {
            PartKind::Head(head, why) if why.is_none() => Some((part.transaction.0 as usize, head)),
            _ => None,
        });
        let heads: Vec<_> = heads.collect();
        assert_eq!(heads.len(), expected.len(), "messages of the {}", side.name());
        for (number, (message, (transaction, head))) in expected.iter().zip(heads).enumerate() {
            assert_eq!(number, transaction, "the transaction");
            let sent = bytes.get(message.head.clone()).unwrap_or_default();
            assert_eq!(head.text().trim_ascii_end(), sent.trim_ascii_end(), "the head");
            let parts = out.iter().filter(of_side).filter(|part| part.transaction.0 as usize == number);
            let content: Vec<u8> = parts.flat_map(content_of).copied().collect();
            assert!(content == message.body, "a body has {} bytes, of {}", content.len(), message.body.len());
        }
    }
}

fn content_of(part: &Part) -> &[u8] {
    if let PartKind::Content(bytes, _) = &part.kind { bytes } else { &[] }
}
