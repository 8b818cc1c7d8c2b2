//! Whether the secrets that were read are those of the capture.

use crate::base::tls::{Decrypted, TlsFact, TlsVersion};
use crate::base::units;

/// What became of secrets.
#[derive(Debug, Default)]
pub(super) struct SecretsUse {
    /// Number of secrets that were read.
    pub(super) lines: u64,
    /// Number of lines with a premaster secret.
    pub(super) premaster: u64,
    /// Whether it is reported that they are not used.
    is_premaster_reported: bool,
    /// Number of TLS connections whose name in a key log is known, or that sent encrypted records.
    connections: u64,
    /// Whether a connection was opened, or its secrets are at least known.
    has_fit: bool,
    /// Whether a connection stayed closed that a premaster secret may be of.
    lacks_master: bool,
}

impl SecretsUse {
    /// A connection is over.
    pub(super) fn close(&mut self, tls: Option<&TlsFact>) {
        let Some(tls) = tls else { return };
        let has_records = tls.records.iter().any(|side| side.records > 0);
        self.connections += u64::from(has_records);
        let has_fit = tls.decrypted != Decrypted::Nothing || tls.has_secrets;
        self.has_fit |= has_fit;
        self.lacks_master |= has_records && !has_fit && tls.version != Some(TlsVersion::V13);
    }

    /// Describes premaster secrets for want of which a connection stayed closed; `None` if there
    /// are none, or after the first time.
    pub(super) fn take_premaster(&mut self) -> Option<String> {
        if self.premaster == 0 || !self.lacks_master || self.is_premaster_reported {
            return None;
        }
        self.is_premaster_reported = true;
        let lines = units::several(self.premaster, "line");
        Some(format!("{lines} of PMS_CLIENT_RANDOM or RSA, and a connection without CLIENT_RANDOM"))
    }

    /// Describes secrets that fit no connection; `None` if some do, or if there are none of either.
    pub(super) fn unused(&self) -> Option<String> {
        let is_unused = self.lines > 0 && self.connections > 0 && !self.has_fit;
        is_unused.then(|| {
            let secrets = units::several(self.lines, "secret");
            format!("{secrets}, {}", units::several(self.connections, "TLS connection"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tls::RecordCounts;

    fn connection(decrypted: Decrypted, has_secrets: bool) -> TlsFact {
        let records = [RecordCounts { records: 1, ..RecordCounts::default() }; 2];
        TlsFact { decrypted, has_secrets, records, ..TlsFact::default() }
    }

    /// openssl logs the premaster secret of each RSA key exchange beside its master secret.
    #[test]
    fn premaster_secrets_matter_if_a_connection_lacks_its_master_secret() {
        let v13 = TlsFact { version: Some(TlsVersion::V13), ..connection(Decrypted::Nothing, false) };
        let mut secrets = SecretsUse { premaster: 2, ..SecretsUse::default() };
        for other in [connection(Decrypted::Everything, true), connection(Decrypted::Nothing, true), v13] {
            secrets.close(Some(&other));
            assert_eq!(secrets.take_premaster(), None);
        }
        secrets.close(Some(&connection(Decrypted::Nothing, false)));
        assert!(secrets.take_premaster().is_some_and(|it| it.starts_with("2 lines of ")));
        assert_eq!(secrets.take_premaster(), None, "once");
        secrets.premaster = 0;
        assert_eq!(secrets.take_premaster(), None);
    }

    #[test]
    fn secrets_are_unused_if_none_fits() {
        let mut secrets = SecretsUse { lines: 4, ..SecretsUse::default() };
        assert_eq!(secrets.unused(), None, "there is no TLS");
        secrets.close(None);
        secrets.close(Some(&TlsFact::default()));
        assert_eq!(secrets.unused(), None, "nothing was to be decrypted");
        secrets.close(Some(&connection(Decrypted::Nothing, false)));
        assert_eq!(secrets.unused().as_deref(), Some("4 secrets, 1 TLS connection"));
        for fits in [connection(Decrypted::Partly, true), connection(Decrypted::Nothing, true)] {
            let mut secrets = SecretsUse { lines: 4, connections: 1, ..SecretsUse::default() };
            secrets.close(Some(&fits));
            assert_eq!(secrets.unused(), None);
        }
        assert_eq!(SecretsUse { connections: 3, ..SecretsUse::default() }.unused(), None, "no key log");
    }
}
