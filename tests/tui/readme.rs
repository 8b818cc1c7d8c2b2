//! Pictures of screens in README and docs/tui.md, rendered from the TUI's cells. `BLESS=1 cargo
//! test documents` updates them.

use std::fs;
use std::path::{Path, PathBuf};

use super::screen::Screen;
use super::svg::svg;

/// A picture: capture, size, and the keys pressed.
struct Shot {
    /// The file name in `docs/screens`.
    name: &'static str,
    capture: &'static str,
    /// The request at which the picture is taken, as `mcpdump demo` shows it; `None` for the end of
    /// the capture.
    until: Option<u64>,
    size: (u16, u16),
    keys: &'static [&'static str],
}

const DEMO: &str = "demo.pcapng.zst";

const SHOTS: &[Shot] = &[
    Shot {
        name: "exchanges",
        capture: DEMO,
        until: None,
        size: (120, 28),
        keys: &["/", "'method:tools/call'", "enter", "home"],
    },
    Shot { name: "overview", capture: DEMO, until: Some(198), size: (120, 30), keys: &["1"] },
    Shot {
        name: "filter",
        capture: DEMO,
        until: None,
        size: (120, 16),
        keys: &["3", "home", "/", "'status:error tool:'", "tab", "tab"],
    },
    Shot {
        name: "timeline",
        capture: DEMO,
        until: None,
        size: (160, 26),
        keys: &["/", "'method:tools/call'", "enter", "home", "down", "down", "enter"],
    },
    Shot { name: "latency", capture: super::MANY, until: None, size: (120, 30), keys: &["4"] },
    Shot { name: "stream", capture: super::LLM, until: None, size: (120, 22), keys: &["5", "enter"] },
    Shot {
        name: "server",
        capture: DEMO,
        until: None,
        size: (160, 28),
        keys: &["8", "enter", "s", "s", "enter"],
    },
];

#[test]
fn screens_in_the_documents_are_current() {
    let blesses = std::env::var_os("BLESS").is_some();
    fs::create_dir_all(directory()).unwrap();
    for shot in SHOTS {
        let path = directory().join(format!("{}.svg", shot.name));
        let picture = picture(shot);
        if blesses {
            fs::write(&path, &picture).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == picture, "{}: run `BLESS=1 cargo test documents`", path.display());
    }
}

/// Every picture is used in a document, with a text alternative.
#[test]
fn every_screen_is_in_a_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "docs/tui.md"].map(|page| fs::read_to_string(root.join(page)).unwrap());
    let mut shown: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.split("screens/").skip(1))
        .map(|rest| rest.split_once(".svg)").expect("a picture").0)
        .collect();
    shown.sort_unstable();
    let mut made: Vec<&str> = SHOTS.iter().map(|shot| shot.name).collect();
    made.sort_unstable();
    assert_eq!(shown, made);
    assert!(pages.iter().all(|page| !page.contains("![]")), "a picture without words");
}

/// No picture is left over.
#[test]
fn every_picture_is_in_a_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents: Vec<_> =
        fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let pages = documents.into_iter().filter(|path| path.is_file()).chain([root.join("README.md")]);
    let text: String = pages.map(|page| fs::read_to_string(page).unwrap()).collect();
    for picture in fs::read_dir(directory()).unwrap() {
        let name = picture.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("screens/{name})")), "no document shows {name}");
    }
}

fn picture(shot: &Shot) -> String {
    let path = format!("captures/{}", shot.capture);
    let (columns, lines) = shot.size;
    let name = if shot.until.is_some() { "lo" } else { &path };
    let mut screen = Screen::named(name, columns, lines);
    match shot.until {
        Some(n) => screen.watch(shot.capture, n),
        None => screen.load(shot.capture),
    }
    screen.press(shot.keys);
    let command =
        if shot.until.is_some() { "sudo mcpdump demo".to_owned() } else { format!("mcpdump {path}") };
    svg(screen.cells(), &command)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens")
}
