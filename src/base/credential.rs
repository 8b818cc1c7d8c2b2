//! Recognises credentials in text from traffic, by their form and by the name before them.

use std::borrow::Cow;

/// Form of a token that a service issues: a fixed prefix and characters of one alphabet.
#[derive(Debug)]
pub struct TokenForm {
    /// What the token gives access to.
    pub kind: &'static str,
    prefix: &'static str,
    /// Least number of characters after the prefix.
    least: usize,
    alphabet: Alphabet,
}

#[derive(Clone, Copy, Debug)]
enum Alphabet {
    /// Capitals and digits.
    Upper,
    /// Letters, digits, `_` and `-`.
    Word,
    /// Three parts of `Word`, separated by dots.
    Jwt,
}

/// The forms that are recognised, from the documentation of their services; GitHub's and GitLab's
/// lists of patterns for secret scanning have most of them.
pub const TOKEN_FORMS: [TokenForm; 21] = [
    form("Anthropic key", "sk-ant-", 20, Alphabet::Word),
    form("API key", "sk-", 20, Alphabet::Word),
    form("Stripe key", "sk_live_", 16, Alphabet::Word),
    form("Stripe key", "rk_live_", 16, Alphabet::Word),
    form("GitHub token", "github_pat_", 22, Alphabet::Word),
    form("GitHub token", "ghp_", 30, Alphabet::Word),
    form("GitHub token", "gho_", 30, Alphabet::Word),
    form("GitHub token", "ghu_", 30, Alphabet::Word),
    form("GitHub token", "ghs_", 30, Alphabet::Word),
    form("GitHub token", "ghr_", 30, Alphabet::Word),
    form("GitLab token", "glpat-", 20, Alphabet::Word),
    form("Slack token", "xoxa-", 10, Alphabet::Word),
    form("Slack token", "xoxb-", 10, Alphabet::Word),
    form("Slack token", "xoxp-", 10, Alphabet::Word),
    form("Slack token", "xoxr-", 10, Alphabet::Word),
    form("Slack token", "xoxs-", 10, Alphabet::Word),
    form("AWS key", "AKIA", 16, Alphabet::Upper),
    form("AWS key", "ASIA", 16, Alphabet::Upper),
    form("Google key", "AIza", 35, Alphabet::Word),
    form("npm token", "npm_", 36, Alphabet::Word),
    form("JSON web token", "eyJ", 20, Alphabet::Jwt),
];

/// Whether a token of [`TOKEN_FORMS`] can begin with the byte.
const BEGINS_TOKEN: [bool; 256] = begins_token();

#[expect(clippy::indexing_slicing, reason = "no iterators in a constant; out of range does not compile")]
const fn begins_token() -> [bool; 256] {
    let (mut begins, mut n) = ([false; 256], 0);
    while n < TOKEN_FORMS.len() {
        begins[TOKEN_FORMS[n].prefix.as_bytes()[0] as usize] = true;
        n += 1;
    }
    begins
}

const fn form(kind: &'static str, prefix: &'static str, least: usize, alphabet: Alphabet) -> TokenForm {
    TokenForm { kind, prefix, least, alphabet }
}

impl TokenForm {
    /// Returns the length of the token at the start of `text`, in bytes; 0 if there is none.
    #[must_use]
    pub fn len_at(&self, text: &str) -> usize {
        let Some(rest) = text.strip_prefix(self.prefix) else { return 0 };
        let is_part: fn(char) -> bool = match self.alphabet {
            Alphabet::Upper => |c| c.is_ascii_uppercase() || c.is_ascii_digit(),
            Alphabet::Word => is_word,
            Alphabet::Jwt => |c| is_word(c) || c == '.',
        };
        let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (token, _) = rest.split_at_checked(len).unwrap_or((rest, ""));
        let fits = match self.alphabet {
            Alphabet::Jwt => token.matches('.').count() == 2,
            // A word of a sentence such as `sk-learn-something-else` has no digits.
            Alphabet::Word | Alphabet::Upper => token.bytes().any(|b| b.is_ascii_digit()),
        };
        if fits && token.len() >= self.least { self.prefix.len() + token.len() } else { 0 }
    }
}

/// Returns the form and the length in bytes of the token at the start of `text`; `None` if there is
/// none. The character before `text` must not belong to the token.
#[must_use]
pub fn token_at(text: &str) -> Option<(&'static TokenForm, usize)> {
    let first = *text.as_bytes().first()?;
    if !BEGINS_TOKEN.get(usize::from(first)).is_some_and(|begins| *begins) {
        return None;
    }
    TOKEN_FORMS.iter().map(|form| (form, form.len_at(text))).find(|(_, len)| *len > 0)
}

/// First line of a private key (RFC 7468), up to the kind of key.
const KEY_BEGIN: &str = "-----BEGIN ";

/// Last line of a private key, up to the kind of key.
const KEY_END: &str = "-----END ";

