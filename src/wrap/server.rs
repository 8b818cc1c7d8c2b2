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

use super::pump::{Passing, Progress, Stopped, pump};
use super::queue::{Event, Queue};
use super::recorder::Recorder;
use crate::base::Side;

/// How long a server whose standard output ended may take to end as well: then both are one event.
const EXIT_WAIT: Duration = Duration::from_millis(100);

/// How long output is waited for that a process holds open that outlives the server: after the
/// server's end for standard error, after a signal for standard output, too. Bytes that the server
/// wrote and the client has not read yet are waited for without a limit.
const OUTPUT_WAIT: Duration = Duration::from_secs(1);

/// After a signal that asks to end: how many times [`OUTPUT_WAIT`] may pass in which the client
/// reads nothing.
const STALLED_WAITS: u32 = 5;

/// What can be in the pipes of standard output and standard error, and in the pumps, in bytes: a
/// pipe has at most 1 MiB (pipe(7), `pipe-max-size`). If the client reads more after the server's
/// end, another process writes.
const MAX_IN_PIPES: u64 = 4 << 20;

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

/// What a thread reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// The server ended.
    Ended(Ended),
    /// Nothing more comes from its standard output.
    OutputOver,
    /// Nothing more comes from its standard error.
    ErrorOver,
    /// A signal that asks to end came.
    Signalled,
}

/// The pumps of standard output and standard error.
#[derive(Clone, Debug, Default)]
struct Outputs([Arc<Progress>; 2]);

impl Outputs {
    fn is_idle(&self) -> bool {
        self.0.iter().all(|pump| pump.is_idle())
    }

    /// Returns the number of bytes that the client took.
    fn written(&self) -> u64 {
        self.0.iter().map(|pump| pump.written()).sum()
    }
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
    let (report, news) = mpsc::channel();
    let (queue, outputs) = (recorder.queue(), Outputs::default());
    start_pumps(&mut child, queue, (&report, &outputs))?;
    let process = Arc::new(Mutex::new(Some(Pid::from_raw(child.id().cast_signed()))));
    forward(caught, &process, queue, &report)?;
    thread::Builder::new().name("wait".into()).spawn(move || {
        let ended = wait(child, &process).unwrap_or(Ended::Status(u8::MAX));
        let _ = report.send(News::Ended(ended));
    })?;
    let ended = until_over(&news, queue, &outputs);
    Ok((ended, recorder.finish(DISK_WAIT)))
}

