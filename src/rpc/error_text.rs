//! The text for people in a body that holds no JSON-RPC: what an HTTP error says.

use std::borrow::Cow;

use serde_json::Value;

/// Length of a body up to which it is read for its text, in bytes: errors are short, a longer body
/// is a page or data.
const MAX_BODY: usize = 16 * 1024;

/// Length of the text that is kept, in bytes.
const MAX_LEN: usize = 512;

/// Members of an error's JSON that hold its text, the most telling first: OAuth (RFC 6749 section
/// 5.2), problem details (RFC 9457), and what frameworks write.
const MEMBERS: [&str; 6] = ["error_description", "message", "detail", "error", "title", "reason"];

/// What SDKs answer to a POST of notifications: the most frequent of all bodies.
const ACCEPTED: &str = "Accepted";

/// Returns the text of a body; `None` if it has none.
///
/// Of JSON it is the member that holds a text, after the code that stands beside it in OAuth
/// (`invalid_token: the token expired`); of HTML the text between the tags.
#[must_use]
pub(super) fn of(body: &[u8]) -> Option<Cow<'static, str>> {
    if body == ACCEPTED.as_bytes() {
        return Some(ACCEPTED.into());
    }
    if body.len() > MAX_BODY {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    let found: Cow<'_, str> = match text.bytes().next()? {
        b'{' | b'[' | b'"' => match serde_json::from_str(text) {
            Ok(json) => of_json(&json)?.into(),
            Err(_) => text.into(),
        },
        b'<' => of_html(text).into(),
        _ if matches!(text, "null" | "true" | "false") => return None,
        _ => text.into(),
    };
    // A word, as in `Accepted`.
    if (1..=MAX_LEN).contains(&found.len()) && found.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(found.into_owned().into());
    }
    let words: Vec<_> = found.split_whitespace().collect();
    let mut kept = words.join(" ");
    if kept.len() > MAX_LEN {
        kept.truncate(kept.floor_char_boundary(MAX_LEN));
        kept.push('…');
    }
    (!kept.is_empty()).then(|| kept.into())
}

fn of_json(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => {
            let text = MEMBERS.into_iter().find_map(|member| of_json(members.get(member)?))?;
            match members.get("error").and_then(Value::as_str) {
                Some(code) if code != text => Some(format!("{code}: {text}")),
                _ => Some(text),
            }
        }
        // FastAPI: `"detail": [{"msg": …}]`.
        Value::Array(list) => match list.first()? {
            Value::Object(members) => members.get("msg").or_else(|| members.get("message")).and_then(of_json),
            Value::String(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the text between the tags, without scripts and style sheets.
fn of_html(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let end = ["script", "style"].into_iter().find_map(|name| {
            let begins = tag.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
            begins.then(|| tag.find("</")).flatten().map(|at| at + 1)
        });
        let behind = tag.get(end.unwrap_or_default()..).and_then(|tag| tag.split_once('>'));
        rest = behind.map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_text_of_an_error() {
        for (body, text) in [
            (r#"{"detail":"Not Found"}"#, Some("Not Found")),
            (r#"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#, Some("Field required")),
            (r#"{"error":"invalid_token"}"#, Some("invalid_token")),
            (
                r#"{"error":"invalid_token","error_description":"The token expired"}"#,
                Some("invalid_token: The token expired"),
            ),
            (r#"{"message":"Accepted"}"#, Some("Accepted")),
            (r#"{"error":{"code":401,"message":"No key"}}"#, Some("No key")),
            (r#"{"a":1}"#, None),
            ("Accepted", Some("Accepted")),
            ("null", None),
            ("", None),
            (" 404 page\nnot found\n", Some("404 page not found")),
            ("<!DOCTYPE html><style>a{b:c}</style><pre>Cannot GET /mcp</pre>\n", Some("Cannot GET /mcp")),
            ("<", None),
            (r#"{"detail":"cut off"#, Some(r#"{"detail":"cut off"#)),
        ] {
            assert_eq!(of(body.as_bytes()).as_deref(), text, "{body}");
        }
        assert_eq!(of(b"\xff"), None);
        assert!(of("é".repeat(4000).as_bytes()).is_some_and(|text| text.len() < 520));
    }
}
