//! The current event and its text: shared with the pushed bytes if possible, copied once if it was
//! cut.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::base::{Degraded, Span, limits};
use crate::http::grow;

/// The current, incomplete event.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) span: Option<Span>,
    pub(super) name: Option<Box<str>>,
    pub(super) id: Option<Arc<str>>,
    pub(super) retry: Option<u64>,
    pub(super) data: Option<Text>,
    pub(super) degraded: Degraded,
    /// The last line end belongs to a field line.
    pub(super) ended_field: bool,
    pub(super) not_utf8: bool,
}

/// Bytes of a line or of data: a slice of the pushed bytes, or an own buffer.
#[derive(Debug)]
pub(super) enum Text {
    Shared(Bytes),
    Own(BytesMut),
}

impl Open {
    pub(super) fn data_len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.as_slice().len())
    }

    /// Returns the memory of the data, in bytes.
    pub(super) fn allocated(&self) -> usize {
        match &self.data {
            None => 0,
            Some(Text::Shared(bytes)) => bytes.len(),
            Some(Text::Own(bytes)) => bytes.capacity(),
        }
    }

    pub(super) fn saw_field(&mut self, span: Span) {
        Span::extend(&mut self.span, span);
        self.ended_field = true;
    }

    /// Returns a name or an id as text, cut to [`limits::MAX_TEXT`].
    pub(super) fn text(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        self.not_utf8 |= matches!(text, Cow::Owned(_));
        if text.len() <= limits::MAX_TEXT {
            return text.into_owned();
        }
        let most = limits::MAX_TEXT - '…'.len_utf8();
        let cut = (0..=most).rev().find_map(|end| text.get(..end));
        format!("{}…", cut.unwrap_or_default())
    }

    /// Copies data that waits for its blank line: a slice would keep the whole push in memory.
    pub(super) fn own(&mut self) {
        if let Some(data @ Text::Shared(_)) = &mut self.data {
            *data = Text::Own(BytesMut::from(data.as_slice()));
        }
    }
}

impl Text {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }

    pub(super) fn advance(&mut self, len: usize) {
        match self {
            Self::Shared(bytes) => bytes.advance(len),
            Self::Own(bytes) => bytes.advance(len),
        }
    }

    /// Appends a further data line.
    pub(super) fn join_line(&mut self, line: &[u8]) {
        if let Self::Shared(first) = self {
            let mut own = BytesMut::with_capacity((first.len() + line.len() + 1) * 2);
            own.extend_from_slice(first);
            *self = Self::Own(own);
        }
        if let Self::Own(own) = self {
            grow::append(own, b"\n");
            grow::append(own, line);
        }
    }

    pub(super) fn freeze(self) -> Bytes {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes.freeze(),
        }
    }
}
