//! ClientHello, ServerHello and EncryptedExtensions (RFC 8446 section 4.1 and 4.3.1).

use crate::base::{Reader, text};
use crate::tls::secret::ClientRandom;
use crate::tls::suite::Suite;

/// What a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tls) struct ClientHello {
    pub(in crate::tls) random: ClientRandom,
    pub(in crate::tls) session_id: Box<[u8]>,
    /// The host of the server name extension (RFC 6066 section 3); `None` if it has none.
    pub(in crate::tls) server_name: Option<Box<str>>,
    /// Protocols offered with ALPN (RFC 7301), in the client's order.
    pub(in crate::tls) alpn: Vec<Box<str>>,
    /// Whether early data follows.
    pub(in crate::tls) has_early_data: bool,
}

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tls) struct ServerHello {
    /// The version, as on the wire: 0x0304 is TLS 1.3.
    pub(in crate::tls) version: u16,
    pub(in crate::tls) random: [u8; 32],
    pub(in crate::tls) session_id: Box<[u8]>,
    pub(in crate::tls) suite: Suite,
    /// The protocol chosen with ALPN, if it is here: TLS 1.2.
    pub(in crate::tls) alpn: Option<Box<str>>,
    /// Encrypt-then-MAC (RFC 7366).
    pub(in crate::tls) encrypt_then_mac: bool,
    /// Whether a pre-shared key was accepted: a resumption of TLS 1.3.
    pub(in crate::tls) has_pre_shared_key: bool,
}

/// Types of extensions (RFC 8446 section 4.2 and the documents named above).
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(super) const PRE_SHARED_KEY: u16 = 41;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Protocols of ALPN that are kept: clients offer two or three.
const MAX_PROTOCOLS: usize = 8;

impl ClientHello {
    /// Reads the body of a message; `None` if it is malformed.
    pub(in crate::tls) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        reader.u16("legacy_version").ok()?;
        let random = ClientRandom(reader.array("random").ok()?);
        let session_id = vec8(&mut reader)?.into();
        vec16(&mut reader)?; // cipher suites
        vec8(&mut reader)?; // compression methods
        let mut hello =
            Self { random, session_id, server_name: None, alpn: Vec::new(), has_early_data: false };
        for (kind, data) in extensions(&mut reader)? {
            match kind {
                extension::SERVER_NAME => hello.server_name = server_name(data),
                extension::ALPN => hello.alpn = protocols(data).unwrap_or_default(),
                extension::EARLY_DATA => hello.has_early_data = true,
                _ => {}
            }
        }
        Some(hello)
    }
}

impl ServerHello {
    /// Reads the body of a message; `None` if it is malformed.
    pub(in crate::tls) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let version = reader.u16("legacy_version").ok()?;
        let random = reader.array("random").ok()?;
        let session_id = vec8(&mut reader)?.into();
        let suite = Suite(reader.u16("cipher_suite").ok()?);
        reader.u8("legacy_compression_method").ok()?;
        let mut hello = Self {
            version,
            random,
            session_id,
            suite,
            alpn: None,
            encrypt_then_mac: false,
            has_pre_shared_key: false,
        };
        for (kind, data) in extensions(&mut reader)? {
            match kind {
                extension::SUPPORTED_VERSIONS => {
                    hello.version = Reader::new(data).u16("selected_version").ok()?;
                }
                extension::ALPN => hello.alpn = chosen_protocol(data),
                extension::ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
                extension::PRE_SHARED_KEY => hello.has_pre_shared_key = true,
                _ => {}
            }
        }
        Some(hello)
    }

    /// Returns whether the server asks for another ClientHello.
    pub(in crate::tls) fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// What EncryptedExtensions say: the protocol chosen with ALPN, and whether early data is accepted.
/// `None` if the message is malformed.
pub(in crate::tls) fn encrypted_extensions(body: &[u8]) -> Option<(Option<Box<str>>, bool)> {
    let (mut alpn, mut early_data) = (None, false);
    for (kind, data) in extensions(&mut Reader::new(body))? {
        match kind {
            extension::ALPN => alpn = chosen_protocol(data),
            extension::EARLY_DATA => early_data = true,
            _ => {}
        }
    }
    Some((alpn, early_data))
}

/// Reads a vector whose length has one byte.
fn vec8<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u8("length").ok()?;
    reader.take("vector", len.into()).ok()
}

/// Reads a vector whose length has two bytes.
fn vec16<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u16("length").ok()?;
    reader.take("vector", len.into()).ok()
}

