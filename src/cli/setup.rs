//! Opens everything that a command needs before its first packet, in the order that drops
//! privileges earliest.
//!
//! ```text
//!  open device or files ──▶ drop root ──▶ open outputs ──▶ enter sandbox ──▶ start reading
//!  needs permission         privileges    as the user      sandbox           first thread
//! ```

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use super::background::BackgroundReader;
use super::file_broker::FileBroker;
use super::filter_history::FilterHistory;
use super::keep::KeepPlan;
use super::logged_secrets::{FileSecrets, Identified, LoggedSecrets};
use super::output::{self, Output};
use super::reader::{LiveCapture, Reader, Source};
use super::request::{Inputs, Request};
use super::sandbox::{self, Allowed};
use super::service::Manager;
use super::slicer::Slicer;
use super::unwanted_file::UnwantedFile;
use super::{messages, metrics, privileges, signals};
use crate::capture::save::{FileMetadata, KeptSecrets, PacketWriter, Target, private};
use crate::capture::{self, Input, Replay, Spool, follow, live};

/// Everything that a command works with.
pub(super) struct Setup {
    pub(super) reader: Reader,
    pub(super) output: Output,
    /// Filters of earlier runs of the TUI; empty for other commands.
    pub(super) history: FilterHistory,
    /// Creates files from within the sandbox; `None` except for the TUI.
    pub(super) broker: Option<FileBroker>,
    /// Reads the packets again; `None` if the command did not ask for it.
    pub(super) slicer: Option<Slicer>,
    /// Removes the file of the output if it is unwanted; `None` unless the command asked for it.
    pub(super) unwanted: Option<UnwantedFile>,
    /// The file for the packets of what matches (`-w` with `--filter`); `None` if all packets are
    /// kept, or none.
    pub(super) matching_packets: Option<SliceTarget>,
}

/// A file that a slice is written to.
pub(super) struct SliceTarget {
    pub(super) out: Box<dyn io::Write>,
    /// The file behind `out`; `None` if it is none.
    pub(super) file: Option<std::fs::File>,
    /// Its name, for messages.
    pub(super) name: String,
}

/// Who shows the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frontend {
    /// A command that writes lines; with `rereads` it reads the packets a second time.
    Lines { rereads: bool },
    /// The TUI: it uses the terminal and catches signals itself.
    Tui(TuiResources),
}

/// Resources that the TUI uses if its configuration says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TuiResources {
    /// The file with the filters of earlier runs.
    pub(super) history: bool,
    /// This machine's clipboard.
    pub(super) clipboard: bool,
}

impl Setup {
    /// Opens the source and the output (the file at `path`, or standard output), and starts a live
    /// capture.
    ///
    /// # Errors
    /// There is no permission to capture, a file cannot be read or written, or root cannot be
    /// dropped.
    pub(super) fn open(request: &Request, path: Option<&Path>) -> anyhow::Result<Self> {
        let rereads = request.slices_matching();
        Unprivileged::open(request)?.start(request, path, Frontend::Lines { rereads })
    }

    /// Does the same for a command that needs what the sandbox denies: `prepare` starts it, with
    /// the remaining privileges.
    ///
    /// # Errors
    /// As [`Self::open`], and those of `prepare`.
    pub(super) fn open_with(
        request: &Request,
        path: Option<&Path>,
        prepare: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let rereads = request.slices_matching();
        let unprivileged = Unprivileged::open(request)?;
        prepare()?;
        unprivileged.start(request, path, Frontend::Lines { rereads })
    }

