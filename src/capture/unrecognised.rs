//! Describes an input that is not a capture by its first bytes.

/// The formats that can be read: the end of each message of this file.
pub(super) const EXPECTED: &str = "expects pcap or pcapng, plain or compressed with gzip, zstd or lz4";

/// Bytes by which an input is described.
pub(super) const MAX_HEAD: usize = 64;

/// Returns the message about the input `name`, which begins with `head` after decompression.
pub(super) fn describe(name: &str, compression: Option<&str>, head: &[u8]) -> String {
    // As many bytes however the input is read: the rest may decide whether they are text.
    let head = head.get(..MAX_HEAD).unwrap_or(head);
    let inside = compression.map_or(String::new(), |with| format!(", after {with} decompression,"));
    if head.is_empty() {
        return match compression {
            None => format!("{name}: is empty: 0 bytes; {EXPECTED}"),
            Some(with) => {
                format!(
                    "{name}: nothing could be read from its {with} data, it is empty or damaged; {EXPECTED}"
                )
            }
        };
    }
    let (what, remedy) = guess(head);
    let preview = preview(head);
    let remedy = if remedy.is_empty() { String::new() } else { format!("; {remedy}") };
    format!(
        "{name}: not a pcap or pcapng file: it begins{inside} with {preview} ({what}); {EXPECTED}{remedy}"
    )
}

/// Returns the message about a followed file that is compressed with `with`.
pub(super) fn cannot_follow_compressed(with: &str) -> String {
    format!(
        "is compressed with {with}, and compressed files cannot be followed (--follow): follow the uncompressed \
         file, or read this one without --follow when it is complete"
    )
}

/// Formats by their first bytes, each with a remedy.
const KNOWN_FORMATS: [(&[u8], &str, &str); 19] = [
    (&[0x34, 0xcd, 0xb2, 0xa1], "a big-endian pcap of a patched libpcap", CONVERT_IT),
    (&[0xa1, 0xb2, 0xcd, 0x34], "a big-endian pcap of a patched libpcap", CONVERT_IT),
    (b"snoop\0\0\0", "a snoop capture", CONVERT_IT),
    (b"btsnoop\0", "a Bluetooth capture", ""),
    (b"GMBU", "a Microsoft Network Monitor capture", CONVERT_IT),
    (b"RTSS", "a Microsoft Network Monitor capture", CONVERT_IT),
    (b"TRSNIFF", "a Sniffer capture", CONVERT_IT),
    (b"XCP\0", "a NetXRay capture", CONVERT_IT),
    (b"iptrace", "an AIX iptrace capture", CONVERT_IT),
    (b"\x1f\x8b", "gzip data", UNPACK_IT),
    (b"\x28\xb5\x2f\xfd", "zstd data", UNPACK_IT),
    (b"\x04\x22\x4d\x18", "lz4 data", UNPACK_IT),
    (b"\xfd7zXZ\0", "xz data", UNPACK_IT),
    (b"BZh", "bzip2 data", UNPACK_IT),
    (b"PK\x03\x04", "a zip archive", UNPACK_IT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK_IT),
    (b"\x7fELF", "a program", ""),
    (b"SQLite format 3\0", "an SQLite database", ""),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with git lfs pull"),
];

const CONVERT_IT: &str = "Wireshark's editcap may convert it";
const UNPACK_IT: &str = "unpack it first";

fn guess(head: &[u8]) -> (&'static str, &'static str) {
    if let Some((_, what, remedy)) = KNOWN_FORMATS.iter().find(|(magic, _, _)| head.starts_with(magic)) {
        return (what, remedy);
    }
    let text = head.trim_ascii_start();
    let is_tag = |tag: &[u8]| text.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag));
    if is_tag(b"<!doctype html") || is_tag(b"<html") {
        return ("HTML", "a download may have given an error page instead of the file");
    }
    if is_text(head) {
        return ("text", "");
    }
    ("an unknown format", "")
}

fn is_text(head: &[u8]) -> bool {
    let printable = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be incomplete.
        Err(error) if error.error_len().is_none() => head
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    !printable.is_empty() && printable.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

/// Formats the first bytes as quoted text or in hexadecimal.
fn preview(head: &[u8]) -> String {
    if is_text(head) {
        let shown: String = String::from_utf8_lossy(head).chars().take(12).collect();
        return format!("{shown:?}");
    }
    let shown: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("the bytes {}", shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named() {
        for (head, compression, want) in [
            (&b"{\"type\":\"session\"}"[..], None, "it begins with \"{\\\"type\\\":\\\"ses\" (text)"),
            (b"  <!DOCTYPE HTML><p>", None, "(HTML)"),
            (b"", None, "is empty: 0 bytes"),
            (b"", Some("gzip"), "nothing could be read from its gzip data"),
            (b"hello", Some("zstd"), "it begins, after zstd decompression, with \"hello\" (text)"),
            (b"snoop\0\0\0\0\0\0\x02", None, "editcap"),
            (b"\x00\x01\xff\xfe\x00", None, "the bytes 00 01 ff fe 00 (an unknown format)"),
        ] {
            let message = describe("a.pcap", compression, head);
            assert!(message.contains(want), "{message}");
            assert!(message.starts_with("a.pcap: ") && message.contains(EXPECTED), "{message}");
        }
    }
}
