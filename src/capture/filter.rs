//! BPF filters in the language of pcap-filter(7), compiled by libpcap once per link type.
//!
//! Running the program outside libpcap has two limits. An expression that reads the packet length
//! (`len`, `greater`, `less`) runs on the truncated packet padded with zeros to its original
//! length, so a load beyond the captured bytes gives zero instead of no match. NULL and LOOP
//! headers are assumed to be in the byte order of this machine.

use pcap::{BpfProgram, Linktype};

use super::item::{Error, LinkType, Packet};
use crate::base::limits::MAX_PACKET;
use crate::base::{Code, Findings};

/// A filter expression and its compiled programs.
pub(super) struct Filter {
    text: String,
    /// Program per link type; `None` if the expression does not compile for it.
    programs: Vec<(LinkType, Option<Program>)>,
    /// A truncated packet, padded with zeros.
    scratch: Vec<u8>,
}

struct Program {
    bpf: BpfProgram,
    /// Whether an instruction loads the packet length.
    reads_length: bool,
}

/// Link types to check an expression with if those of the capture are unknown: Ethernet, raw IP,
/// Linux cooked 1 and 2, 802.11, NULL, PPP.
const COMMON_LINK_TYPES: [LinkType; 7] =
    [LinkType(1), LinkType(101), LinkType(113), LinkType(276), LinkType(127), LinkType(0), LinkType(9)];

impl Filter {
    /// Creates a filter without compiling it; `None` if the expression is empty, which matches
    /// everything.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: text.to_owned(), programs: Vec::new(), scratch: Vec::new() })
    }

    /// Compiles the expression for the link types of the capture, or for common ones if they are
    /// unknown.
    ///
    /// # Errors
    /// It compiles for none of them.
    pub(super) fn check(&self, link_types: &[LinkType]) -> Result<(), Error> {
        let tried = if link_types.is_empty() { &COMMON_LINK_TYPES } else { link_types };
        let mut first = None;
        for link_type in tried {
            match self.compile(*link_type) {
                Ok(_) => return Ok(()),
                Err(why) => first = first.or(Some((link_type.0, why))),
            }
        }
        let (link_type, why) = first.unwrap_or_default();
        Err(Error(format!(
            "filter {:?} does not compile for link type {link_type}: {why}; see pcap-filter(7)",
            self.text
        )))
    }

    /// Whether the packet matches. Packets of a link type that the expression does not compile for
    /// never match; the first one adds a finding.
    pub(super) fn matches(&mut self, packet: &Packet, findings: &mut Findings) -> bool {
        let known = self.programs.iter().position(|(l, _)| *l == packet.link_type);
        let index = known.unwrap_or_else(|| self.add(packet, findings));
        let Some((_, Some(program))) = self.programs.get(index) else {
            return false;
        };
        let original = usize::try_from(packet.original_len).map_or(MAX_PACKET, |len| len.min(MAX_PACKET));
        if program.reads_length && original > packet.data.len() {
            self.scratch.clear();
            self.scratch.extend_from_slice(&packet.data);
            self.scratch.resize(original, 0);
            return program.bpf.filter(&self.scratch);
        }
        program.bpf.filter(&packet.data)
    }

    fn add(&mut self, packet: &Packet, findings: &mut Findings) -> usize {
        let program = self
            .compile(packet.link_type)
            .inspect_err(|why| {
                let (text, link_type) = (&self.text, packet.link_type.0);
                let detail = format!(
                    "filter {text:?} does not compile for link type {link_type}: {why}; its packets are left out"
                );
                findings.add(Code::LinkUnsupported, packet.origin, detail);
            })
            .ok();
        self.programs.push((packet.link_type, program));
        self.programs.len() - 1
    }

    fn compile(&self, link_type: LinkType) -> Result<Program, String> {
        let handle = pcap::Capture::dead(data_link(link_type)).map_err(message)?;
        let bpf = handle.compile(&self.text, true).map_err(message)?;
        // BPF_LD|BPF_LEN and BPF_LDX|BPF_LEN; an instruction displays as four numbers, opcode
        // first.
        let reads_length = bpf
            .get_instructions()
            .iter()
            .any(|i| matches!(i.to_string().split(' ').next(), Some("128" | "129")));
        Ok(Program { bpf, reads_length })
    }
}