    /// Does the same for a command that creates files in a directory at the end.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn open_with_directory(
        request: &Request,
        path: Option<&Path>,
        directory: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let unprivileged = Unprivileged::open(request)?;
        let created = directory.map(Path::to_owned);
        if created.is_some() && unprivileged.directory.is_some() {
            anyhow::bail!("-C and -G create files in one directory, --advertised in another: leave out one");
        }
        let directory = unprivileged.directory.or(created);
        let rereads = request.slices_matching();
        Unprivileged { directory, ..unprivileged }.start(request, path, Frontend::Lines { rereads })
    }

    /// Does the same for a command that writes a new directory instead of a file.
    ///
    /// # Errors
    /// As [`Self::open`], and the directory is not empty or cannot be created.
    pub(super) fn open_with_new_directory(request: &Request, directory: &Path) -> anyhow::Result<Self> {
        let unprivileged = Unprivileged::open(request)?;
        if unprivileged.directory.is_some() {
            anyhow::bail!("-C and -G create files in one directory, the export in another: leave out one");
        }
        let name = directory.display();
        std::fs::create_dir_all(directory).with_context(|| format!("{name}: cannot be created"))?;
        if std::fs::read_dir(directory).with_context(|| format!("{name}: cannot be read"))?.next().is_some() {
            anyhow::bail!("{name}: is not empty: name a new directory");
        }
        let rereads = request.slices_matching();
        let unprivileged = Unprivileged { directory: Some(directory.to_owned()), ..unprivileged };
        let mut setup = unprivileged.start(request, None, Frontend::Lines { rereads })?;
        setup.output.set_name(name.to_string());
        Ok(setup)
    }

    /// Does the same for a command that reads the files of a second request after those of the
    /// first. The second value reads them.
    ///
    /// # Errors
    /// As [`Self::open`], and the second request is no request for files.
    pub(super) fn open_pair(
        first: &Request,
        second: &Request,
        path: Option<&Path>,
    ) -> anyhow::Result<(Self, Reader)> {
        // Everything is open before the sandbox is entered.
        let Unprivileged { input, .. } = Unprivileged::open(second)?;
        let OpenInput::Files(capture) = input else {
            anyhow::bail!("two captures are compared once they are saved: name two files")
        };
        if let Some(path) = path {
            output::check_not_input(path, second)?;
        }
        let key_logs = second.key_logs.open(false, second.is_unconfined)?;
        let setup = Self::open(first, path)?;
        let (logged, identified) = (LoggedSecrets::default(), Identified::default());
        let reader = Reader::new(Source::Files(capture), None).with_key_logs(key_logs, logged, identified);
        Ok((setup, reader.with_threads(second.threads())))
    }

    /// Does the same for a command that reads the packets a second time.
    ///
    /// # Errors
    /// As [`Self::open`], and no temporary file can be created.
    pub(super) fn open_twice(request: &Request, path: Option<&Path>) -> anyhow::Result<Self> {
        Unprivileged::open(request)?.start(request, path, Frontend::Lines { rereads: true })
    }

    /// Does the same for a command that also needs what the sandbox denies: `prepare` starts it,
    /// with the remaining privileges.
    ///
    /// # Errors
    /// As [`Self::open_twice`], and those of `prepare`.
    #[cfg(feature = "mcp")]
    pub(super) fn open_twice_with(
        request: &Request,
        prepare: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let unprivileged = Unprivileged::open(request)?;
        prepare()?;
        unprivileged.start(request, None, Frontend::Lines { rereads: true })
    }

    /// Does the same for a command whose file is removed if nothing is written to it.
    ///
    /// # Errors
    /// As [`Self::open_twice`].
    pub(super) fn open_for_slice(request: &Request, path: &Path) -> anyhow::Result<Self> {
        let unprivileged = Unprivileged::open(request)?;
        let is_file = path.as_os_str() != "-";
        // Before the sandbox is entered.
        let unwanted = if is_file { UnwantedFile::start(path).ok() } else { None };
        let setup = unprivileged.start(request, Some(path), Frontend::Lines { rereads: true })?;
        Ok(Self { unwanted, ..setup })
    }

    /// Does the same for the TUI: the terminal stays accessible, and the reader can be waited for.
    ///
    /// `prepare` opens what the TUI needs, with the remaining privileges and before the sandbox is
    /// entered. Its argument is the user that the process became; `None` if the user did not
    /// change.
    ///
    /// # Errors
    /// As [`Self::open`], and those of `prepare`.
    pub(super) fn open_for_tui<S>(
        request: &Request,
        prepare: impl FnOnce(Option<&str>) -> anyhow::Result<(S, TuiResources)>,
    ) -> anyhow::Result<(Self, S)> {
        let unprivileged = Unprivileged::open(request)?;
        let (screen, resources) = prepare(unprivileged.user.as_deref())?;
        Ok((unprivileged.start(request, None, Frontend::Tui(resources))?, screen))
    }
}

/// The source is open, and the privileges that this took are dropped.
struct Unprivileged {
    input: OpenInput,
    /// Directory below which files are created during the capture (rotation).
    directory: Option<PathBuf>,
    /// User that the process became; `None` if the user did not change.
    user: Option<String>,
}

impl Unprivileged {
    fn open(request: &Request) -> anyhow::Result<Self> {
        let input = OpenInput::open(request)?;
        let directory = request.keep.as_ref().and_then(KeepPlan::directory);
        let user = privileges::drop_root(request.user.as_deref(), directory.is_some())?;
        Ok(Self { input, directory, user })
    }

