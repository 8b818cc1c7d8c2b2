//! What leaves the machine without credentials.

use std::borrow::Cow;

use crate::base::credential;

/// Header fields whose whole value is a credential.
const SECRET_FIELDS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// Ends of the names of other such fields.
const SECRET_ENDINGS: [&str; 5] = ["-api-key", "apikey", "-password", "-secret", "-token"];

/// Stands for what is left out.
const MASK: &str = "***";

/// Masks credentials, or nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masking {
    with_secrets: bool,
}

impl Masking {
    pub(super) fn new(with_secrets: bool) -> Self {
        Self { with_secrets }
    }

    /// Returns a text without the credentials in it.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.with_secrets { Cow::Borrowed(text) } else { credential::redact(text) }
    }

    /// Returns the value of a header field without the credentials in it.
    pub(super) fn field<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        if self.with_secrets {
            return Cow::Borrowed(value);
        }
        let name = name.to_ascii_lowercase();
        let is_secret = SECRET_FIELDS.contains(&name.as_str())
            || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending));
        if is_secret { Cow::Borrowed(MASK) } else { credential::redact(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_unless_they_are_asked_for() {
        let masking = Masking::new(false);
        let token = format!("ghp_{}", "a1".repeat(18));
        for (name, value, want) in [
            ("Authorization", "Bearer abc", "***"),
            ("set-cookie", "a=b", "***"),
            ("X-Api-Key", "k", "***"),
            ("Mcp-Session-Id", "abc", "abc"),
            ("X-Note", &token, "…"),
        ] {
            assert_eq!(masking.field(name, value), want, "{name}");
            assert_eq!(Masking::new(true).field(name, value), value);
        }
        assert_eq!(masking.text(&format!(r#"{{"a":"{token}"}}"#)), r#"{"a":"…"}"#);
    }
}
