//! Errors of opening a device.

/// Why a live capture cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No permission to capture (on Linux: neither root nor `cap_net_raw`).
    #[error("{device}: no permission to capture: {why}")]
    NotAllowed {
        /// The device.
        device: String,
        /// Message of libpcap.
        why: String,
    },
    /// No such device.
    #[error("{device}: no such device; there are: {}", available.join(", "))]
    NoDevice {
        /// Name that was given.
        device: String,
        /// Existing devices.
        available: Vec<String>,
    },
    /// The filter does not compile for the device's link type.
    #[error("filter {filter:?} does not compile for {device}: {why}; see pcap-filter(7)")]
    Filter {
        /// The device.
        device: String,
        /// The expression.
        filter: String,
        /// Message of libpcap.
        why: String,
    },
    /// Any other error.
    #[error("{device}: {why}")]
    Other {
        /// The device, or `devices`.
        device: String,
        /// Message of libpcap or the system.
        why: String,
    },
}

impl Error {
    /// Converts an error of opening `device` by the wording of libpcap: the crate exposes no error
    /// numbers.
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

/// Returns the message of libpcap without the crate's prefix.
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
    fn messages_of_libpcap_are_classified() {
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
