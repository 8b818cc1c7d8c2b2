//! HTTPS: the certificate, the protocol that is agreed on, and the secrets of the connections.

use std::sync::Arc;

use mcpdump::serve::{CertificateFiles, Options, Server, TlsOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::raw::PATIENCE;

#[tokio::test]
async fn a_client_that_trusts_the_certificate_connects_and_secrets_are_logged() {
    let directory = tempfile::tempdir().unwrap();
    let keylog = directory.path().join("keys.log");
    let listen = "127.0.0.1:0".parse().unwrap();
    let tls = Some(TlsOptions { keylog: Some(keylog.clone()), ..TlsOptions::default() });
    let server = Server::bind(Options { listen, tls, ..Default::default() }).await.unwrap();
    let address = server.local_addr();
    let certificate = server.certificate().unwrap().clone();
    assert_eq!(certificate.fingerprint().split(':').count(), 32);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(server.run(shutdown.clone()));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    for name in ["localhost", "127.0.0.1"] {
        let tcp = TcpStream::connect(address).await.unwrap();
        let mut stream = connector.connect(ServerName::try_from(name).unwrap(), tcp).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
        let request = format!("GET /sse HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", address.port());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        let first = async {
            while memchr::memmem::find(&seen, b"event: endpoint").is_none() {
                assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
            }
        };
        tokio::time::timeout(PATIENCE, first).await.expect("the first event");
    }
    let keys = std::fs::read_to_string(&keylog).unwrap();
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
        assert_eq!(keys.lines().filter(|line| line.starts_with(label)).count(), 2, "{keys}");
    }
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn an_unwritable_key_log_is_an_error_at_the_start() {
    let tls = Some(TlsOptions { keylog: Some("/nonexistent/keys.log".into()), ..TlsOptions::default() });
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), tls, ..Default::default() };
    let error = Server::bind(options).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/keys.log"), "{error}");
}

/// A certificate of one's own is served, and what is wrong with its files is said.
#[tokio::test]
async fn a_certificate_is_read_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let [chain, key, other] = ["cert.pem", "key.pem", "other.pem"].map(|name| directory.path().join(name));
    let made = rcgen::generate_simple_self_signed(vec!["mcp.example".to_owned()]).unwrap();
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&other, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let bind = async |chain: &std::path::Path, key: &std::path::Path| {
        let certificate = Some(CertificateFiles { chain: chain.to_owned(), key: key.to_owned() });
        let tls = Some(TlsOptions { certificate, keylog: None });
        Server::bind(Options { listen: "127.0.0.1:0".parse().unwrap(), tls, ..Default::default() }).await
    };
    let server = bind(&chain, &key).await.unwrap();
    assert_eq!(server.certificate().unwrap().pem(), made.cert.pem());
    for (chain, key, text) in [
        (&key, &key, "no certificate in it"),
        (&chain, &chain, "its private key"),
        (&chain, &other, "cannot be used with the key"),
        (&directory.path().join("absent"), &key, "No such file"),
    ] {
        let error = bind(chain, key).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