/// Starts the pumps of the three pipes.
fn start_pumps(
    child: &mut Child,
    queue: &Arc<Queue>,
    (report, Outputs([output_progress, error_progress])): (&Sender<News>, &Outputs),
) -> io::Result<()> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(to_server), Some(output), Some(error)) = pipes else {
        return Err(io::Error::other("the server has no pipes"));
    };
    let file = |fd: OwnedFd| File::from(fd);
    let (mut from, mut to) = (copy(io::stdin())?, file(to_server.into()));
    let events = Arc::clone(queue);
    thread::Builder::new().name("input".into()).spawn(move || {
        let progress = Progress::default();
        match pump((&mut from, &mut to), &progress, |step| record(&events, Side::Client, step)) {
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
    let (events, over, progress) = (Arc::clone(queue), report.clone(), Arc::clone(output_progress));
    thread::Builder::new().name("output".into()).spawn(move || {
        let stopped = pump((&mut from, &mut to), &progress, |step| record(&events, Side::Server, step));
        if stopped == Stopped::NoReader {
            // The server's next write has no reader, either.
            events.push(Event::NoReader);
        }
        drop(from);
        drop(to);
        close(|null| unistd::dup2_stdout(null));
        let _ = over.send(News::OutputOver);
    })?;
    let (mut from, mut to) = (file(error.into()), copy(io::stderr())?);
    let (events, over, progress) = (Arc::clone(queue), report.clone(), Arc::clone(error_progress));
    thread::Builder::new().name("error".into()).spawn(move || {
        pump((&mut from, &mut to), &progress, |step| {
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

/// Closes a standard file for the process at its other end: `replace` puts `/dev/null` in its
/// place.
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
    report: &Sender<News>,
) -> io::Result<()> {
    let (process, events, report) = (Arc::clone(process), Arc::clone(queue), report.clone());
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
            if asks_to_end(origin.signal) {
                let _ = report.send(News::Signalled);
            }
        }
    })?;
    Ok(())
}

/// Whether a signal asks a server to end: the others have a meaning of the server's own.
fn asks_to_end(signal: i32) -> bool {
    use signal_hook::consts::{SIGUSR1, SIGUSR2};

    ![SIGUSR1, SIGUSR2].contains(&signal)
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
fn until_over(news: &Receiver<News>, queue: &Queue, outputs: &Outputs) -> Ended {
    let mut ending = Ending::default();
    loop {
        let next = match ending.most() {
            Some(most) => news.recv_timeout(most).ok(),
            None => news.recv().ok(),
        };
        if let Some(ended) = ending.step(next, queue, outputs) {
            return ended;
        }
    }
}

/// What has ended.
#[derive(Debug, Default)]
struct Ending {
    ended: Option<Ended>,
    is_output_over: bool,
    is_error_over: bool,
    is_signalled: bool,
    /// Whether the end of standard output is recorded.
    is_closed: bool,
    /// What the client had read when the server ended, in bytes.
    at_end: u64,
    /// What the client had read when it was waited for last, in bytes.
    written: u64,
    /// Waits since in which the client read nothing.
    stalled: u32,
}

impl Ending {
    /// Returns how long the next report is waited for; `None` if there is no limit.
    fn most(&self) -> Option<Duration> {
        match (self.ended, self.is_output_over) {
            (None, true) if !self.is_closed => Some(EXIT_WAIT),
            (Some(_), false) if self.is_signalled => Some(OUTPUT_WAIT),
            (Some(_), true) => Some(OUTPUT_WAIT),
            _ => None,
        }
    }

    /// Takes the next report, `None` if none came in time, and records what ended. Returns how the
    /// server ended once everything is over.
    fn step(&mut self, next: Option<News>, queue: &Queue, outputs: &Outputs) -> Option<Ended> {
        match next {
            Some(News::Ended(how)) => (self.ended, self.at_end) = (Some(how), outputs.written()),
            Some(News::OutputOver) => self.is_output_over = true,
            Some(News::ErrorOver) => self.is_error_over = true,
            Some(News::Signalled) => self.is_signalled = true,
            None => {}
        }
        let is_timeout = next.is_none();
        if is_timeout && self.ended.is_some() && self.is_read_later(outputs) {
            return None;
        }
        if self.is_output_over && !self.is_closed && (self.ended.is_some() || is_timeout) {
            self.is_closed = true;
            let is_killed = matches!(self.ended, Some(Ended::Signal(_)));
            queue.push(if is_killed { Event::Reset(Side::Server) } else { Event::Closed(Side::Server) });
        }
        let ended = self.ended?;
        if !(is_timeout || (self.is_output_over && self.is_error_over)) {
            return None;
        }
        queue.push(Event::Remark(ended.describe()));
        queue.push(Event::Closed(Side::Server));
        queue.push(Event::Closed(Side::Client));
        Some(ended)
    }

    /// Whether the client may still read what the server wrote.
    fn is_read_later(&mut self, outputs: &Outputs) -> bool {
        let written = outputs.written();
        if outputs.is_idle() || written.saturating_sub(self.at_end) > MAX_IN_PIPES {
            return false;
        }
        self.stalled = if written == self.written { self.stalled + 1 } else { 0 };
        self.written = written;
        !self.is_signalled || self.stalled < STALLED_WAITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: Ended = Ended::Status(3);

    /// Pumps of standard output and standard error that hold bytes or are idle.
    fn outputs(is_idle: [bool; 2]) -> Outputs {
        Outputs(is_idle.map(|is_idle| Arc::new(Progress::of(is_idle, 0))))
    }

    fn steps(ending: &mut Ending, steps: &[Option<News>], outputs: &Outputs) -> Option<Ended> {
        steps.iter().map(|step| ending.step(*step, &Queue::default(), outputs)).last().flatten()
    }

    /// What another process holds open is waited for once.
    #[test]
    fn idle_pipes_are_not_waited_for() {
        let (mut ending, idle) = (Ending::default(), outputs([true; 2]));
        let news = [Some(News::OutputOver), Some(News::Ended(STATUS))];
        assert_eq!(steps(&mut ending, &news, &idle), None);
        assert_eq!(
            (ending.most(), ending.step(None, &Queue::default(), &idle)),
            (Some(OUTPUT_WAIT), Some(STATUS))
        );
        let mut ending = Ending::default();
        let news = [Some(News::ErrorOver), Some(News::Ended(STATUS))];
        assert_eq!((steps(&mut ending, &news, &idle), ending.most()), (None, None));
        assert_eq!(ending.step(Some(News::Signalled), &Queue::default(), &idle), None);
        assert_eq!(
            (ending.most(), ending.step(None, &Queue::default(), &idle)),
            (Some(OUTPUT_WAIT), Some(STATUS))
        );
    }

    /// What the server wrote is waited for, however long its reader pauses.
    #[test]
    fn a_reader_that_pauses_gets_everything() {
        let (mut ending, holding) = (Ending::default(), outputs([true, false]));
        let news = [Some(News::OutputOver), Some(News::Ended(STATUS))];
        assert_eq!(steps(&mut ending, &news, &holding), None);
        assert_eq!(steps(&mut ending, &[None; 100], &holding), None);
        assert_eq!(ending.step(Some(News::ErrorOver), &Queue::default(), &holding), Some(STATUS));
    }

    /// After a signal, a client that reads nothing is waited for for a limited time, and one that
    /// reads until it has everything.
    #[test]
    fn after_a_signal_the_wait_is_limited() {
        let holding = outputs([false, true]);
        let news = [Some(News::Signalled), Some(News::Ended(STATUS))];
        let mut ending = Ending::default();
        assert_eq!(steps(&mut ending, &news, &holding), None);
        assert_eq!(steps(&mut ending, &[None; STALLED_WAITS as usize - 1], &holding), None);
        assert_eq!(ending.step(None, &Queue::default(), &holding), Some(STATUS));
        let mut ending = Ending::default();
        assert_eq!(steps(&mut ending, &news, &holding), None);
        for written in 1..100 {
            let reading = Outputs([Arc::new(Progress::of(false, written)), Arc::default()]);
            assert_eq!(ending.step(None, &Queue::default(), &reading), None);
        }
        // More than the server can have left behind: another process writes.
        let other = Outputs([Arc::new(Progress::of(false, MAX_IN_PIPES + 1)), Arc::default()]);
        assert_eq!(ending.step(None, &Queue::default(), &other), Some(STATUS));
    }

    #[test]
    fn signals_of_a_servers_own_do_not_end_it() {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

        assert!([SIGTERM, SIGINT, SIGHUP, SIGQUIT].into_iter().all(asks_to_end));
        assert!(![SIGUSR1, SIGUSR2].into_iter().any(asks_to_end));
    }
}
