//! Finds out by trial which secret opens a record: of a connection whose hellos were not captured,
//! or not all of them.
//!
//! TLS 1.3 needs no hello: any known traffic secret may fit, in either direction and with any
//! sequence number. TLS 1.2 needs the ServerHello, whose random is in its keys.

use super::direction::Stage;
use super::negotiation::Negotiation;
use super::opener::Opener;
use super::record::Record;
use super::secret::{ClientRandom, Label};
use super::store::KeyStore;
use super::suite::Suite;
use super::trials::TrialBudget;
use crate::base::tls::TlsVersion;
use crate::base::{Side, limits};

/// Whose record it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) random: ClientRandom,
    pub(super) version: TlsVersion,
    pub(super) suite: Suite,
    /// The sender.
    pub(super) side: Side,
    /// The stage of its secret; of no meaning in TLS 1.2.
    pub(super) stage: Stage,
}

/// The suites of TLS 1.3 that are tried: those with CCM are for devices with little memory.
const SUITES_V13: [Suite; 3] = [Suite(0x1301), Suite(0x1302), Suite(0x1303)];

/// Sequence numbers that are tried with every secret before larger ones are.
const FIRST_ROUND: u64 = 16;

/// Tries the known secrets on a record. `side` is its sender, if it is known.
pub(super) fn identify(
    record: &Record,
    side: Option<Side>,
    negotiation: &Negotiation,
    store: &KeyStore,
    budget: &mut TrialBudget,
) -> Option<Identity> {
    // Deriving the keys of many connections costs more than the trials.
    if budget.is_spent() {
        return None;
    }
    let randoms: Vec<ClientRandom> = match negotiation.random {
        Some(random) => vec![random],
        None => store.candidates().copied().collect(),
    };
    let mut keys = Vec::new();
    if negotiation.version() == Some(TlsVersion::V12) {
        let side = side?;
        for random in randoms {
            let Some((epoch, master)) = negotiation.epoch_of(random).zip(store.get(&random, Label::Master))
            else {
                continue;
            };
            let opener = Opener::v12((epoch.suite, epoch.encrypt_then_mac), &master, &epoch.randoms, side);
            let identity = Identity {
                random,
                version: TlsVersion::V12,
                suite: epoch.suite,
                side,
                stage: Stage::Handshake,
            };
            keys.extend(opener.map(|opener| (identity, opener)));
        }
    } else {
        keys = v13_keys(&randoms, side, negotiation, store);
    }
    for sequences in [0..FIRST_ROUND, FIRST_ROUND..limits::MAX_SEQUENCES] {
        for (identity, opener) in &keys {
            for sequence in sequences.clone() {
                if !budget.spend(record) {
                    return None;
                }
                if opener.open(record, sequence).is_some() {
                    return Some(*identity);
                }
            }
        }
    }
    None
}

/// Returns every key of TLS 1.3 that may fit, with what it would mean.
fn v13_keys(
    randoms: &[ClientRandom],
    side: Option<Side>,
    negotiation: &Negotiation,
    store: &KeyStore,
) -> Vec<(Identity, Opener)> {
    let suites = negotiation.suite().map_or(SUITES_V13.to_vec(), |suite| vec![suite]);
    let sides = side.map_or(Side::BOTH.to_vec(), |side| vec![side]);
    let mut keys = Vec::new();
    for &random in randoms {
        for &side in &sides {
            for stage in [Stage::Application, Stage::Handshake] {
                let secret = stage.label(side).and_then(|label| store.get(&random, label));
                for &suite in &suites {
                    let opener = secret.as_ref().and_then(|secret| Opener::v13(suite, secret));
                    let identity = Identity { random, version: TlsVersion::V13, suite, side, stage };
                    keys.extend(opener.map(|opener| (identity, opener)));
                }
            }
        }
    }
    keys
}
