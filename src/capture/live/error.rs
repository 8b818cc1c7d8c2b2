//! Why a device cannot be captured on, by kinds that the command line tells apart.

/// What keeps a live capture from starting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The process has no right to capture (on Linux: neither root nor `cap_net_raw`).
    #[error("{device}: no right to capture: {why}")]
    NotAllowed {
        /// The device.
        device: String,
        /// What libpcap says.
        why: String,
    },
    /// There is no such device.
    #[error("{device}: no such device; there are: {}", available.join(", "))]
    NoDevice {
        /// The name that was given.
        device: String,
        /// The devices that there are.
        available: Vec<String>,
    },
    /// The filter does not compile for the device's link type.
    #[error("filter {filter:?} does not compile for {device}: {why}; see pcap-filter(7)")]
    Filter {
        /// The device.
        device: String,
        /// The expression.
        filter: String,
        /// What libpcap says.
        why: String,
    },
    /// Anything else.
    #[error("{device}: {why}")]
    Other {
        /// The device; «devices» where it concerns none.
        device: String,
        /// What libpcap or the system says.
        why: String,
    },
}

impl Error {
    /// The kind of what libpcap said when `device` was opened. It says more in message than by number, and the crate hands
    /// on nothing but its message.
    pub(super) fn of_opening(device: &str, error: pcap::Error) -> Self {
        let why = message(error);
        let lower = why.to_lowercase();
        let device = device.to_owned();
        let is_any = |message: &[&str]| message.iter().any(|word| lower.contains(word));
        if is_any(&["cap_net_raw", "permission", "not permitted", "net_admin"]) {
            Self::NotAllowed { device, why }
        } else if is_any(&["no such device", "doesn't exist", "does not exist"]) {
            let list = pcap::Device::list().unwrap_or_default();
            Self::NoDevice { device, available: list.into_iter().map(|device| device.name).collect() }
        } else {
            Self::Other { device, why }
        }
    }
}

/// What libpcap said, without the crate's own message around it.
pub(super) fn message(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) if message.is_empty() => "libpcap does not say why".to_owned(),
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpcap_says_has_a_kind() {
        let kind = |why: &str| Error::of_opening("eth7", pcap::Error::PcapError(why.into()));
        for why in [
            "Attempt to create packet socket failed - CAP_NET_RAW may be required",
            "socket: Operation not permitted",
            "(cannot open BPF device) /dev/bpf0: Permission denied",
        ] {
            assert!(matches!(kind(why), Error::NotAllowed { .. }), "{why}");
        }
        let gone = kind("SIOCGIFHWADDR: No such device");
        assert!(matches!(gone, Error::NoDevice { .. }) && gone.to_string().contains("there are: "));
        assert_eq!(kind("That device is not up").to_string(), "eth7: That device is not up");
        assert_eq!(kind("").to_string(), "eth7: libpcap does not say why");
    }
}