/// Returns the range of a private key's content at the start of `text`: after its first line, up to
/// its last line or to the end of the text. `None` if no private key begins there.
fn private_key_at(text: &str) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(KEY_BEGIN)?;
    let line = rest.find("-----")?;
    if !rest.get(..line)?.ends_with("PRIVATE KEY") {
        return None;
    }
    let start = KEY_BEGIN.len() + line + "-----".len();
    let end = text.get(start..)?.find(KEY_END).map_or(text.len(), |end| start + end);
    Some((start, end))
}

/// Names (of query parameters, JSON members) whose value is a credential; lower case, without `-`
/// and `_`.
const SECRET_NAMES: [&str; 15] = [
    "token",
    "key",
    "apikey",
    "secret",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "code",
    "sig",
    "signature",
    "auth",
    "authorization",
    "credential",
    "credentials",
];

/// Endings of such names (`access_token`, `client_secret`, `X-Amz-Signature`).
const SECRET_ENDINGS: [&str; 6] = ["token", "secret", "password", "signature", "apikey", "credential"];

/// The subset that is also recognised before a colon. `code: -32602`, `key: name` and `token: 5`
/// are no credentials; `token` is one if its value looks like one ([`is_random`]).
const SECRET_BEFORE_COLON: [&str; 6] =
    ["secret", "password", "apikey", "accesstoken", "refreshtoken", "authorization"];

/// Parameters of a challenge of the scheme Bearer (RFC 6750 section 3, RFC 9728 section 5.1).
const CHALLENGE: [&str; 5] = ["realm", "error", "error_description", "scope", "resource_metadata"];

/// Least length of a value after `token:`, with letters and digits, to be a credential; a progress
/// token is shorter.
const MIN_TOKEN: usize = 16;

/// Replaces credentials by `…`: tokens of a known form, private keys, the user of a URL, the values
/// of names like `token`, the token after `Bearer`.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    if !may_have_credential(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(c) = rest.chars().next() {
        let taken = if c == ':'
            && let Some(after) = rest.strip_prefix("://")
        {
            out.push_str("://");
            3 + user_of_url(after, &mut out)
        } else if c == '-'
            && let Some((start, end)) = private_key_at(rest)
        {
            out.push_str(rest.get(..start).unwrap_or_default());
            out.push('…');
            end
        } else if in_word || !is_word(c) {
            out.push(c);
            c.len_utf8()
        } else if let Some((_, len)) = token_at(rest) {
            out.push('…');
            len
        } else {
            word(rest, &mut out)
        };
        (_, rest) = rest.split_at_checked(taken).unwrap_or_default();
        in_word = is_word(c);
        if taken > c.len_utf8() {
            in_word = out.chars().next_back().is_some_and(is_word);
        }
    }
    Cow::Owned(out)
}

/// Whether redacting could change the text: a fast check for most texts.
fn may_have_credential(text: &str) -> bool {
    memchr::memchr2(b'=', b':', text.as_bytes()).is_some()
        || text.contains(KEY_BEGIN)
        || memchr::memchr2_iter(b'b', b'B', text.as_bytes())
            .any(|at| text.get(at..at + 6).is_some_and(|word| word.eq_ignore_ascii_case("bearer")))
        || text.len() >= 15 && has_token(text)
}

