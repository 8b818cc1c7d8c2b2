//! Decodes IPv4, IPv6 and extension headers to a [`Datagram`].
//!
//! Stateless; fragments are reassembled in `reassembly`.

use std::net::IpAddr;

use etherparse::err::{ip_auth, ipv4, ipv6};
use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use super::datagram::{Datagram, Fragment, Reassembled};
use super::headers::{IpPacket, IpVersion};
use super::slice::{NoSegment, PacketSlice};

/// The protocol number of TCP.
pub(super) const TCP: u8 = 6;

/// The protocol number of UDP.
pub(super) const UDP: u8 = 17;

/// Decodes the IP headers of a packet.
pub(super) fn open(IpPacket { version, slice }: IpPacket<'_>) -> Result<Datagram<'_>, NoSegment> {
    let Some(first) = slice.bytes.first() else {
        return Err(slice.lacks("IP header", 1));
    };
    match (version, first >> 4) {
        (IpVersion::V4, _) | (IpVersion::Either, 4) => open_v4(slice),
        (IpVersion::V6, _) | (IpVersion::Either, 6) => open_v6(slice),
        (IpVersion::Either, other) => {
            let offset = slice.offset;
            Err(NoSegment::malformed(format!("IP version {other} at offset {offset}")))
        }
    }
}

#[inline]
fn open_v4(slice: PacketSlice<'_>) -> Result<Datagram<'_>, NoSegment> {
    let Ipv4Fields { header_len, total_len, id, fragment, hop_limit, protocol, source, destination } =
        match slice.bytes.first_chunk::<20>() {
            Some(header @ [0x45, ..]) => Ipv4Fields::without_options(header),
            _ => Ipv4Fields::of(slice)?,
        };
    let whole = match usize::from(total_len) {
        // Segmentation offload: the network card fills it in. Use the length of the packet.
        0 => slice,
        total if total < header_len => {
            let offset = slice.offset + 2;
            let detail = format!(
                "IPv4 total length {total} at offset {offset} is less than its header's {header_len} bytes"
            );
            return Err(NoSegment::malformed(detail));
        }
        total => slice.bound(total),
    };
    // RFC 791 section 3.1: the flag MF, and the offset in units of 8 bytes.
    let (more, offset) = (fragment & 0x2000 != 0, usize::from(fragment & 0x1fff) * 8);
    let mut datagram = Datagram {
        source: IpAddr::V4(source.into()),
        destination: IpAddr::V4(destination.into()),
        id: Some(id),
        hop_limit,
        protocol,
        slice: whole.skip(header_len),
        fragment: (more || offset != 0).then(|| Fragment { id: id.into(), offset, more }),
    };
    if datagram.fragment.is_none() && datagram.protocol == 51 {
        datagram.extensions()?;
    }
    Ok(datagram)
}

/// Fields of an IPv4 header (RFC 791 section 3.1).
struct Ipv4Fields {
    /// Length of the header, in bytes.
    header_len: usize,
    total_len: u16,
    id: u16,
    /// Flags and fragment offset.
    fragment: u16,
    /// Time to live.
    hop_limit: u8,
    protocol: u8,
    source: [u8; 4],
    destination: [u8; 4],
}

impl Ipv4Fields {
    /// Reads the fields of a header of 20 bytes.
    #[inline]
    fn without_options(header: &[u8; 20]) -> Self {
        // A pattern needs no bounds checks.
        let [_, _, l0, l1, i0, i1, f0, f1, hop_limit, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            *header;
        Self {
            header_len: header.len(),
            total_len: u16::from_be_bytes([l0, l1]),
            id: u16::from_be_bytes([i0, i1]),
            fragment: u16::from_be_bytes([f0, f1]),
            hop_limit,
            protocol,
            source: [s0, s1, s2, s3],
            destination: [d0, d1, d2, d3],
        }
    }

    /// Checks a header that may have options, and reads its fields.
    #[cold]
    fn of(slice: PacketSlice<'_>) -> Result<Self, NoSegment> {
        let header = Ipv4HeaderSlice::from_slice(slice.bytes).map_err(|error| match error {
            ipv4::HeaderSliceError::Len(len) => slice.lacks("IPv4 header", len.required_len),
            ipv4::HeaderSliceError::Content(error) => malformed(&error, slice),
        })?;
        let Some(fixed) = header.slice().first_chunk() else {
            return Err(slice.lacks("IPv4 header", 20));
        };
        Ok(Self { header_len: header.slice().len(), ..Self::without_options(fixed) })
    }
}

fn open_v6(slice: PacketSlice<'_>) -> Result<Datagram<'_>, NoSegment> {
    let header = Ipv6HeaderSlice::from_slice(slice.bytes).map_err(|error| match error {
        ipv6::HeaderSliceError::Len(len) => slice.lacks("IPv6 header", len.required_len),
        ipv6::HeaderSliceError::Content(error) => malformed(&error, slice),
    })?;
    let payload = slice.skip(header.slice().len());
    let mut datagram = Datagram {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        id: None,
        hop_limit: header.hop_limit(),
        protocol: header.next_header().0,
        slice: match usize::from(header.payload_length()) {
            // Jumbograms (RFC 2675) and Linux's BIG TCP, with or without the length option: use the
            // length of the packet.
            0 => payload,
            len => payload.bound(len),
        },
        fragment: None,
    };
    datagram.extensions()?;
    Ok(datagram)
}

impl Datagram<'_> {
    /// Returns the datagram that this fragment completes.
    pub(super) fn joined<'w>(&self, whole: &'w Reassembled) -> Result<Datagram<'w>, NoSegment> {
        let mut joined = Datagram {
            protocol: whole.protocol,
            slice: PacketSlice::whole(&whole.bytes),
            fragment: None,
            ..*self
        };
        joined.extensions()?;
        match joined.fragment {
            None => Ok(joined),
            Some(_) => Err(NoSegment::malformed("a fragment header inside a fragmented packet".into())),
        }
    }

    /// Decodes extension headers (RFC 8200 section 4) and AH (RFC 4302), up to a fragment header.
    ///
    /// In IPv4 only AH is decoded; the other numbers are different protocols there.
    fn extensions(&mut self) -> Result<(), NoSegment> {
        let v6 = self.source.is_ipv6();
        loop {
            let len = match self.protocol {
                51 => self.authentication()?,
                // Hop-by-hop, routing, destination options, mobility, HIP, shim6.
                0 | 43 | 60 | 135 | 139 | 140 if v6 => {
                    let slice = self.slice;
                    let header = Ipv6RawExtHeaderSlice::from_slice(slice.bytes)
                        .map_err(|len| slice.lacks("IPv6 extension header", len.required_len))?;
                    self.protocol = header.next_header().0;
                    header.slice().len()
                }
                44 if v6 => {
                    self.fragment_header()?;
                    8
                }
                _ => return Ok(()),
            };
            self.slice = self.slice.skip(len);
            if self.fragment.is_some() {
                return Ok(());
            }
        }
    }

    fn authentication(&mut self) -> Result<usize, NoSegment> {
        let slice = self.slice;
        let header = IpAuthHeaderSlice::from_slice(slice.bytes).map_err(|error| match error {
            ip_auth::HeaderSliceError::Len(len) => slice.lacks("authentication header", len.required_len),
            ip_auth::HeaderSliceError::Content(error) => malformed(&error, slice),
        })?;
        self.protocol = header.next_header().0;
        Ok(header.slice().len())
    }

    fn fragment_header(&mut self) -> Result<(), NoSegment> {
        let slice = self.slice;
        let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(slice.bytes) else {
            return Err(slice.lacks("IPv6 fragment header", 8));
        };
        self.protocol = header.next_header().0;
        // An atomic fragment (RFC 6946) is complete.
        if header.is_fragmenting_payload() {
            self.fragment = Some(Fragment {
                id: header.identification(),
                offset: usize::from(header.fragment_offset().value()) * 8,
                more: header.more_fragments(),
            });
        }
        Ok(())
    }
}

#[cold]
fn malformed(error: &dyn std::error::Error, slice: PacketSlice<'_>) -> NoSegment {
    NoSegment::malformed(format!("at offset {}: {error}", slice.offset))
}
