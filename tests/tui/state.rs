//! State outside the program: the filter history, the clipboard, the terminal, the saved packets.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use mcpdump::ledger::query::Filter;
use mcpdump::tui::{App, Config, Effect, Event, Model, Source, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::support::corpus;
use crate::support::program::mcpdump;
use crate::support::tmux::Tmux;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcpdump");

fn program(capture: &str) -> String {
    format!("XDG_CONFIG_HOME=/nonexistent {PROGRAM} {}", corpus::directory().join(capture).display())
}

fn app() -> App {
    App::new(Model::new(Source::saved("test"), 1 << 20), Config::default())
}

fn press(app: &mut App, keys: &[KeyCode]) -> Vec<Effect> {
    let events = keys.iter().map(|key| Event::Key(KeyEvent::new(*key, KeyModifiers::NONE)));
    events.flat_map(|event| app.handle(event)).collect()
}

fn type_in(app: &mut App, text: &str) {
    text.chars().for_each(|c| drop(press(app, &[KeyCode::Char(c)])));
}

fn ctrl(app: &mut App, key: char) -> Vec<Effect> {
    app.handle(Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL)))
}

/// The screen line with this number; -1 is the last.
fn line(app: &App, number: isize) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| drop(draw(app, frame))).unwrap();
    let cells = terminal.backend().buffer();
    let start = usize::try_from(number.rem_euclid(24)).unwrap() * 80;
    cells.content()[start..start + 80]
        .iter()
        .map(|cell| cell.symbol())
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// What is wrong comes first; a filter that was asked for leads to what it finds, and back.
#[test]
fn a_saved_capture_opens_on_the_overview() {
    let is_overview = |app: &App| line(app, 2).contains("0 exchanges");
    let mut app = app();
    assert!(is_overview(&app), "{}", line(&app, 2));
    press(&mut app, &[KeyCode::Char('/')]);
    type_in(&mut app, "dur>1s");
    press(&mut app, &[KeyCode::Enter]);
    assert!(!is_overview(&app));
    press(&mut app, &[KeyCode::Esc]);
    assert!(is_overview(&app));
    let with_filter = self::app().with_filter(Filter::parse("dur>1s").unwrap());
    assert!(!is_overview(&with_filter));
    let live = Source { is_live: true, ..Source::saved("lo") };
    assert!(!is_overview(&App::new(Model::new(live, 1 << 20), Config::default())));
}

#[test]
fn applied_filters_are_remembered_and_no_others() {
    let mut app = app().with_history(vec!["older".to_owned(), "old".to_owned()]);
    press(&mut app, &[KeyCode::Char('/')]);
    type_in(&mut app, "dur>>");
    assert_eq!(press(&mut app, &[KeyCode::Enter]), [Effect::Bell]);
    press(&mut app, &[KeyCode::Esc, KeyCode::Char('/')]);
    type_in(&mut app, "dur>1s");
    assert_eq!(press(&mut app, &[KeyCode::Enter]), [Effect::SaveFilter("dur>1s".to_owned())]);
    press(&mut app, &[KeyCode::Char('/')]);
    assert_eq!(press(&mut app, &[KeyCode::Enter]), [], "it is the newest already");
    press(&mut app, &[KeyCode::Char('/'), KeyCode::Up, KeyCode::Up]);
    assert_eq!(line(&app, 1), "/ filter old");
    assert_eq!(press(&mut app, &[KeyCode::Enter]), [Effect::SaveFilter("old".to_owned())]);
    press(&mut app, &[KeyCode::Char('/'), KeyCode::Up, KeyCode::Up, KeyCode::Up]);
    assert_eq!(line(&app, 1), "/ filter older", "each once: old is the newest now");
}

#[test]
fn the_filter_of_the_command_line_can_be_recalled() {
    let mut app = app().with_history(vec!["old".to_owned()]).with_filter(Filter::parse("dur>1s").unwrap());
    press(&mut app, &[KeyCode::Char('/')]);
    ctrl(&mut app, 'u');
    press(&mut app, &[KeyCode::Up]);
    assert_eq!(line(&app, 1), "/ filter dur>1s");
    press(&mut app, &[KeyCode::Up]);
    assert_eq!(line(&app, 1), "/ filter old");
}

#[test]
fn searches_and_filters_have_histories_of_their_own() {
    let mut screen = super::screen::Screen::of(super::SSE, 80, 24);
    screen.press(&["/", "'status:ok'", "enter", "enter", "right"]);
    screen.press(&["ctrl-f", "'proto'", "enter", "ctrl-f", "ctrl-u", "up"]);
    let text = screen.text();
    assert!(text.lines().last().unwrap().starts_with("search proto"), "{text}");
    screen.press(&["up", "up"]);
    let text = screen.text();
    assert!(text.lines().last().unwrap().starts_with("search proto"), "no filter: {text}");
    screen.press(&["esc", "esc", "/", "ctrl-u", "up", "up"]);
    let text = screen.text();
    assert!(text.lines().nth(1).unwrap().starts_with("/ filter status:ok"), "no search: {text}");
}