/// Whether a word of `text` is a token of a known form.
fn has_token(text: &str) -> bool {
    let mut in_word = false;
    text.bytes().enumerate().any(|(at, byte)| {
        let begins = !in_word && text.get(at..).is_some_and(|rest| token_at(rest).is_some());
        in_word = is_word(char::from(byte));
        begins
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Redacts `user:password` before the `@` of a URL; returns the number of bytes consumed.
fn user_of_url(after: &str, out: &mut String) -> usize {
    let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\') || c.is_whitespace();
    let authority = after.split(ends).next().unwrap_or("");
    match authority.rfind('@') {
        Some(at) if at > 0 => {
            out.push('…');
            at
        }
        _ => 0,
    }
}

/// Copies the first word of `rest` and redacts the credential behind it, if its name announces one;
/// returns the number of bytes consumed.
fn word(rest: &str, out: &mut String) -> usize {
    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    out.push_str(word);
    let gap = separator(word, after);
    let Some((between, value)) = after.split_at_checked(gap).filter(|_| gap > 0) else {
        return end;
    };
    // `Authorization: Basic dXNlcg==`: the rest of the line is the credential.
    let whole_line = is_named(word, &["authorization"]) && !between.contains('=');
    let quote = between.chars().next_back().filter(|c| matches!(c, '"' | '\''));
    let ends = |c: char| match c {
        _ if quote.is_some() => quote == Some(c),
        '"' | '\'' | '\n' | '\r' => true,
        '&' | ';' | ',' | '#' | '}' | ')' | ']' | '<' | '>' => !whole_line,
        _ => c.is_whitespace() && !whole_line,
    };
    let hidden = value.find(ends).unwrap_or(value.len());
    // `Bearer realm="x"` is a challenge, not a token.
    let is_challenge = word.eq_ignore_ascii_case("bearer")
        && CHALLENGE.iter().any(|name| value.strip_prefix(name).is_some_and(|it| it.starts_with('=')));
    if is_challenge {
        return end;
    }
    let is_token = between.trim_start_matches(['"', '\'']).starts_with(':') && is_named(word, &["token"]);
    if hidden == 0 || is_token && !is_random(value.get(..hidden).unwrap_or_default()) {
        return end;
    }
    out.push_str(between);
    out.push('…');
    end + gap + hidden
}

/// Returns the length of the separator between the name of a credential and its value; 0 if `word`
/// is no such name.
fn separator(word: &str, after: &str) -> usize {
    let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    if word.eq_ignore_ascii_case("bearer") {
        return if after.starts_with("%20") { 3 } else { blanks(after) };
    }
    let quoted = |text: &str| usize::from(text.starts_with(['"', '\'']));
    let close = quoted(after);
    let (_, sign) = after.split_at_checked(close).unwrap_or_default();
    let names: &[&str] = match sign.chars().next() {
        Some('=') => &SECRET_NAMES,
        Some(':') if is_named(word, &["token"]) => &["token"],
        Some(':') => &SECRET_BEFORE_COLON,
        _ => return 0,
    };
    let has_ending =
        sign.starts_with('=') && SECRET_ENDINGS.iter().any(|ending| normal(word).ends_with(ending));
    if !has_ending && !is_named(word, names) {
        return 0;
    }
    let (_, value) = sign.split_at_checked(1).unwrap_or_default();
    let blank = blanks(value);
    let (_, value) = value.split_at_checked(blank).unwrap_or_default();
    close + 1 + blank + quoted(value)
}

/// Whether a value looks like a token: [`MIN_TOKEN`] characters, letters and digits among them.
fn is_random(value: &str) -> bool {
    value.len() >= MIN_TOKEN
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
}

fn is_named(word: &str, names: &[&str]) -> bool {
    names.contains(&normal(word).as_str())
}

fn normal(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_are_redacted() {
        for (text, want) in [
            ("https://joe:pa@ss@host/x", "https://…@host/x"),
            ("https://token@host", "https://…@host"),
            ("https://host/mail@x", "https://host/mail@x"),
            ("/sse?api_key=abc&x=1&access_token=d%20e#f", "/sse?api_key=…&x=1&access_token=…#f"),
            ("/cb?code=1&state=2&X-Amz-Signature=33", "/cb?code=…&state=2&X-Amz-Signature=…"),
            ("/messages/?session_id=7f4d", "/messages/?session_id=7f4d"),
            ("Bearer xyz, and bearer  a.b-c", "Bearer …, and bearer  …"),
            ("Bearer xyz=, Bearer error=\"invalid_token\"", "Bearer …, Bearer error=\"invalid_token\""),
            ("note://Bearer%20xyz/1", "note://Bearer%20…"),
            ("Authorization: Basic dXNl cg==\nHost: a", "Authorization: …\nHost: a"),
            ("{\"password\": \"a b\", \"code\": -32602}", "{\"password\": \"…\", \"code\": -32602}"),
            ("error code: 404, key: name", "error code: 404, key: name"),
            ("token=", "token="),
            ("monkey=1", "monkey=1"),
            ("progressToken: 5, token: 5", "progressToken: 5, token: 5"),
            ("token: 4f6e2d1c9b8a7f6e5d4c", "token: …"),
        ] {
            assert_eq!(redact(text), want);
        }
    }

    #[test]
    fn tokens_are_recognised_by_their_form() {
        for token in [
            "sk-ant-api03-AbCdEf0123456789AbCdEf",
            "sk-proj-0123456789abcdefABCDEF",
            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "github_pat_11ABCDEFG0123456789_abcdefghij",
            "glpat-0123456789abcdefghij",
            "xoxb-1234567890-abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "AIzaSyA0123456789abcdefghijklmnopqrstuvw",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        ] {
            assert!(token_at(token).is_some_and(|(_, len)| len == token.len()), "{token}");
            assert_eq!(redact(&format!("failed for {token}, again")), "failed for …, again");
        }
        for text in
            ["sk-", "sk-learn-and-other-libraries", "AKIA", "eyJhb", "task-0123456789abcdefghij", "ghp_x"]
        {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn the_content_of_private_keys_is_redacted() {
        let key = "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b";
        let want = "a -----BEGIN RSA PRIVATE KEY-----…-----END RSA PRIVATE KEY----- b";
        assert_eq!(redact(key), want);
        assert_eq!(redact("-----BEGIN PRIVATE KEY-----\nMIIE"), "-----BEGIN PRIVATE KEY-----…");
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE";
        assert_eq!(redact(public), public);
    }

    proptest! {
        #[test]
        fn text_without_credentials_is_unchanged(text in "[a-z /?.@öü日]*") {
            prop_assert_eq!(redact(&text), text.as_str());
        }

        #[test]
        fn credential_values_are_redacted(before in "[ -~]{0,20}", value in "SECRET[A-Za-z0-9._~+-]{1,20}") {
            for text in [format!("{before}?token={value}"), format!("{before} Bearer {value}"), format!("x://u:{value}@h")] {
                prop_assert!(!redact(&text).contains("SECRET"), "{}", redact(&text));
            }
        }
    }
}
