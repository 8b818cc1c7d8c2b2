//! What client and server agreed on, as far as it was seen: the names of a connection, and what its
//! keys depend on.

use super::direction::Epoch;
use super::handshake::{Certificate, ClientHello, ServerHello};
use super::opener::Randoms;
use super::secret::{ClientRandom, Label};
use super::store::KeyStore;
use super::suite::Suite;
use crate::base::tls::{CertificateFact, TlsVersion};
use crate::base::{Code, Findings, Origin, Span, Timestamp, units};

/// The handshake of a connection; of a renegotiation, the latest one.
#[derive(Debug, Default)]
pub(super) struct Negotiation {
    offer: Option<ClientHello>,
    choice: Option<ServerHello>,
    /// The client random: of the ClientHello, or found out by trial.
    pub(super) random: Option<ClientRandom>,
    /// Version and suite: of the ServerHello, or found out by trial.
    agreed: Option<(TlsVersion, Suite)>,
    pub(super) alpn: Option<Box<str>>,
    certificate: Option<Certificate>,
    /// First packet of the first ClientHello.
    started: Option<Timestamp>,
    /// Last packet of the handshake.
    ended: Option<Timestamp>,
    is_resumed: bool,
    /// Whether the certificate was compared with host and time.
    is_checked: bool,
}

impl Negotiation {
    /// Takes a ClientHello.
    pub(super) fn offered(&mut self, hello: ClientHello, span: Span) {
        self.started.get_or_insert(span.start.time);
        self.random = Some(hello.random);
        self.offer = Some(hello);
    }

    /// Takes a ServerHello that is no HelloRetryRequest.
    pub(super) fn chosen(&mut self, hello: ServerHello, at: Origin, findings: &mut Findings) {
        let version = TlsVersion(hello.version);
        let is_first = self.agreed.is_none();
        self.agreed = Some((version, hello.suite));
        self.alpn = hello.alpn.clone().or(self.alpn.take());
        let echoes =
            |offer: &ClientHello| !hello.session_id.is_empty() && offer.session_id == hello.session_id;
        self.is_resumed =
            hello.has_pre_shared_key || version == TlsVersion::V12 && self.offer.as_ref().is_some_and(echoes);
        if is_first && version < TlsVersion::V12 {
            findings.add(Code::TlsOldVersion, at, format!("TLS {}{}", version.name(), self.for_host()));
        } else if is_first && (version > TlsVersion::V13 || hello.suite.cipher().is_none()) {
            let detail = format!("TLS {} with {}{}", version.name(), hello.suite, self.for_host());
            findings.add(Code::TlsUnsupportedSuite, at, detail);
        }
        self.choice = Some(hello);
    }

    /// Client random, version and suite were found out by trial.
    pub(super) fn identified(&mut self, random: ClientRandom, version: TlsVersion, suite: Suite) {
        self.random = Some(random);
        self.agreed = Some((version, suite));
    }

    /// Takes the server's certificate and compares it with host and time.
    pub(super) fn certified(&mut self, certificate: Certificate, at: Origin, findings: &mut Findings) {
        if self.is_checked {
            return;
        }
        self.is_checked = true;
        let (subject, now) = (&certificate.subject, at.time);
        let days = |ns: i64| units::duration(ns);
        if now > certificate.not_after {
            let detail = format!("\"{subject}\" expired {} before", days(now.since(certificate.not_after)));
            findings.add(Code::TlsCertificateExpired, at, detail);
        } else if now < certificate.not_before {
            let detail =
                format!("\"{subject}\" becomes valid {} later", days(certificate.not_before.since(now)));
            findings.add(Code::TlsCertificateExpired, at, detail);
        }
        if let Some(host) = self.server_name()
            && !certificate.covers(host)
        {
            let detail = format!("the client asked for \"{host}\", the certificate is of \"{subject}\"");
            findings.add(Code::TlsCertificateName, at, detail);
        }
        self.certificate = Some(certificate);
    }