#[test]
fn ctrl_z_works_in_every_mode() {
    let mut app = app();
    assert_eq!(ctrl(&mut app, 'z'), [Effect::Suspend]);
    press(&mut app, &[KeyCode::Char('/')]);
    assert_eq!(ctrl(&mut app, 'z'), [Effect::Suspend]);
    assert_eq!(app.handle(Event::Resumed), [Effect::RetakeTerminal]);
}

#[test]
fn the_filter_history_survives_a_restart() {
    let Some(tmux) = Tmux::new("history") else { return };
    for (keys, shown) in [("status:tool_error", "3 of 32"), ("method:initialize", "5 of 32")] {
        tmux.shell(&program(super::SSE));
        tmux.show_exchanges();
        tmux.keys(&["/"]);
        tmux.keys(&["-l", keys]);
        tmux.wait("enter: apply");
        tmux.keys(&["Enter"]);
        tmux.wait_for(shown, |screen| screen.contains(" of 32") && screen.contains("filter "));
        tmux.keys(&["q"]);
        tmux.is_whole();
        tmux.shell("clear");
    }
    let path = tmux.state.path().join("mcpdump/history");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "status:tool_error\nmethod:initialize\n");
    tmux.shell(&program(super::SSE));
    tmux.show_exchanges();
    tmux.keys(&["/", "Up", "Up"]);
    tmux.wait("/ filter status:tool_error");
    tmux.keys(&["Enter"]);
    tmux.wait("3 of 32");
    tmux.keys(&["q"]);
    tmux.is_whole();
    // In place, which the process may do though it shut itself in.
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "method:initialize\nstatus:tool_error\n");
    // What is there and is no file is said, and is no reason not to start.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    tmux.shell(&format!("clear; {}", program(super::SSE)));
    tmux.wait("cannot save the filter history");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn without_history_no_file_is_written() {
    let Some(tmux) = Tmux::new("forget") else { return };
    let config = tmux.state.path().join("config/mcpdump");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), "history = false\n").unwrap();
    let capture = corpus::directory().join(super::SSE);
    let config = tmux.state.path().join("config");
    tmux.shell(&format!(
        "XDG_CONFIG_HOME={} {PROGRAM} --memory 2MiB {}",
        config.display(),
        capture.display()
    ));
    tmux.show_exchanges();
    tmux.keys(&["/"]);
    tmux.keys(&["-l", "status:tool_error"]);
    tmux.keys(&["Enter"]);
    tmux.wait("3 of 32");
    tmux.keys(&["q"]);
    tmux.is_whole();
    assert!(!tmux.state.path().join("mcpdump").exists());
}