    fn start(self, request: &Request, path: Option<&Path>, frontend: Frontend) -> anyhow::Result<Setup> {
        let Self { input, directory, user } = self;
        let (logged, identified) = (LoggedSecrets::default(), Identified::default());
        let open_outputs = || -> anyhow::Result<_> {
            let output = Output::open(path, request)?;
            let rereads = !matches!(frontend, Frontend::Lines { rereads: false });
            let again = rereads.then(|| open_again(request)).transpose()?;
            let key_logs = request.key_logs.open(request.is_live(), request.is_unconfined)?;
            if request.slices_matching() && matches!(frontend, Frontend::Lines { .. }) {
                return Ok((output, None, key_logs, again, Some(create_slice_target(request, path)?)));
            }
            let secrets = request.keeps_secrets.then(|| {
                let (logged, identified) = (logged.clone(), identified.clone());
                let source = Arc::new(FileSecrets::new(logged, key_logs.is_some(), identified));
                KeptSecrets { source, is_private: request.has_private_files() }
            });
            Ok((output, create_recorder(request, path, &input, secrets)?, key_logs, again, None))
        };
        let metrics = request.prometheus.map(metrics::Opened::at).transpose()?;
        let (output, recorder, key_logs, again, matching_packets) =
            open_outputs().map_err(|error| match &user {
                Some(user) => anyhow!(
                    "{}; files are written as {user} (-Z root writes them as root)",
                    messages::with_causes(&error)
                ),
                None => error,
            })?;
        if let (Some(path), false, Frontend::Lines { .. }) =
            (request.key_logs.missing(), request.is_live(), frontend)
        {
            let path = path.display();
            messages::error(&format!("note: SSLKEYLOGFILE names {path}, which does not exist"));
        }
        let signals = signals::termination_signals();
        let manager = Manager::connect();
        // For commands that have nothing to reload.
        signals::on_reload(&Arc::default()).context("signals cannot be caught")?;
        let (is_tui, resources) = match frontend {
            Frontend::Tui(resources) => (true, resources),
            Frontend::Lines { .. } => (false, TuiResources::default()),
        };
        let history =
            if resources.history { FilterHistory::open(user.as_deref()) } else { FilterHistory::default() };
        let (replay, spool) = again.unzip();
        let slicer = replay.map(|replay| {
            let slicer = Slicer::new(replay, metadata(request, &input)).with_secrets(logged.clone());
            slicer.keeping_secrets(request.keeps_secrets)
        });
        let broker = if is_tui { FileBroker::start(request.is_unconfined).ok() } else { None };
        let sandbox_warning = sandbox::enter(Allowed {
            everything: request.is_unconfined,
            directory: directory.as_deref(),
            readable: None,
            device: input.device().map(live::Opened::name),
            network: request.uses_network,
            lookups: input.device().is_none() && request.bpf.is_some(),
            terminal: is_tui,
            xauthority: sandbox::xauthority(resources.clipboard).as_deref(),
        });
        let reader = match input {
            OpenInput::Files(capture) if is_tui && request.is_live() => {
                let progress = capture.progress();
                let reader = BackgroundReader::spawn(capture);
                Reader::new(Source::Background { progress, reader }, recorder)
            }
            OpenInput::Files(capture) => Reader::new(Source::Files(capture), recorder),
            OpenInput::Followed(followed) => {
                if !is_tui {
                    announce_following(request);
                    signals::catch(&signals, &followed.stop().flag()).context("signals cannot be caught")?;
                }
                Reader::new(Source::Followed(followed), recorder)
            }
            OpenInput::Device(opened) => {
                if let Some(warning) = sandbox_warning {
                    messages::error(&format!("note: {warning}"));
                }
                if !is_tui {
                    announce_capture(&opened, request, user.as_deref());
                    signals::catch(&signals, &opened.stop().flag()).context("signals cannot be caught")?;
                }
                let (source, live) = LiveCapture::start(opened, recorder, request.bpf.clone())?;
                Reader::from_device(source, live)
            }
        };
        let reader = reader.with_spool(spool.flatten()).with_key_logs(key_logs, logged, identified);
        let reader = reader.with_threads(request.threads());
        if let Some(opened) = metrics.as_ref().filter(|_| !is_tui) {
            messages::status(&format!("mcpdump: metrics at http://{}/metrics", opened.address()));
        }
        let reader = reader.with_metrics(metrics).context("metrics cannot be served")?;
        manager.ready();
        let reader = reader.with_manager(manager);
        Ok(Setup { reader, output, history, broker, slicer, unwanted: None, matching_packets })
    }
}

/// Opens what is read a second time: regular files, else a temporary file that the reader fills.
///
/// # Errors
/// A file cannot be opened or created.
fn open_again(request: &Request) -> anyhow::Result<(Replay, Option<Spool>)> {
    let options = capture::OpenOptions { filter: request.bpf.clone() };
    let inputs: &[Input] = match &request.inputs {
        Inputs::Files(inputs) => inputs,
        Inputs::Device(_) => &[],
    };
    if !inputs.is_empty()
        && let Some(replay) = Replay::open(inputs, &options)?
    {
        return Ok((replay, None));
    }
    let file = tempfile::tempfile().context("a temporary file for the packets cannot be created")?;
    let (spool, reader) = Spool::new(file).context("a temporary file for the packets cannot be opened")?;
    Ok((Replay::Spooled(reader), Some(spool)))
}

