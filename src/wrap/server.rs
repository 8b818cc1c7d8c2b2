//! A server as a child process: its pipes, its signals and its end.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{self, Pid};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::pump::{Passing, Stopped, pump};
use super::queue::{Event, Queue};
use super::recorder::Recorder;
use crate::base::Side;

/// How long a server whose standard output ended may take to end as well: then both are one event.
const EXIT_WAIT: Duration = Duration::from_millis(100);

/// How long output is waited for that a process holds open that outlives the server: after the
/// server's end for standard error, after a signal for standard output, too.
const OUTPUT_WAIT: Duration = Duration::from_secs(1);

/// How long the end waits for the disk.
const DISK_WAIT: Duration = Duration::from_secs(5);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Status(u8),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    fn of(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            // wait(2): a status has eight bits.
            None => Self::Status(u8::try_from(status.code().unwrap_or_default() & 0xff).unwrap_or_default()),
        }
    }

    /// Returns the exit status that shells use for it.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Status(status) => status,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Status(status) => format!("the server ended with status {status}"),
            Self::Signal(signal) => format!("the server was ended by {}", name_of(signal)),
        }
    }
}

fn name_of(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// What the threads tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// The server ended.
    Ended(Ended),
    /// Nothing more comes from its standard output.
    OutputOver,
    /// Nothing more comes from its standard error.
    ErrorOver,
    /// A signal came.
    Signalled,
}

/// Runs a server between the standard files of this process, forwards `signals` to it, and records
/// what passes with what `start` returns once the server runs. Returns how it ended, and whether
/// everything is recorded or was reported.
///
/// # Errors
/// The command cannot be run.
pub fn run(
    command: &[OsString],
    signals: &[i32],
    start: impl FnOnce() -> io::Result<Recorder>,
) -> io::Result<(Ended, bool)> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    // A limit of the file's size is an error of the write that exceeds it.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    // Before the server runs: none is missed, and none ends this process.
    let caught = SignalsInfo::<WithOrigin>::new(signals)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let recorder = start()?;
    let (tell, news) = mpsc::channel();
    let queue = recorder.queue();
    start_pumps(&mut child, queue, &tell)?;
    let process = Arc::new(Mutex::new(Some(Pid::from_raw(child.id().cast_signed()))));
    forward(caught, &process, queue, &tell)?;
    thread::Builder::new().name("wait".into()).spawn(move || {
        let ended = wait(child, &process).unwrap_or(Ended::Status(u8::MAX));
        let _ = tell.send(News::Ended(ended));
    })?;
    let ended = until_over(&news, queue);
    Ok((ended, recorder.finish(DISK_WAIT)))
}

/// Starts the pumps of the three pipes.
fn start_pumps(child: &mut Child, queue: &Arc<Queue>, tell: &Sender<News>) -> io::Result<()> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(to_server), Some(output), Some(error)) = pipes else {
        return Err(io::Error::other("the server has no pipes"));
    };
    let file = |fd: OwnedFd| File::from(fd);
    let (mut from, mut to) = (copy(io::stdin())?, file(to_server.into()));
    let events = Arc::clone(queue);
    thread::Builder::new().name("input".into()).spawn(move || {
        match pump(&mut from, &mut to, |step| record(&events, Side::Client, step)) {
            Stopped::Eof => events.push(Event::Closed(Side::Client)),
            Stopped::NoReader => {
                events.push(Event::Remark("the server closed its standard input".to_owned()));
                // The client gets the same error that it would get from the server.
                drop(from);
                close(|null| unistd::dup2_stdin(null));
            }
        }
    })?;
    let (mut from, mut to) = (file(output.into()), copy(io::stdout())?);
    let (events, over) = (Arc::clone(queue), tell.clone());
    thread::Builder::new().name("output".into()).spawn(move || {
        if pump(&mut from, &mut to, |step| record(&events, Side::Server, step)) == Stopped::NoReader {
            // So does the server: its next write has no reader.
            events.push(Event::Reset(Side::Client));
        }
        drop(from);
        drop(to);
        close(|null| unistd::dup2_stdout(null));
        let _ = over.send(News::OutputOver);
    })?;
    let (mut from, mut to) = (file(error.into()), copy(io::stderr())?);
    let (events, over) = (Arc::clone(queue), tell.clone());
    thread::Builder::new().name("error".into()).spawn(move || {
        pump(&mut from, &mut to, |step| {
            if let Passing::Read(bytes) = step {
                events.push(Event::Error(bytes.to_vec()));
            }
        });
        let _ = over.send(News::ErrorOver);
    })?;
    Ok(())
}

