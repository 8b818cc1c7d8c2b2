//! Durations and sizes on the command line, with the units of `--filter` and of tcpdump.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Parses a duration: a number and `ms`, `s`, `m`, `min`, `h` or `d`. A bare number is seconds.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = parts(text)?;
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("unknown unit \"{unit}\": write a number and ms, s, m, h or d, as in 30s")),
    };
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration.is_zero() => Err("must be longer than zero".to_owned()),
        // A longer one may overflow a clock.
        Ok(duration) if duration <= Duration::from_secs(u64::from(u32::MAX)) => Ok(duration),
        _ => Err("is longer than a century".to_owned()),
    }
}

/// Parses the address of `--prometheus`: an address and a port, or a port of loopback.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn local_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    match port.parse::<u16>() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text
            .parse()
            .map_err(|_| "is no port and no address with a port, as in 9464 or 127.0.0.1:9464".to_owned()),
    }
}

/// Parses the file size of `-C` into bytes. A bare number is millions of bytes, as in tcpdump.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn file_size(text: &str) -> Result<u64, String> {
    size(text, 1_000_000)
}

/// Parses the size of the kernel's buffer (`-B`) into bytes. A bare number is KiB, as in tcpdump.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn buffer(text: &str) -> Result<usize, String> {
    let bytes = size(text, 1 << 10)?;
    // libpcap takes an `int`.
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= MAX_BUFFER)
        .ok_or_else(|| "must be less than 2GiB, libpcap's limit".to_owned())
}

/// Parses the memory for message bodies (`--memory`) into bytes. A bare number is MiB, as in the
/// configuration.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn memory(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(size(text, 1 << 20)?).ok();
    bytes.filter(|bytes| MEMORY.contains(bytes)).ok_or_else(|| "must be between 1MiB and 1TiB".to_owned())
}

/// Accepted values of `--memory`, in bytes, as in the configuration.
const MEMORY: std::ops::RangeInclusive<usize> = 1 << 20..=1 << 40;

/// Largest buffer that libpcap accepts, in bytes.
const MAX_BUFFER: usize = i32::MAX as usize;

/// Parses a size into bytes; a bare number is in units of `default`. `k`, `m` and `g` are powers of
/// 1024, as in tcpdump.
fn size(text: &str, default: u64) -> Result<u64, String> {
    let (number, unit) = parts(text)?;
    let unit_bytes = match unit.to_ascii_lowercase().as_str() {
        "" => default,
        "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => {
            return Err(format!(
                "unknown unit \"{unit}\": write B, kB, MB, GB, KiB, MiB, GiB, or tcpdump's k, m, g"
            ));
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let bytes = number * unit_bytes as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    if (1.0..MAX_SIZE).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err("must be between 1 byte and 1 petabyte".into())
    }
}

/// Sizes are below a petabyte: an `f64` still counts single bytes.
const MAX_SIZE: f64 = 1e15;

/// Splits a text into an unsigned number and the unit after it.
fn parts(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    match number.parse() {
        Ok(number) => Ok((number, unit.trim())),
        Err(_) => Err(format!("\"{text}\" does not start with a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in
            [("30", 30_000), ("30s", 30_000), ("1.5 m", 90_000), ("250ms", 250), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "0", "0.0s", "-1s", "1w", "1e9", "99999999h", "1.2.3s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("1", 1_000_000),
            ("2k", 2048),
            ("2K", 2048),
            ("1m", 1 << 20),
            ("1G", 1 << 30),
            ("10kB", 10_000),
            ("1MiB", 1 << 20),
            ("7B", 7),
            ("0.5", 500_000),
        ] {
            assert_eq!(file_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "0", "1XB", "-5", "1e5", "99999999999GB"] {
            assert!(file_size(text).is_err(), "{text}");
        }
        assert_eq!(buffer("4096"), Ok(4 << 20));
        assert_eq!(buffer("64MiB"), Ok(64 << 20));
        assert!(buffer("2GiB").is_err());
        assert_eq!(memory("64"), Ok(64 << 20));
        assert_eq!(memory("1.5GiB"), Ok(3 << 29));
        for text in ["0", "0.5", "1023KiB", "2000GiB", "64XB", "-1"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }
}