/// Creates the file that the packets of what matches are written to.
fn create_slice_target(request: &Request, path: Option<&Path>) -> anyhow::Result<SliceTarget> {
    let Some(KeepPlan { target, rotation }) = &request.keep else {
        anyhow::bail!("-w FILE is missing");
    };
    if !rotation.is_none() {
        anyhow::bail!(
            "-C and -G split a capture as it is made, -w with --filter keeps what matched once it is over: leave out \
            one of them"
        );
    }
    match target {
        Target::Path(file) => {
            output::check_not_input(file, request)?;
            let name = file.display().to_string();
            let written = || format!("{name}: cannot be written");
            let file = private::create(file, request.has_private_files()).with_context(written)?;
            let out = Box::new(file.try_clone().with_context(written)?);
            Ok(SliceTarget { out, file: Some(file), name })
        }
        Target::Stdout if path.is_some_and(|path| path.as_os_str() == "-") => {
            anyhow::bail!("-w - and -o -: both would write to standard output: name a file for one of them")
        }
        Target::Stdout => {
            Ok(SliceTarget { out: Box::new(io::stdout()), file: None, name: target.to_string() })
        }
    }
}

/// A source that is open but not read yet.
enum OpenInput {
    Files(capture::Capture),
    Followed(follow::Followed),
    Device(live::Opened),
}

impl OpenInput {
    fn open(request: &Request) -> anyhow::Result<Self> {
        match &request.inputs {
            Inputs::Files(inputs) => {
                privileges::drop_setuid()?;
                let options = capture::OpenOptions { filter: request.bpf.clone() };
                if let Some(limits) = &request.follow {
                    let paths: Vec<PathBuf> = request.files().map(Path::to_owned).collect();
                    let followed = follow::follow(&paths, &options, limits.clone())?;
                    return Ok(Self::Followed(followed.numbering(request.numbering.clone())));
                }
                Ok(Self::Files(capture::open(inputs, &options)?.numbering(request.numbering.clone())))
            }
            Inputs::Device(options) => {
                live::open(options).map(Self::Device).map_err(|error| anyhow!(privileges::explain(&error)))
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

/// Creates the file that packets are kept in.
fn create_recorder(
    request: &Request,
    path: Option<&Path>,
    input: &OpenInput,
    secrets: Option<KeptSecrets>,
) -> anyhow::Result<Option<PacketWriter>> {
    let Some(keep) = &request.keep else {
        return Ok(None);
    };
    if let Target::Path(file) = &keep.target {
        output::check_not_input(file, request)?;
    } else if path.is_some_and(|path| path.as_os_str() == "-") {
        anyhow::bail!("-w - and -o -: both would write to standard output: name a file for one of them");
    }
    let about = metadata(request, input);
    keep.create(about, input.device().map(live::Opened::link_type), secrets).map(Some)
}

/// Describes the files of packets that the program writes.
fn metadata(request: &Request, input: &OpenInput) -> FileMetadata {
    let device = input.device();
    FileMetadata {
        hardware: hardware(),
        system: system(),
        application: concat!("mcpdump ", env!("CARGO_PKG_VERSION")).to_owned(),
        device: device.map(|opened| opened.name().to_owned()).unwrap_or_default(),
        description: String::new(),
        filter: request.bpf.clone().unwrap_or_default(),
        snaplen: device.map_or(0, live::Opened::snaplen),
        comment: String::new(),
    }
}

/// Returns the model of the processor; its architecture if the system has no `/proc/cpuinfo`.
fn hardware() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == "model name");
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned())
}

/// Returns the operating system, with its version on Linux.
fn system() -> String {
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match std::env::consts::OS {
        "linux" => format!("Linux {}", version.trim()).trim_end().to_owned(),
        other => other.to_owned(),
    }
}

/// Prints which files are followed and how to stop, if standard error is a terminal.
fn announce_following(request: &Request) {
    if io::stderr().is_terminal() {
        let names: Vec<String> = request.files().map(|file| file.display().to_string()).collect();
        messages::status(&format!("mcpdump: following {}; Ctrl-C stops", names.join(", ")));
    }
}

/// Prints what is captured and how to stop, if standard error is a terminal.
fn announce_capture(opened: &live::Opened, request: &Request, user: Option<&str>) {
    if !io::stderr().is_terminal() {
        return;
    }
    let filter = request.bpf.as_ref().map(|filter| format!(", filter \"{filter}\"")).unwrap_or_default();
    let user = user.map(|user| format!(", as {user}")).unwrap_or_default();
    messages::status(&format!("mcpdump: capturing on {}{filter}{user}; Ctrl-C stops", opened.name()));
}
