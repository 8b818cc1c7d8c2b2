//! The BPF filter on the command line (pcap-filter(7)).

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;

use anyhow::{Context as _, bail};
use pcap::{Capture, Linktype};

/// Whether a word can start a filter expression.
///
/// Without `-i`, the first word decides whether a file was meant: a misspelt file name must not be
/// looked up as a host name, and must not start a live capture.
pub(super) fn can_start_filter(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    let bare = word.trim_start_matches(['(', '!', ' ']);
    let first = bare.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let rest = bare.get(first.len()..).unwrap_or_default();
    let is_keyword = KEYWORDS.contains(&first) && rest.chars().next().is_none_or(|c| " [)=<>&!".contains(c));
    is_keyword || bare.is_empty() || bare.parse::<IpAddr>().is_ok()
}

/// The words that a filter expression can start with.
const KEYWORDS: [&str; 38] = [
    "arp",
    "broadcast",
    "dst",
    "ether",
    "gateway",
    "geneve",
    "greater",
    "host",
    "icmp",
    "icmp6",
    "ifname",
    "igmp",
    "inbound",
    "ip",
    "ip6",
    "ipv4",
    "ipv6",
    "len",
    "less",
    "link",
    "mpls",
    "multicast",
    "net",
    "not",
    "on",
    "outbound",
    "port",
    "portrange",
    "pppoes",
    "proto",
    "rarp",
    "sctp",
    "src",
    "tcp",
    "udp",
    "vlan",
    "vxlan",
    "wlan",
];

/// Joins the words of a filter; `None` if there are none.
///
/// # Errors
/// A word is not UTF-8.
pub(super) fn join(words: &[OsString]) -> anyhow::Result<Option<String>> {
    // tcpdump ignores an empty filter; scripts pass "$FILTER".
    if words.len() <= 1 && words.iter().all(|word| word.is_empty()) {
        return Ok(None);
    }
    let words: Option<Vec<_>> = words.iter().map(|word| word.to_str()).collect();
    Ok(Some(words.context("the BPF filter is not UTF-8")?.join(" ")))
}

/// Checks that libpcap accepts the filter for a link type on which MCP is likely captured: some
/// expressions are valid for one link type only.
///
/// # Errors
/// libpcap's message for Ethernet.
pub(super) fn check(filter: &str) -> anyhow::Result<()> {
    let compile = |link_type| match Capture::dead(link_type).and_then(|dead| dead.compile(filter, true)) {
        Ok(_) => Ok(()),
        Err(pcap::Error::PcapError(why)) => Err(why),
        Err(why) => Err(why.to_string()),
    };
    let Err(why) = compile(Linktype::ETHERNET) else {
        return Ok(());
    };
    if [Linktype::LINUX_SLL, Linktype::IEEE802_11].into_iter().any(|link_type| compile(link_type).is_ok()) {
        return Ok(());
    }
    bail!(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_addresses_start_a_filter() {
        for filter in ["tcp", "(tcp", "!udp", "not", "10.0.0.1", "::1", "tcp[13]", "tcp port 1", "("] {
            assert!(can_start_filter(filter.as_ref()), "{filter}");
        }
        for no in ["tcp.pcap", "capture", "udp/x", "ip6x", "reprot", "./tcp", "host-a.pcap"] {
            assert!(!can_start_filter(no.as_ref()), "{no}");
        }
    }

    #[test]
    fn an_empty_word_is_no_filter() {
        assert_eq!(join(&["".into()]).unwrap(), None);
        assert_eq!(join(&["tcp".into(), "port 1".into()]).unwrap().as_deref(), Some("tcp port 1"));
    }
}
