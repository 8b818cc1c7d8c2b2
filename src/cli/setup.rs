//! Everything that a command needs before its first packet, in the order that gives up the most the soonest. The TUI begins
//! alike: what else it needs is opened with the outputs.
//!
//! ```text
//!  open the device or the files ─▶ give up root ─▶ open the outputs ─▶ shut in ─▶ start reading
//!  needs the right to capture       rights          as the user        sandbox    the first thread
//! ```

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::capture::encode::FileMetadata;
use crate::capture::save::{PacketWriter, Target};
use crate::capture::{self, follow, live};
use crate::cli::background::Relay;
use crate::cli::commands::tui::Screen;
use crate::cli::complain;
use crate::cli::filter_history::Remembered;
use crate::cli::output::{self, Output};
use crate::cli::privileges as rights;
use crate::cli::reader::{Device, Reader, Source};
use crate::cli::request::{Input, Inputs, Request};
use crate::cli::sandbox::{self, Allowed};
use crate::cli::signals;
use crate::cli::tell;

/// What a command works with.
pub(super) struct Begun {
    pub(super) reader: Reader,
    pub(super) output: Output,
    /// What is there of earlier runs of the TUI.
    pub(super) remembered: Remembered,
}

/// Who shows what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    /// An output that is written to.
    Lines,
    /// The TUI: it takes the terminal, and catches signals itself.
    Screen(Wishes),
}

/// What the TUI keeps and uses beside what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// The filters of earlier runs.
    pub(super) history: bool,
    /// This machine's clipboard.
    pub(super) clipboard: bool,
}

/// Opens what is read and what is written (`path`, or standard output), and starts a live capture.
///
/// # Errors
/// There is no right to capture, a file cannot be read or written, or root cannot be given up.
pub(super) fn begin(request: &Request, path: Option<&Path>) -> anyhow::Result<Begun> {
    Ready::open(request)?.start(request, path, Face::Lines)
}

/// The same for the TUI: the terminal stays open to it, and what is read can be waited for. `prepare` opens what the
/// screen needs with the rights that are left, before the process shuts itself in. It is given the user that the process
/// became; `None` where it is who it was.
///
/// # Errors
/// As [`begin`], and those of `prepare`.
pub(super) fn begin_screen(
    request: &Request,
    prepare: impl FnOnce(Option<&str>) -> anyhow::Result<Screen>,
) -> anyhow::Result<(Begun, Screen)> {
    let ready = Ready::open(request)?;
    let screen = prepare(ready.user.as_deref())?;
    Ok((ready.start(request, None, Face::Screen(screen.wishes()))?, screen))
}

/// What is read is open, and the rights that took are given up.
struct Ready {
    opened: Opened,
    /// The folder in which files are made while packets come, if any are.
    folder: Option<PathBuf>,
    /// The user that the process became; `None` where it is who it was.
    user: Option<String>,
}

impl Ready {
    fn open(request: &Request) -> anyhow::Result<Self> {
        let opened = Opened::open(request)?;
        let folder = request.keep.as_ref().and_then(crate::cli::keep::Keeping::folder);
        let user = rights::give_up(request.user.as_deref(), folder.is_some())?;
        Ok(Self { opened, folder, user })
    }

    fn start(self, request: &Request, path: Option<&Path>, face: Face) -> anyhow::Result<Begun> {
        let Self { opened, folder, user } = self;
        let outputs = || -> anyhow::Result<_> {
            let output = Output::open(path, request)?;
            Ok((output, keep(request, path, &opened)?))
        };
        let (output, recorder) = outputs().map_err(|error| match &user {
            Some(user) => anyhow!("{error:#}; files are written as {user} (-Z root writes them as root)"),
            None => error,
        })?;
        let signals = signals::wanted();
        let (is_screen, wishes) = match face {
            Face::Screen(wishes) => (true, wishes),
            Face::Lines => (false, Wishes::default()),
        };
        let remembered =
            if wishes.history { Remembered::open(user.as_deref()) } else { Remembered::default() };
        let note = sandbox::enter(Allowed {
            folder: folder.as_deref(),
            device: opened.device().map(live::Opened::name),
            network: request.network,
            lookups: opened.device().is_none() && request.bpf.is_some(),
            terminal: is_screen,
            display: sandbox::authority(wishes.clipboard).as_deref(),
        });
        let reader = match opened {
            Opened::Files(capture) if is_screen && request.is_live() => {
                let progress = capture.progress();
                Reader::new(Source::Relayed { progress, relay: Relay::of(capture) }, recorder)
            }
            Opened::Files(capture) => Reader::new(Source::Files(capture), recorder),
            Opened::Followed(followed) => {
                if face == Face::Lines {
                    announce_following(request);
                    signals::catch(&signals, &followed.stop().flag()).context("signals cannot be caught")?;
                }
                Reader::new(Source::Followed(followed), recorder)
            }
            Opened::Device(opened) => {
                if let Some(note) = note {
                    complain(&format!("note: {note}"));
                }
                if !is_screen {
                    announce(&opened, request, user.as_deref());
                    signals::catch(&signals, &opened.stop().flag()).context("signals cannot be caught")?;
                }
                let (live, device) = Device::start(opened, recorder, request.bpf.clone())?;
                Reader::captured(live, device)
            }
        };
        Ok(Begun { reader, output, remembered })
    }
}