/// Reads extensions: type and data of each. None are there if the message ends before them.
fn extensions<'a>(reader: &mut Reader<'a>) -> Option<Vec<(u16, &'a [u8])>> {
    if reader.rest().is_empty() {
        return Some(Vec::new());
    }
    let mut reader = Reader::new(vec16(reader)?);
    let mut extensions = Vec::new();
    while !reader.rest().is_empty() {
        extensions.push((reader.u16("extension_type").ok()?, vec16(&mut reader)?));
    }
    Some(extensions)
}

/// Reads the first host name of the server name extension.
fn server_name(data: &[u8]) -> Option<Box<str>> {
    let mut names = Reader::new(vec16(&mut Reader::new(data))?);
    while !names.rest().is_empty() {
        let kind = names.u8("name_type").ok()?;
        let name = vec16(&mut names)?;
        if kind == 0 {
            return Some(kept(name));
        }
    }
    None
}

/// Reads the protocols of an ALPN extension.
fn protocols(data: &[u8]) -> Option<Vec<Box<str>>> {
    let mut names = Reader::new(vec16(&mut Reader::new(data))?);
    let mut protocols = Vec::new();
    while !names.rest().is_empty() && protocols.len() < MAX_PROTOCOLS {
        let name = vec8(&mut names)?;
        if !is_grease(name) {
            protocols.push(kept(name));
        }
    }
    Some(protocols)
}

/// Whether a protocol is a placeholder that keeps servers tolerant (RFC 8701 section 2).
fn is_grease(name: &[u8]) -> bool {
    matches!(name, [a, b] if a == b && a & 0x0f == 0x0a)
}

fn chosen_protocol(data: &[u8]) -> Option<Box<str>> {
    protocols(data)?.into_iter().next()
}

/// Returns a name as it is kept.
fn kept(name: &[u8]) -> Box<str> {
    text::kept_name(&String::from_utf8_lossy(name)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vec16(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vec16(data)].concat()
    }

    fn client_hello(extensions: &[u8]) -> Vec<u8> {
        let front = [&[3, 3][..], &[7; 32], &[2, 1, 2], &[0, 2, 0x13, 1], &[1, 0]].concat();
        [front, vec16(extensions)].concat()
    }

    #[test]
    fn a_client_hello_names_host_and_protocols() {
        let name = [&[0][..], &vec16(b"mcp.example")].concat();
        let alpn = vec16(&[&[2][..], b"\x1a\x1a", &[2], b"h2", &[8], b"http/1.1"].concat());
        let extensions = [extension(0, &vec16(&name)), extension(16, &alpn), extension(42, &[])].concat();
        let hello = ClientHello::read(&client_hello(&extensions)).unwrap();
        assert_eq!(hello.random, ClientRandom([7; 32]));
        assert_eq!(*hello.session_id, [1, 2]);
        assert_eq!(hello.server_name.as_deref(), Some("mcp.example"));
        assert_eq!(hello.alpn, ["h2".into(), "http/1.1".into()]);
        assert!(hello.has_early_data);
    }

    #[test]
    fn a_server_hello_has_the_version_of_its_extension() {
        let front = [&[3, 3][..], &RETRY, &[0, 0x13, 2, 0]].concat();
        let hello = ServerHello::read(&[front.clone(), vec16(&extension(43, &[3, 4]))].concat()).unwrap();
        assert_eq!((hello.version, hello.suite), (0x0304, Suite(0x1302)));
        assert!(hello.is_retry());
        let old = ServerHello::read(&front).unwrap();
        assert_eq!((old.version, old.alpn, old.encrypt_then_mac), (0x0303, None, false));
        let extensions = [extension(22, &[]), extension(16, &vec16(b"\x02h2"))].concat();
        let hello = ServerHello::read(&[front, vec16(&extensions)].concat()).unwrap();
        assert_eq!((hello.alpn.as_deref(), hello.encrypt_then_mac), (Some("h2"), true));
    }

    proptest::proptest! {
        /// Any bytes: no panic. A hello that is cut is malformed.
        #[test]
        fn lengths_may_lie(at in 0usize..200, byte: u8, cut in 0usize..80) {
            let name = [&[0][..], &vec16(b"mcp.example")].concat();
            let extensions = extension(0, &vec16(&name));
            let mut hello = client_hello(&extensions);
            let cut = cut.min(hello.len() - 1);
            // Before the extensions existed a hello ended there.
            let is_old = cut == hello.len() - extensions.len() - 2;
            proptest::prop_assert_eq!(ClientHello::read(&hello[..cut]).is_some(), is_old);
            let at = at % hello.len();
            hello[at] = byte;
            drop(ClientHello::read(&hello));
            drop(ServerHello::read(&hello));
            drop(encrypted_extensions(&hello));
        }
    }
}