#[test]
fn ctrl_z_returns_to_the_shell_and_fg_to_the_tui() {
    let Some(tmux) = Tmux::new("stop") else { return };
    tmux.shell(&program(super::SSE));
    tmux.show_exchanges();
    tmux.keys(&["/"]);
    tmux.wait("enter: apply");
    tmux.keys(&["C-z"]);
    tmux.is_whole();
    assert!(tmux.run(&["resize-window", "-x", "90", "-y", "20"]).status.success());
    tmux.shell("fg");
    tmux.wait("enter: apply");
    let flags = ["display-message", "-p", "#{alternate_on}#{mouse_any_flag}"];
    tmux.keys(&["Escape"]);
    tmux.wait("f follow");
    tmux.keys(&["Down"]);
    tmux.wait("2 of 32");
    assert_eq!(String::from_utf8_lossy(&tmux.run(&flags).stdout).trim(), "11");
    // In the background the system stops it as soon as it reads from or writes to the terminal.
    tmux.keys(&["C-z"]);
    tmux.is_whole();
    tmux.shell("clear; bg");
    tmux.wait_for("the stopped job", |screen| {
        tmux.shell("clear; jobs");
        screen.contains("(tty ")
    });
    tmux.is_whole();
    tmux.shell("fg");
    tmux.wait("2 of 32");
    // Stopped from outside, without its knowledge; the shell has the terminal meanwhile, as it was
    // left.
    let pid = tmux.child();
    signal(&pid, "STOP");
    tmux.wait_for("the process stands", |_| state(&pid) == Some('T'));
    tmux.wait("ready>");
    tmux.keys(&["-l", "stty sane; clear; fg"]);
    tmux.keys(&["C-j"]);
    tmux.wait("2 of 32");
    tmux.keys(&["Down"]);
    tmux.wait("3 of 32");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn ctrl_z_without_job_control_does_nothing() {
    let Some(tmux) = Tmux::new("orphan") else { return };
    window(&tmux, &format!("exec env {}", program(super::SSE)));
    tmux.show_exchanges();
    tmux.keys(&["C-z"]);
    tmux.keys(&["1"]);
    tmux.wait("Worth a look");
    tmux.keys(&["q"]);
    tmux.wait("ready>");
}

#[test]
fn a_panic_restores_the_terminal() {
    let Some(tmux) = Tmux::new("panic") else { return };
    // The thread that reads panics while the terminal is taken: sooner or later.
    for _ in 0..5 {
        tmux.shell(&format!("clear; MCPDUMP_TEST_PANIC=1 {}", program(super::SSE)));
        tmux.wait("MCPDUMP_TEST_PANIC is set");
        tmux.is_whole();
    }
    // And before that: there is nothing to leave then.
    let sent = tmux.state.path().join("sent");
    record(&tmux, &sent);
    tmux.shell(&format!("clear; MCPDUMP_TEST_PANIC=early {}", program(super::SSE)));
    tmux.wait("MCPDUMP_TEST_PANIC is set");
    tmux.is_whole();
    let read = || std::fs::read_to_string(&sent).unwrap_or_default();
    tmux.wait_for("what was sent", |_| read().contains("whole-0"));
    let sent = read();
    assert!(sent.contains("MCPDUMP_TEST_PANIC is set") && !sent.contains("\u{1b}[?1049"), "{sent:?}");
}

#[test]
fn a_closed_window_ends_the_program_and_files_are_complete() {
    let Some(tmux) = Tmux::new("closed") else { return };
    let folder = tmux.state.path().to_owned();
    let capture = corpus::directory().join(super::SSE);
    // As nohup has it, so that nothing but the terminal itself tells, and without.
    for (name, trap) in [("ignored", "trap '' HUP;"), ("told", "")] {
        let (kept, pid) = (folder.join(format!("{name}.pcapng")), folder.join(format!("{name}.pid")));
        let fifo = folder.join(format!("{name}.fifo"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // Held open, so that the capture does not end by itself.
        let held = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
        let run =
            format!("XDG_CONFIG_HOME=/nonexistent exec {PROGRAM} -w {} {}", kept.display(), fifo.display());
        window(&tmux, &format!("{trap} echo $$ > {}; {run}", pid.display()));
        std::io::Write::write_all(&mut &held, &std::fs::read(&capture).unwrap()).unwrap();
        tmux.wait("32 of 32");
        let id = std::fs::read_to_string(&pid).unwrap().trim().to_owned();
        assert!(tmux.run(&["kill-pane"]).status.success());
        tmux.wait_for("the end of the program", |_| state(&id).is_none_or(|state| state == 'Z'));
        drop(held);
        let list = run_with(&["list", &kept.display().to_string()]);
        let listed = String::from_utf8_lossy(&list.stdout);
        assert!(list.status.success() && listed.lines().count() >= 32, "{name}: {listed} {list:?}");
        assert!(list.stderr.is_empty(), "{name}: {list:?}");
    }
}

/// An idle program draws nothing: only the terminal itself shows that it was closed.
#[test]
fn a_closed_window_ends_an_idle_program() {
    let Some(tmux) = Tmux::new("idle") else { return };
    let pid = tmux.state.path().join("pid");
    // Its shell stays between, so that no signal comes either: the system tells the first process
    // of a terminal.
    let run = format!("echo $$ > {}; exec env {}", pid.display(), program(super::SSE));
    window(&tmux, &format!("trap '' HUP; sh -c '{run}'; true"));
    tmux.show_exchanges();
    let id = std::fs::read_to_string(&pid).unwrap().trim().to_owned();
    assert!(tmux.run(&["kill-pane"]).status.success());
    tmux.wait_for("the end of the program", |_| state(&id).is_none_or(|state| state == 'Z'));
}

#[test]
fn the_memory_is_an_option_of_the_tui_alone() {
    let capture = corpus::directory().join(super::SSE).display().to_string();
    for (arguments, said) in [
        (&["--memory", "64MiB", &capture][..], "no terminal"),
        #[cfg(feature = "demo")]
        (&["demo", "--memory", "64MiB", "--for", "1s"], "no terminal"),
        #[cfg(feature = "demo")]
        (&["report", "--memory", "64MiB", &capture], "--memory is an option of the TUI, mcp and demo"),
        (&["--memory", "64MiB", "report", &capture], "files and options go after the command"),
        (&["--memory", "12kB", &capture], "must be between 1MiB and 1TiB"),
        (&["--memory", "a lot", &capture], "does not start with a number"),
    ] {
        let output = run_with(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn copy_fills_the_x11_clipboard() {
    let Some(tmux) = Tmux::new("clipboard") else { return };
    let Some(server) = XServer::start(tmux.state.path()) else { return };
    tmux.shell(&format!("{} {}", server.variables(), program(super::SSE)));
    tmux.show_exchanges();
    tmux.keys(&["y"]);
    tmux.wait("Wireshark filter");
    tmux.keys(&["w"]);
    tmux.wait("and the local clipboard");
    let copied = server.run("xclip -o -selection clipboard");
    assert!(String::from_utf8_lossy(&copied.stdout).starts_with("(tcp.stream == "), "{copied:?}");
    tmux.keys(&["q"]);
    tmux.is_whole();
    // Without the cookie, and without the wish.
    tmux.shell(&format!("clear; {} XAUTHORITY=/dev/null {}", server.variables(), program(super::SSE)));
    tmux.show_exchanges();
    tmux.keys(&["y"]);
    tmux.wait("Wireshark filter");
    tmux.keys(&["w"]);
    tmux.wait("to the terminal (OSC 52; tmux needs set-clipboard on)");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

#[test]
fn copy_fills_the_clipboard_of_the_terminal() {
    let Some(tmux) = Tmux::new("osc52") else { return };
    // Its default takes nothing from programs, which the footer names.
    assert!(tmux.run(&["set", "-s", "set-clipboard", "on"]).status.success());
    tmux.shell(&program(super::SSE));
    tmux.show_exchanges();
    tmux.keys(&["y"]);
    tmux.wait("Wireshark filter");
    tmux.keys(&["w"]);
    tmux.wait("to the terminal (OSC 52; tmux needs set-clipboard on)");
    let copied = tmux.run(&["show-buffer"]);
    assert!(String::from_utf8_lossy(&copied.stdout).starts_with("(tcp.stream == "), "{copied:?}");
    tmux.keys(&["q"]);
    tmux.is_whole();
}

/// An X11 server that requires a cookie.
struct XServer {
    process: Child,
    display: String,
    authority: String,
}

impl XServer {
    /// Starts the server, or prints why not and returns `None`.
    fn start(folder: &Path) -> Option<Self> {
        let there = ["Xvfb", "xclip", "xauth", "mcookie"]
            .iter()
            .all(|tool| Command::new("which").arg(tool).output().is_ok_and(|output| output.status.success()));
        if !there {
            eprintln!("skipped: there is no Xvfb, xclip, xauth or mcookie");
            return None;
        }
        let authority = folder.join("authority").display().to_string();
        // The server chooses the display: the cookie is for whatever it chooses, so it is added
        // under each.
        let cookie = Command::new("mcookie").output().unwrap().stdout;
        let cookie = String::from_utf8_lossy(&cookie).trim().to_owned();
        let add = |display: &str| {
            let mut command = Command::new("xauth");
            command.args(["-q", "-f", &authority, "add", display, ".", &cookie]).stderr(Stdio::null());
            assert!(command.status().unwrap().success());
        };
        add(":0");
        let numbers = folder.join("display");
        let xvfb = format!("exec Xvfb -displayfd 3 -nolisten tcp -auth {authority} 3> {}", numbers.display());
        let mut command = Command::new("sh");
        let process =
            command.args(["-c", &xvfb]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, display: String::new(), authority: authority.clone() };
        let began = crate::support::tmux::now();
        while server.display.is_empty() {
            assert!(began.elapsed() < crate::support::tmux::PATIENCE, "Xvfb names no display");
            assert!(server.process.try_wait().unwrap().is_none(), "Xvfb ended");
            let text = std::fs::read_to_string(&numbers).unwrap_or_default();
            let number = text.strip_suffix('\n').unwrap_or_default();
            server.display = if number.is_empty() { String::new() } else { format!(":{number}") };
            std::thread::yield_now();
        }
        add(&server.display);
        Some(server)
    }

    fn variables(&self) -> String {
        format!("DISPLAY={} XAUTHORITY={}", self.display, self.authority)
    }

    fn run(&self, command: &str) -> Output {
        Command::new("sh").args(["-c", &format!("{} {command}", self.variables())]).output().unwrap()
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Opens a window with a command in it.
fn window(tmux: &Tmux, command: &str) {
    let state = format!("XDG_STATE_HOME={}", tmux.state.path().display());
    assert!(tmux.run(&["new-window", "-e", &state, command]).status.success());
}

/// Writes everything that programs send to the terminal into a file too.
fn record(tmux: &Tmux, path: &Path) {
    assert!(tmux.run(&["pipe-pane", &format!("cat >> '{}'", path.display())]).status.success());
}

/// Runs the program without a terminal.
fn run_with(arguments: &[&str]) -> Output {
    mcpdump().args(arguments).output().unwrap()
}

fn signal(pid: &str, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), pid]).status().unwrap().success());
}

/// The state of a process (proc(5)), or `None` if it has ended.
fn state(pid: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}
