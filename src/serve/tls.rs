//! HTTPS: the certificate and the key log.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{KeyLog, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::error::Error;
use super::options::{CertificateFiles, TlsOptions};

/// Validity of the certificate in days. It is created at every start, and some clients require less
/// than a year.
const DAYS: i64 = 90;

/// Mode of the key log: readable by the owner only.
#[cfg(unix)]
const KEYLOG_MODE: u32 = 0o600;

/// TLS acceptor and certificate.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) certificate: Certificate,
}

/// Certificate of a server.
#[derive(Clone, Debug)]
pub struct Certificate {
    pem: String,
    fingerprint: String,
}

impl Certificate {
    /// Returns the certificate as PEM, for clients to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the SHA-256 fingerprint as `openssl x509 -fingerprint -sha256` prints it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Tls {
    /// Reads the certificate, or creates one for this machine, the listening address and the
    /// allowed hosts.
    ///
    /// # Errors
    ///
    /// The certificate or its key cannot be read, a host cannot be part of a certificate, or the
    /// key log cannot be opened.
    pub(super) fn new(options: &TlsOptions, listen: SocketAddr, hosts: &[String]) -> Result<Self, Error> {
        let Pair { chain, key, pem } = match &options.certificate {
            Some(files) => Pair::read(files)?,
            None => Pair::create(listen, hosts)?,
        };
        let fingerprint = chain.first().map(|certificate| fingerprint(certificate)).unwrap_or_default();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| match &options.certificate {
                Some(files) => Error::Pair(files.clone(), error.to_string()),
                None => Error::Certificate(error.to_string()),
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if let Some(path) = &options.keylog {
            let log = Secrets::open(path).map_err(|error| Error::Keylog(path.clone(), error))?;
            config.key_log = Arc::new(log);
        }
        let certificate = Certificate { pem, fingerprint };
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }
}

/// A certificate with its key.
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The chain as PEM.
    pem: String,
}

impl Pair {
    /// Creates a certificate that is signed by itself.
    fn create(listen: SocketAddr, hosts: &[String]) -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(|error| Error::Certificate(error.to_string()))?;
        let made = params(listen, hosts)?
            .self_signed(&key)
            .map_err(|error| Error::Certificate(error.to_string()))?;
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self { chain: vec![made.der().clone()], key: der.into(), pem: made.pem() })
    }

    fn read(files: &CertificateFiles) -> Result<Self, Error> {
        let CertificateFiles { chain, key } = files;
        let no_chain = |why: String| Error::Pem(chain.clone(), why, "the certificate");
        let no_key = |why: String| Error::Pem(key.clone(), why, "its private key");
        let pem = std::fs::read_to_string(chain).map_err(|error| no_chain(error.to_string()))?;
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let parsed = parsed.map_err(|error| no_chain(error.to_string()))?;
        if parsed.is_empty() {
            return Err(no_chain("no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| no_key(error.to_string()))?;
        Ok(Self { chain: parsed, key, pem })
    }
}

/// Returns the parameters of the certificate.
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

/// Strips port and brackets from a host.
fn name_of(host: &str) -> &str {
    if let Some(address) = host.strip_prefix('[') {
        return address.split(']').next().unwrap_or(address);
    }
    host.split(':').next().unwrap_or(host)
}

/// Computes SHA-256 as colon-separated pairs of hexadecimal digits, with the hash of a cipher
/// suite.
fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    if let Some(suite) = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13() {
        for (at, byte) in suite.common.hash_provider.hash(der).as_ref().iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{colon}{byte:02X}");
        }
    }
    text
}

/// Writes the secrets of connections in key log format (RFC 9850), one line each, as soon as they
/// are known, so that a running capture can read them.
#[derive(Debug)]
struct Secrets {
    to: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    /// Whether a write failed; reported once.
    failed: bool,
}

impl Secrets {
    /// Opens the file for appending, readable by the owner only.
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, KEYLOG_MODE);
        let file = options.open(path)?;
        // An existing file may be readable by others. Anything but a regular file (such as a pipe)
        // keeps its mode.
        #[cfg(unix)]
        if file.metadata()?.is_file() {
            use std::os::unix::fs::PermissionsExt as _;
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
            // rustls expects no result; if standard error is closed the message is lost.
            drop(writeln!(io::stderr(), "mcpdump: the key log cannot be written: {error}"));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn ports_and_brackets_are_stripped_from_hosts() {
        for (host, name) in [("a.example:8443", "a.example"), ("[::2]:1", "::2"), ("a.example", "a.example")]
        {
            assert_eq!(name_of(host), name);
        }
    }

    #[test]
    fn the_key_log_has_a_line_per_secret_and_is_private() {
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