/// What is read, open and not yet read.
enum Opened {
    Files(capture::Capture),
    Followed(follow::Followed),
    Device(live::Opened),
}

impl Opened {
    fn open(request: &Request) -> anyhow::Result<Self> {
        match &request.inputs {
            Inputs::Files(inputs) => {
                rights::give_up_lent()?;
                let options = capture::OpenOptions { filter: request.bpf.clone() };
                if let Some(limits) = &request.follow {
                    let paths: Vec<PathBuf> = request.files().map(Path::to_owned).collect();
                    return Ok(Self::Followed(follow::follow(&paths, &options, limits.clone())?));
                }
                let inputs: Vec<capture::Input> = inputs.iter().map(input).collect();
                Ok(Self::Files(capture::open(&inputs, &options)?))
            }
            Inputs::Device(options) => {
                live::open(options).map(Self::Device).map_err(|error| anyhow!(rights::advice(&error)))
            }
        }
    }

    fn device(&self) -> Option<&live::Opened> {
        match self {
            Self::Files(_) | Self::Followed(_) => None,
            Self::Device(opened) => Some(opened),
        }
    }
}

fn input(input: &Input) -> capture::Input {
    match input {
        Input::Path(path) => capture::Input::Path(path.clone()),
        Input::Stdin => capture::Input::Stdin,
    }
}

/// Creates the file that packets are kept in.
fn keep(request: &Request, path: Option<&Path>, opened: &Opened) -> anyhow::Result<Option<PacketWriter>> {
    let Some(keep) = &request.keep else {
        return Ok(None);
    };
    if let Target::Path(kept) = &keep.target {
        output::refuse_capture(kept, request)?;
    } else if path.is_some_and(|path| path.as_os_str() == "-") {
        anyhow::bail!("-w - and -o -: both would go to standard output; name a file for one of them");
    }
    let device = opened.device();
    let about = FileMetadata {
        hardware: hardware(),
        system: system(),
        application: concat!("mcpdump ", env!("CARGO_PKG_VERSION")).to_owned(),
        device: device.map(|opened| opened.name().to_owned()).unwrap_or_default(),
        filter: request.bpf.clone().unwrap_or_default(),
        snaplen: device.map_or(0, live::Opened::snaplen),
    };
    keep.create(about, device.map(live::Opened::link_type)).map(Some)
}

/// The processor, as far as the system tells.
fn hardware() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == "model name");
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned())
}

/// The operating system and, as far as it tells, its version.
fn system() -> String {
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match std::env::consts::OS {
        "linux" => format!("Linux {}", version.trim()).trim_end().to_owned(),
        other => other.to_owned(),
    }
}

/// Says what is followed and how it ends, to whoever sits there.
fn announce_following(request: &Request) {
    if io::stderr().is_terminal() {
        let names: Vec<String> = request.files().map(|file| file.display().to_string()).collect();
        tell(&format!("mcpdump: following {}; Ctrl-C ends it", names.join(", ")));
    }
}

/// Says what is captured on and how it ends, to whoever sits there.
fn announce(opened: &live::Opened, request: &Request, user: Option<&str>) {
    if !io::stderr().is_terminal() {
        return;
    }
    let filter = request.bpf.as_ref().map(|filter| format!(", filter «{filter}»")).unwrap_or_default();
    let user = user.map(|user| format!(", as {user}")).unwrap_or_default();
    tell(&format!("mcpdump: capturing on {}{filter}{user}; Ctrl-C ends it", opened.name()));
}
