//! Reads what records hold: handshake messages, alerts, application data.

use super::{Connection, Context};
use crate::base::tls::TlsVersion;
use crate::base::{Code, End, Ending, Span};
use crate::tls::alert;
use crate::tls::direction::Stage;
use crate::tls::early::Verdict;
use crate::tls::handshake::{
    Certificate, ClientHello, Message, MessageType, ServerHello, encrypted_extensions,
};
use crate::tls::opener::Plain;
use crate::tls::record::ContentType;

impl Connection {
    /// Takes the content of a record.
    pub(super) fn content(&mut self, from: End, plain: Plain, span: Span, cx: &mut Context<'_, '_>) {
        match plain.content_type {
            ContentType::APPLICATION_DATA => self.emit(from, plain.content, span, cx),
            ContentType::HANDSHAKE => {
                self.direction(from).messages.push(&plain.content);
                while let Some(message) = self.direction(from).messages.next() {
                    self.message(from, &message, span, cx);
                }
            }
            ContentType::ALERT => self.alert(from, &plain.content, span, cx),
            // In TLS 1.3 it has no meaning (RFC 8446 appendix D.4).
            ContentType::CHANGE_CIPHER_SPEC if self.negotiation.version() != Some(TlsVersion::V13) => {
                match self.negotiation.epoch() {
                    Some(epoch) => self.direction(from).begin_epoch(epoch),
                    // Finished follows, and then the first record of data.
                    None => self.direction(from).lose(2),
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, from: End, message: &Message, span: Span, cx: &mut Context<'_, '_>) {
        let findings = &mut *cx.sink.findings;
        let version = self.negotiation.version();
        match message.message_type {
            MessageType::CLIENT_HELLO => {
                let Some(hello) = ClientHello::read(&message.body) else { return };
                self.client.get_or_insert(from);
                if version.is_none() {
                    // The second one, after a HelloRetryRequest, never announces early data.
                    let has_early_data = hello.has_early_data;
                    drop(self.early.decide(if has_early_data {
                        Verdict::Undecided
                    } else {
                        Verdict::Rejected
                    }));
                    let stage = if has_early_data { Stage::Early } else { Stage::Handshake };
                    self.direction(from).change_keys(stage);
                }
                self.negotiation.offered(hello, span);
            }
            MessageType::SERVER_HELLO => {
                let Some(hello) = ServerHello::read(&message.body) else { return };
                self.client.get_or_insert(from.other());
                if hello.is_retry() {
                    self.decide_early(false, cx);
                } else {
                    let is_v13 = TlsVersion(hello.version) == TlsVersion::V13;
                    self.negotiation.chosen(hello, span.end, findings);
                    if !is_v13 {
                        self.decide_early(false, cx);
                    }
                }
            }
            MessageType::CERTIFICATE if self.client == Some(from.other()) => {
                let is_v13 = version == Some(TlsVersion::V13);
                if let Some(certificate) = Certificate::read_message(&message.body, is_v13) {
                    self.negotiation.certified(certificate, span.end, findings);
                }
            }
            _ if version == Some(TlsVersion::V13) => self.message_v13(from, message, cx),
            _ => {}
        }
    }

    /// Takes a message that changes the keys of TLS 1.3.
    fn message_v13(&mut self, from: End, message: &Message, cx: &mut Context<'_, '_>) {
        match message.message_type {
            MessageType::ENCRYPTED_EXTENSIONS => {
                let Some((alpn, accepts_early_data)) = encrypted_extensions(&message.body) else { return };
                self.negotiation.alpn = alpn;
                self.decide_early(accepts_early_data, cx);
            }
            MessageType::END_OF_EARLY_DATA => self.direction(from).change_keys(Stage::Handshake),
            MessageType::FINISHED => self.direction(from).change_keys(Stage::Application),
            MessageType::KEY_UPDATE => {
                if let Some(suite) = self.negotiation.suite() {
                    self.direction(from).update_key(suite);
                }
            }
            _ => {}
        }
    }

    fn alert(&mut self, from: End, content: &[u8], span: Span, cx: &mut Context<'_, '_>) {
        let [level, description] = *content else { return };
        if description == alert::CLOSE_NOTIFY {
            self.direction(from).has_closed = true;
            self.end(from, Ending::Closed, span.end, cx);
        } else if alert::is_failure(level, description) {
            let host =
                self.negotiation.server_name().map_or_else(String::new, |host| format!(", host \"{host}\""));
            let sender = self.client.map_or_else(String::new, |_| format!(" from the {}", self.role(from)));
            let detail = format!("{}{sender}{host}", alert::name(description));
            cx.sink.findings.add(Code::TlsAlert, span.end, detail);
        }
    }
}
