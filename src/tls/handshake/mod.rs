//! Handshake messages (RFC 8446 section 4, RFC 5246 section 7.4): what names a connection, and what
//! its keys depend on. Signatures, key shares and chains of certificates are not looked at.

mod certificate;
mod der;
mod hello;
mod messages;

pub(super) use certificate::Certificate;
pub(super) use hello::{ClientHello, ServerHello, encrypted_extensions};
pub(super) use messages::{Message, MessageType, Messages};
