//! Alerts (RFC 8446 section 6).

/// The sender ends its direction.
pub(super) const CLOSE_NOTIFY: u8 = 0;

/// The sender closes for a reason outside TLS; no failure.
const USER_CANCELED: u8 = 90;

/// The sender refuses to renegotiate (RFC 5246 section 7.2.2); the connection goes on.
const NO_RENEGOTIATION: u8 = 100;

/// Returns whether an alert says that the connection failed.
pub(super) fn is_failure(level: u8, description: u8) -> bool {
    level == 2 && ![CLOSE_NOTIFY, USER_CANCELED, NO_RENEGOTIATION].contains(&description)
}

/// Returns the name of an alert, or its number.
pub(super) fn name(description: u8) -> String {
    let known = NAMES.iter().find(|(number, _)| *number == description);
    known.map_or_else(|| description.to_string(), |(_, name)| (*name).to_owned())
}

/// Names (RFC 8446 appendix B.2, RFC 5246 section 7.2).
const NAMES: [(u8, &str); 30] = [
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];
