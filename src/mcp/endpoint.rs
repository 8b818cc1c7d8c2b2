//! HTTP+SSE (2024-11-05): the target that an `endpoint` event names, and the session id in it.

/// Resolves the reference in an `endpoint` event against the target of the stream's own request
/// (RFC 3986 section 5.2) to a path and query. Scheme and authority are dropped: behind a proxy
/// they name another server than the wire does.
pub(super) fn resolve(base: Option<&str>, reference: &str) -> String {
    let reference = reference.trim();
    let reference = reference.split('#').next().unwrap_or_default();
    let base = base.unwrap_or("/");
    let base_path = base.split('?').next().unwrap_or_default();
    let path = match authority_stripped(reference) {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(query) => format!("/{query}"),
        None if reference.starts_with('/') => reference.to_owned(),
        None if reference.starts_with('?') => format!("{base_path}{reference}"),
        None => {
            let folder = base_path.rfind('/').and_then(|at| base_path.get(..=at)).unwrap_or("/");
            format!("{folder}{reference}")
        }
    };
    without_dots(&path)
}

/// The authority of the reference in an `endpoint` event: `host` or `host:port`; `None` if it has
/// none.
pub(super) fn authority(reference: &str) -> Option<&str> {
    let reference = reference.trim();
    authority_stripped(reference)?;
    let (_, rest) = reference.split_once("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // Credentials are no part of the origin.
    authority.rsplit('@').next()
}

/// What follows the authority of `scheme://authority…` or `//authority…`; `None` if the reference
/// has none.
fn authority_stripped(reference: &str) -> Option<&str> {
    let rest = match reference.strip_prefix("//") {
        Some(rest) => rest,
        None => {
            let (scheme, rest) = reference.split_once("://")?;
            if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            {
                return None;
            }
            rest
        }
    };
    Some(rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/"))
}

/// Removes dot segments from the path of a target (RFC 3986 section 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    if path.starts_with('/') && !path.contains("/.") {
        return target.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if let Some(query) = query {
        clean.push('?');
        clean.push_str(query);
    }
    clean
}

/// The session id in a target, percent-decoded, and whether its name says that it is one. It is the
/// query value whose name without `-`, `_` and case is `sessionid`, else the first query value,
/// else the last path segment.
pub(super) fn shown_id(target: &str) -> (String, bool) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = || {
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    };
    let named = pairs().find(|(name, _)| is_session_id(name));
    if let Some((_, value)) = named {
        return (decoded(value), true);
    }
    let value = pairs().map(|(_, value)| value).find(|value| !value.is_empty());
    let segment = || path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    (decoded(value.unwrap_or_else(segment)), false)
}

fn is_session_id(name: &str) -> bool {
    let mut letters = name.bytes().filter(|b| *b != b'-' && *b != b'_').map(|b| b.to_ascii_lowercase());
    letters.by_ref().eq(b"sessionid".iter().copied())
}

/// Percent-decodes a text (RFC 3986 section 2.1). Invalid UTF-8 is replaced.
fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2).and_then(hex)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_against_the_target_of_the_stream() {
        for (base, reference, target) in [
            (Some("/sse"), "/messages?sessionId=1", "/messages?sessionId=1"),
            (Some("/sse-c"), "?sid=odd-c", "/sse-c?sid=odd-c"),
            (Some("/a/sse?x=1"), "messages/", "/a/messages/"),
            (Some("/a/b/sse"), "../m?q", "/a/m?q"),
            (Some("/sse"), "http://127.0.0.1:3000/messages?session_id=2", "/messages?session_id=2"),
            (Some("/sse"), "https://host?x=1", "/?x=1"),
            (Some("/sse"), "//host/m#f", "/m"),
            (None, " m ", "/m"),
        ] {
            assert_eq!(resolve(base, reference), target, "{reference}");
        }
    }

    #[test]
    fn session_ids_are_found_in_query_and_path() {
        for (target, id, named) in [
            ("/m?sessionId=a-b", "a-b", true),
            ("/m?x=1&session_id=7f", "7f", true),
            ("/m?Session-ID=%41%zz", "A%zz", true),
            ("/m?sid=odd-c", "odd-c", false),
            ("/messages/abc", "abc", false),
            ("/messages/abc/", "abc", false),
            ("/", "", false),
        ] {
            assert_eq!(shown_id(target), (id.to_owned(), named), "{target}");
        }
    }
}
