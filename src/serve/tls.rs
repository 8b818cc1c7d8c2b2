//! HTTPS: a certificate made at the start, and the secrets of the connections written for who wants to read them.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{KeyLog, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::options::{Error, TlsOptions};

/// How many days the certificate is good: it dies with the process, and some clients want less than a year.
const DAYS: i64 = 90;

/// Who may read the secrets: the operator alone.
const KEYLOG_MODE: u32 = 0o600;

/// What TLS needs, and what clients need to trust it.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) certificate: Certificate,
}

/// The certificate of a server.
#[derive(Clone, Debug)]
pub struct Certificate {
    pem: String,
    fingerprint: String,
}

impl Certificate {
    /// The certificate as PEM, for clients to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` writes it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Tls {
    /// Makes a certificate for this machine, the address that is listened on, and the hosts that are let in.
    ///
    /// # Errors
    ///
    /// When a host cannot stand in a certificate, or the key log cannot be opened.
    pub(super) fn new(options: &TlsOptions, listen: SocketAddr, hosts: &[String]) -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(|error| Error::Certificate(error.to_string()))?;
        let made = params(listen, hosts)?
            .self_signed(&key)
            .map_err(|error| Error::Certificate(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                builder.with_no_client_auth().with_single_cert(vec![made.der().clone()], key.into())
            })
            .map_err(|error| Error::Certificate(error.to_string()))?;
        // What is made is read again by this program, which reads HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if let Some(path) = &options.keylog {
            let log = Secrets::open(path).map_err(|error| Error::Keylog(path.clone(), error))?;
            config.key_log = Arc::new(log);
        }
        let certificate = Certificate { pem: made.pem(), fingerprint: fingerprint(made.der()) };
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }
}

/// What the certificate says.
fn params(listen: SocketAddr, hosts: &[String]) -> Result<CertificateParams, Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !listen.ip().is_unspecified() {
        names.push(listen.ip().to_string());
    }
    names.extend(hosts.iter().map(|host| name_of(host).to_owned()));
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names).map_err(|error| Error::Certificate(error.to_string()))?;
    params.distinguished_name.push(DnType::CommonName, "mcpdump serve");
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| {
        let date = now.saturating_add(jiff::Span::new().days(days));
        let part = |part: i8| u8::try_from(part).unwrap_or(1); // 1 to 31: it always is
        date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    params.not_before = day(-1);
    params.not_after = day(DAYS);
    Ok(params)
}

/// A host without its port and brackets.
fn name_of(host: &str) -> &str {
    if let Some(address) = host.strip_prefix('[') {
        return address.split(']').next().unwrap_or(address);
    }
    host.split(':').next().unwrap_or(host)
}

/// SHA-256 in pairs of hexadecimal digits with colons, by the hash of a cipher suite that uses it.
fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    if let Some(suite) = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13() {
        for (at, byte) in suite.common.hash_provider.hash(der).as_ref().iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            // A String takes everything.
            let _ = write!(text, "{colon}{byte:02X}");
        }
    }
    text
}

/// The secrets of connections, in the format of `SSLKEYLOGFILE` (RFC 9850): a line for each, as soon as it is known, for
/// a capture that runs beside reads them.
#[derive(Debug)]
struct Secrets {
    to: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    /// Whether a line could not be written; it is said once.
    failed: bool,
}

impl Secrets {
    /// Appends to the file, which others must not read.
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(KEYLOG_MODE).open(path)?;
        // One that was there before may be open to others; what is no file (a pipe) keeps its mode.
        if file.metadata()?.is_file() {
            file.set_permissions(std::fs::Permissions::from_mode(KEYLOG_MODE))?;
        }
        Ok(Self { to: Mutex::new(Writing { file, failed: false }) })
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let written = to.file.write_all(line.as_bytes());
        if let Err(error) = written
            && !to.failed
        {
            to.failed = true;
            // rustls asks for no result. Where standard error is closed there is nobody left to tell.
            drop(writeln!(io::stderr(), "mcpdump: the key log cannot be written: {error}"));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_their_ports_and_brackets() {
        for (host, name) in [("a.example:8443", "a.example"), ("[::2]:1", "::2"), ("a.example", "a.example")]
        {
            assert_eq!(name_of(host), name);
        }
    }

    #[test]
    fn the_key_log_is_a_line_for_each_secret_and_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let secrets = Secrets::open(&path).unwrap();
        secrets.log("CLIENT_RANDOM", &[1, 0xab], &[2]);
        secrets.log("EXPORTER_SECRET", &[3], &[4]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "CLIENT_RANDOM 01ab 02\nEXPORTER_SECRET 03 04\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