/// Returns libpcap's DLT_ value of a LINKTYPE_ value; a few differ between systems.
fn data_link(link_type: LinkType) -> Linktype {
    let value = match link_type.0 {
        100 => 11,
        101 => 12,
        same => same,
    };
    Linktype(i32::try_from(value).unwrap_or(i32::MAX))
}

/// Returns the LINKTYPE_ value of a device's DLT_ value, including OpenBSD's number for raw IP.
pub(super) fn link_type(data_link: Linktype) -> LinkType {
    LinkType(match data_link.0 {
        11 => 100,
        12 | 14 => 101,
        same => u32::try_from(same).unwrap_or(u32::MAX),
    })
}

fn message(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::capture::samples::{Got, LITTLE, drain};
    use crate::capture::{OpenOptions, from_readers};

    /// An IPv4 packet with a TCP header to `port`.
    fn ip(port: u16) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[3] = 40;
        packet[9] = 6;
        packet[22..24].copy_from_slice(&port.to_be_bytes());
        packet
    }

    fn ethernet(port: u16) -> Vec<u8> {
        [vec![0; 12], vec![8, 0], ip(port)].concat()
    }

    fn filtered(file: Vec<u8>, filter: &str) -> Result<Got, Error> {
        let options = OpenOptions { filter: Some(filter.into()) };
        from_readers(vec![("test".into(), Box::new(Cursor::new(file)))], &options).map(drain)
    }

    fn mixed() -> Vec<u8> {
        [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.interface(101, 0, &[]),
            LITTLE.interface(147, 0, &[]),
            LITTLE.packet(0, 1, &ethernet(80), &[]),
            LITTLE.packet(0, 2, &ethernet(3000), &[]),
            LITTLE.packet(1, 3, &ip(3000), &[]),
            LITTLE.packet(1, 4, &ip(80), &[]),
            LITTLE.packet(2, 5, &ip(3000), &[]),
            LITTLE.packet(2, 6, &ip(3000), &[]),
            LITTLE.packet(0, 7, &ethernet(3000), &[]),
        ]
        .concat()
    }

    #[test]
    fn link_types_have_programs_and_numbers_count_all_packets() {
        let got = filtered(mixed(), "tcp port 3000").unwrap();
        let numbers: Vec<_> = got.table().iter().map(|row| row.0).collect();
        assert_eq!(numbers, [2, 3, 7]);
        assert_eq!(got.codes, [Code::LinkUnsupported]);
        assert_eq!(filtered(mixed(), "  ").unwrap().table().len(), 7);
    }

    #[test]
    fn an_invalid_filter_is_quoted() {
        let error = filtered(mixed(), "tcp prt 3000").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("filter \"tcp prt 3000\""), "{error}");
        assert!(error.contains("syntax error"), "{error}");
        assert!(filtered(mixed(), "wlan type mgt").is_ok());
    }

    #[test]
    fn lengths_are_original_lengths() {
        let header = LITTLE.pcap(0xa1b2_c3d4, 1);
        let cut = LITTLE.record(1, 0, 1500, &ethernet(3000));
        let short = LITTLE.record(1, 0, 54, &ethernet(3000));
        let file = [header, cut, short].concat();
        assert_eq!(filtered(file.clone(), "greater 1000").unwrap().table()[0].0, 1);
        assert_eq!(filtered(file.clone(), "less 100").unwrap().table()[0].0, 2);
        assert_eq!(filtered(file, "tcp port 3000").unwrap().table().len(), 2);
    }
}