fn record(queue: &Queue, side: Side, step: Passing<'_>) {
    match step {
        Passing::Read(bytes) => queue.data(side, bytes),
        Passing::Written(len) => queue.taken(side, len),
    }
}

/// A standard file without a buffer.
fn copy(file: impl AsFd) -> io::Result<File> {
    file.as_fd().try_clone_to_owned().map(File::from)
}

/// Closes a standard file for whoever is at its other end: `replace` puts `/dev/null` in its place.
fn close(replace: impl FnOnce(&File) -> nix::Result<()>) {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        // It stays open then, and the other end does not learn of it before this process ends.
        let _ = replace(&null);
    }
}

/// Forwards signals until the process ends. Those of the terminal went to the server already: it is
/// in the same process group.
fn forward(
    mut caught: SignalsInfo<WithOrigin>,
    process: &Arc<Mutex<Option<Pid>>>,
    queue: &Arc<Queue>,
    tell: &Sender<News>,
) -> io::Result<()> {
    let (process, events, tell) = (Arc::clone(process), Arc::clone(queue), tell.clone());
    thread::Builder::new().name("signals".into()).spawn(move || {
        for origin in &mut caught {
            let name = name_of(origin.signal);
            let is_of_terminal = origin.cause == Cause::Kernel;
            let process = process.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(process), false, Ok(signal)) =
                (*process, is_of_terminal, Signal::try_from(origin.signal))
            {
                // It may have ended just now.
                let _ = kill(process, signal);
            }
            drop(process);
            events.push(Event::Remark(format!("{name} for the server")));
            let _ = tell.send(News::Signalled);
        }
    })?;
    Ok(())
}

/// Waits for the end of the server. Its process id is not used any more once it may be given to
/// another process.
fn wait(mut child: Child, process: &Mutex<Option<Pid>>) -> io::Result<Ended> {
    let forget = || *process.lock().unwrap_or_else(PoisonError::into_inner) = None;
    #[cfg(target_os = "linux")]
    {
        await_end(&child);
        forget();
        child.wait().map(Ended::of)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let ended = child.wait().map(Ended::of);
        forget();
        ended
    }
}

/// Waits for the end of a child, which keeps its process id.
#[cfg(target_os = "linux")]
fn await_end(child: &Child) {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    let id = Pid::from_raw(child.id().cast_signed());
    while let Err(nix::Error::EINTR) = waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {}
}

/// Waits until the server and its output are over, and records how they ended.
fn until_over(news: &Receiver<News>, queue: &Queue) -> Ended {
    let (mut ended, mut is_output_over, mut is_error_over, mut is_signalled) = (None, false, false, false);
    let mut is_closed = false;
    loop {
        let most = match (ended, is_output_over) {
            (None, true) if !is_closed => Some(EXIT_WAIT),
            (Some(_), false) if is_signalled => Some(OUTPUT_WAIT),
            (Some(_), true) => Some(OUTPUT_WAIT),
            _ => None,
        };
        let next = match most {
            Some(most) => news.recv_timeout(most).ok(),
            None => news.recv().ok(),
        };
        match next {
            Some(News::Ended(how)) => ended = Some(how),
            Some(News::OutputOver) => is_output_over = true,
            Some(News::ErrorOver) => is_error_over = true,
            Some(News::Signalled) => is_signalled = true,
            None => {}
        }
        let is_timeout = next.is_none();
        if is_output_over && !is_closed && (ended.is_some() || is_timeout) {
            is_closed = true;
            let is_killed = matches!(ended, Some(Ended::Signal(_)));
            queue.push(if is_killed { Event::Reset(Side::Server) } else { Event::Closed(Side::Server) });
        }
        if let Some(ended) = ended
            && (is_timeout || (is_output_over && is_error_over))
        {
            queue.push(Event::Remark(ended.describe()));
            queue.push(Event::Closed(Side::Server));
            queue.push(Event::Closed(Side::Client));
            return ended;
        }
    }
}
