//! The context of a trace that a message belongs to (W3C Trace Context, level 1).

/// The longest `tracestate` that is kept, in bytes: what a vendor should at least pass on (section
/// 3.3.1.5).
const MAX_STATE: usize = 512;

/// Names the span in which a request was sent: what `traceparent` and `tracestate` say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The span of the sender.
    pub span_id: [u8; 8],
    /// The flags; bit 0 says that the sender may have recorded the trace.
    pub flags: u8,
    /// The `tracestate`; `None` if there is none, or if it is too long or holds other characters
    /// than visible ASCII and blanks.
    pub state: Option<Box<str>>,
}

impl TraceContext {
    /// Parses a `traceparent` (section 3.2); `None` if it is invalid. The version may be a later
    /// one than 00, which may say more at its end.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.splitn(5, '-');
        let [version] = hex(parts.next()?)?;
        let (trace_id, span_id) = (hex(parts.next()?)?, hex(parts.next()?)?);
        let [flags] = hex(parts.next()?)?;
        let is_longer = parts.next().is_some();
        let is_valid =
            version != 0xff && (version != 0 || !is_longer) && trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self { trace_id, span_id, flags, state: None })
    }

    /// Adds a `tracestate`, if it is one.
    #[must_use]
    pub fn with_state(self, state: Option<&str>) -> Self {
        let is_plain = |state: &&str| {
            (1..=MAX_STATE).contains(&state.len()) && state.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        };
        Self { state: state.filter(is_plain).map(Box::from), ..self }
    }
}

/// Parses as many bytes as the array has, in lower-case hexadecimal digits.
fn hex<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; LEN];
    if text.len() != 2 * LEN {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_names_trace_and_span() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.trace_id[..2], [0x0a, 0xf7]);
        assert_eq!((context.span_id[7], context.flags), (0x31, 1));
        assert!(TraceContext::parse(&VALID.replacen("00", "cc", 1)).is_some());
        assert!(TraceContext::parse(&format!("{}-more", VALID.replacen("00", "cc", 1))).is_some());
    }

    #[test]
    fn what_is_invalid_is_no_context() {
        let zero = |part: &str| VALID.replace(part, &"0".repeat(part.len()));
        for text in [
            "",
            "00",
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &format!("{VALID}-more"),
            &format!("{VALID} "),
            &VALID.replace('-', "_"),
            &zero("0af7651916cd43dd8448eb211c80319c"),
            &zero("b7ad6b7169203331"),
            &VALID.replace("b7ad", "\u{e9}\u{e9}"),
            &VALID[..54],
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_state_is_kept_if_it_is_short_and_visible() {
        let with = |state: &str| TraceContext::parse(VALID).unwrap().with_state(Some(state)).state;
        assert_eq!(with("a=1,b=2").as_deref(), Some("a=1,b=2"));
        assert_eq!(with(&"x".repeat(513)), None);
        assert_eq!(with("a=\u{1b}"), None);
        assert_eq!(with(""), None);
    }
}
