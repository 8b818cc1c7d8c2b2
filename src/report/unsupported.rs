//! Protocols that are recognized and not decoded.

use crate::base::units;

/// Describes connections in TLS and HTTP/2, which are not decoded yet. `tls` and `http2` are
/// connection counts. `None` if both are 0.
#[must_use]
pub fn unsupported_protocols(tls: u64, http2: u64) -> Option<String> {
    let protocols = match (tls, http2) {
        (0, 0) => return None,
        (tls, 0) => format!("TLS on {}", units::several(tls, "connection")),
        (0, http2) => format!("HTTP/2 on {}", units::several(http2, "connection")),
        (tls, http2) => format!("TLS on {}, HTTP/2 on {http2}", units::several(tls, "connection")),
    };
    Some(format!("{protocols}, not supported yet; capture where it is plain HTTP/1"))
}