    /// The last packet of the handshake; later ones are of another handshake.
    pub(super) fn ended(&mut self, at: Timestamp) {
        self.ended.get_or_insert(at);
    }

    /// Returns the version; `None` before the ServerHello.
    pub(super) fn version(&self) -> Option<TlsVersion> {
        self.agreed.map(|(version, _)| version)
    }

    /// Returns the cipher suite; `None` before the ServerHello.
    pub(super) fn suite(&self) -> Option<Suite> {
        self.agreed.map(|(_, suite)| suite)
    }

    /// Returns whether version and suite can be decrypted, as far as they are known.
    pub(super) fn is_supported(&self) -> bool {
        self.agreed.is_none_or(|(version, suite)| {
            (version == TlsVersion::V12 || version == TlsVersion::V13) && suite.cipher().is_some()
        })
    }

    /// Returns what the keys of TLS 1.2 depend on; `None` if a hello is missing.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        let server = self.choice.as_ref()?;
        let randoms = Randoms { client: self.random?, server: server.random };
        Some(Epoch { suite: server.suite, encrypt_then_mac: server.encrypt_then_mac, randoms })
    }

    /// Returns what the keys of TLS 1.2 depend on if `random` is the client's.
    pub(super) fn epoch_of(&self, random: ClientRandom) -> Option<Epoch> {
        let server = self.choice.as_ref()?;
        let randoms = Randoms { client: random, server: server.random };
        Some(Epoch { suite: server.suite, encrypt_then_mac: server.encrypt_then_mac, randoms })
    }

    /// Returns the host that the client asked for.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.offer.as_ref().and_then(|offer| offer.server_name.as_deref())
    }

    /// Returns the protocols that the client offered.
    pub(super) fn alpn_offered(&self) -> &[Box<str>] {
        self.offer.as_ref().map_or(&[], |offer| &offer.alpn)
    }

    /// Returns the certificate of the server.
    pub(super) fn certificate(&self) -> Option<CertificateFact> {
        let Certificate { subject, not_after, .. } = self.certificate.as_ref()?;
        Some(CertificateFact { subject: subject.clone(), not_after: *not_after })
    }

    /// Returns whether an earlier session was resumed.
    pub(super) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Returns the client random if it was found out by trial; else `None`.
    pub(super) fn identified_random(&self) -> Option<ClientRandom> {
        self.random.filter(|_| self.offer.is_none())
    }

    /// Returns the duration of the handshake in nanoseconds; `None` if it was not captured whole.
    pub(super) fn handshake_ns(&self) -> Option<i64> {
        Some(self.ended?.since(self.started?))
    }

    /// Returns ` for "HOST"`, or nothing if the client named none.
    fn for_host(&self) -> String {
        self.server_name().map_or_else(String::new, |host| format!(" for \"{host}\""))
    }

    /// Describes which secret is missing, or what else it takes.
    pub(super) fn missing_secret(&self, store: &KeyStore) -> String {
        let Some(random) = self.random else {
            return "the ClientHello was not captured, and no known secret opens the records".to_owned();
        };
        let has = |label: Label| store.has(&random, label);
        let [master, client, server] = [Label::Master, Label::ClientApplication, Label::ServerApplication];
        let missing = [client, server].into_iter().filter(|label| !has(*label)).map(Label::name);
        let missing = missing.collect::<Vec<_>>().join(" and ");
        let lines = match self.version() {
            None if has(master) => {
                return format!(
                    "the ServerHello was not captured, on which the keys of TLS 1.2 depend{}",
                    self.for_host()
                );
            }
            Some(TlsVersion::V12) => master.name().to_owned(),
            Some(TlsVersion::V13) => missing,
            _ => format!("{}, or {missing},", master.name()),
        };
        format!("no {lines} of client random {random}{}", self.for_host())
    }
}
