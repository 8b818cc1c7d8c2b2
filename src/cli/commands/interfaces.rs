//! `mcpdump interfaces`: lists the capture devices.

use std::io::{self, Write as _};

use anyhow::Context as _;

use crate::capture::live::{self, Interface};
use crate::cli::privileges;

/// Prints a line per device, and how to get permission to capture if it is missing.
///
/// # Errors
/// The devices cannot be listed, or standard output cannot be written.
pub(crate) fn run() -> anyhow::Result<()> {
    let interfaces = live::interfaces()?;
    let mut text = table(&interfaces);
    if is_permission_missing(&interfaces) {
        text.push_str(&format!(
            "\nPermission to capture is missing:\n{}\n",
            privileges::permission_instructions()
        ));
    }
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("standard output: cannot be written")
}

/// Whether the right to capture is missing, judged by the devices with addresses: buses and logs of
/// the kernel (`usbmon`, `bluetooth-monitor`, `nflog`) need other rights.
fn is_permission_missing(interfaces: &[Interface]) -> bool {
    let carries_ip = |i: &&Interface| i.is_loopback || !i.addresses.is_empty();
    let mut judged: Vec<&Interface> = interfaces.iter().filter(carries_ip).collect();
    if judged.is_empty() {
        judged = interfaces.iter().collect();
    }
    judged.iter().any(|i| matches!(i.obstacle, Some(live::Error::NotAllowed { .. })))
}

/// Returns a table with a row per device. The last column holds addresses, description and error.
fn table(interfaces: &[Interface]) -> String {
    let head = ["device", "state", "capture", "addresses"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(interfaces.iter().map(row)).collect();
    // The last column needs no width.
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (first, second, third) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [device, state, capture, about] in &rows {
        let line = format!("{device:first$}  {state:second$}  {capture:third$}  {about}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(interface: &Interface) -> [String; 4] {
    let state = match (interface.is_up, interface.is_running) {
        (false, _) => "down",
        (true, false) => "no carrier",
        (true, true) => "up",
    };
    let mut about: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
    if interface.is_loopback {
        about.push("(loopback)".to_owned());
    }
    if interface.is_wireless {
        about.push("(wireless)".to_owned());
    }
    about.extend(interface.description.as_ref().map(|words| format!("({words})")));
    let capture = match &interface.obstacle {
        None => "yes",
        Some(live::Error::NotAllowed { .. }) => "no permission",
        Some(error) => {
            let why = match error {
                live::Error::Other { why, .. } => why.clone(),
                error => error.to_string(),
            };
            about.push(format!("{}{why}", if about.is_empty() { "" } else { "- " }));
            "no"
        }
    };
    // Names and descriptions come from drivers and may contain control characters.
    [interface.name.clone(), state.to_owned(), capture.to_owned(), about.join(" ")]
        .map(|cell| cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, obstacle: Option<live::Error>) -> Interface {
        Interface {
            name: name.to_owned(),
            description: None,
            addresses: vec!["127.0.0.1".parse().unwrap()],
            is_up: true,
            is_running: obstacle.is_none(),
            is_loopback: name == "lo",
            is_wireless: false,
            obstacle,
        }
    }

    #[test]
    fn the_right_to_capture_is_judged_by_devices_with_addresses() {
        let refused = |name: &str| Some(live::Error::NotAllowed { device: name.into(), why: "no".into() });
        let other = Interface { addresses: Vec::new(), ..interface("nflog", refused("nflog")) };
        assert!(!is_permission_missing(&[interface("lo", None), other.clone()]));
        assert!(is_permission_missing(&[interface("lo", refused("lo")), other.clone()]));
        assert!(is_permission_missing(&[other]), "nothing else to judge by");
        assert!(!is_permission_missing(&[]));
    }

    #[test]
    fn a_device_that_cannot_be_used_shows_the_error() {
        let other = live::Error::Other { device: "eth\u{1b}".into(), why: "not up".into() };
        let text = table(&[interface("lo", None), interface("eth\u{1b}", Some(other))]);
        let want = "device  state       capture  addresses\n\
                    lo      up          yes      127.0.0.1 (loopback)\n\
                    eth\u{fffd}    no carrier  no       127.0.0.1 - not up\n";
        assert_eq!(text, want);
    }
}
