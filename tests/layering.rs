//! The walls of the house (ARCHITECTURE.md): who may import whom, and what no file may hold.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::none;
use crate::support::source::{self, code_of};
use mcpdump::base::Code;
use regex::Regex;

/// A room, what it may see whole, and the rooms of which it may see the vocabulary: what `mod.rs` holds.
///
/// `http` reads what `tls` opens and what `tcp` hands on in plaintext: both are the room before it.
const ROOMS: [(&str, &[&str], &[&str]); 16] = [
    ("base", &[], &[]),
    ("capture", &["base"], &[]),
    ("link", &["base"], &["capture"]),
    ("tcp", &["base"], &["link"]),
    ("tls", &["base"], &["tcp"]),
    ("http", &["base"], &["tls", "tcp"]),
    ("rpc", &["base"], &["http"]),
    ("mcp", &["base"], &["rpc"]),
    ("ledger", &["base"], &["mcp"]),
    ("engine", &["base", "capture", "link", "tcp", "tls", "http", "rpc", "mcp", "ledger"], &[]),
    ("report", &["base", "ledger"], &[]),
    ("export", &["base", "ledger"], &[]),
    ("tui", &["base", "ledger"], &[]),
    ("serve", &["base"], &[]),
    ("traffic", &["base"], &[]),
    (
        "cli",
        &[
            "base", "capture", "link", "tcp", "tls", "http", "rpc", "mcp", "ledger", "engine", "report",
            "export", "tui", "serve", "traffic",
        ],
        &[],
    ),
];

/// Lines that a file may have (style: 100 to 300 are a good size).
const MAX_LINES: usize = 600;

/// Files that are longer, with the reason.
const LONGER: [(&str, &str); 0] = [];

/// A source file: where it is in `src`, as text, and as code without comments, text literals and tests.
struct File {
    path: String,
    text: String,
    code: String,
}

/// Every source file, in the order of their paths.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        File { path: name, code: code_of(&text), text }
    };
    paths.iter().map(read).collect()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Files that hold nothing but tests: `#[cfg(test)] mod tests;` in a file of its own.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The room of a file; `None` for `lib.rs` and `main.rs`, which are no room.
fn room_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    (first != path || !["lib.rs", "main.rs"].contains(&path)).then(|| first.trim_end_matches(".rs"))
}

/// The modules that a room's `mod.rs` has: what lies in them is not its vocabulary.
fn modules_of(room: &str, files: &[File]) -> Vec<String> {
    let of_room = files.iter().filter_map(|file| file.path.strip_prefix(room)?.strip_prefix('/'));
    let mut modules: Vec<String> = of_room
        .map(|rest| rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs").to_owned())
        .collect();
    modules.sort();
    modules.dedup();
    modules
}

/// What breaks the import order in one file: the path, and why.
fn breaches(file: &str, code: &str, modules: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let Some(room) = room_of(file) else {
        return Vec::new();
    };
    let Some((_, whole, vocabulary)) = ROOMS.iter().find(|(name, ..)| *name == room) else {
        return vec![format!("{file}: {room} is no room of the house")];
    };
    let mut breaches = Vec::new();
    for path in source::crate_paths(file, code) {
        let shown = path.join("::");
        let Some(other) = path.first().filter(|other| *other != room) else {
            continue;
        };
        if whole.contains(&other.as_str()) {
            continue;
        }
        if !vocabulary.contains(&other.as_str()) {
            breaches.push(format!("{file}: {room} may not see {shown}"));
        } else if path.get(1).is_none_or(|item| item == "*" || modules(other).contains(item)) {
            breaches
                .push(format!("{file}: {room} may see the vocabulary of {other} (its mod.rs), not {shown}"));
        }
    }
    breaches
}

#[test]
fn rooms_import_the_room_before_and_no_other() {
    let files = files();
    let modules = |room: &str| modules_of(room, &files);
    let shipped = files.iter().filter(|file| !is_test(&file.path));
    let problems: Vec<_> = shipped.flat_map(|file| breaches(&file.path, &file.code, &modules)).collect();
    none(&problems);
}

#[test]
fn breaches_are_seen() {
    let modules = |room: &str| match room {
        "tcp" => vec!["reassembly".to_owned()],
        _ => Vec::new(),
    };
    let seen = |file: &str, code: &str| breaches(file, &code_of(code), &modules).len();
    assert_eq!(seen("http/h1/head.rs", "use crate::base::{self, Span};\nuse crate::tcp::Feed;"), 0);
    assert_eq!(seen("http/h1/head.rs", "use crate::tcp::reassembly::Half;"), 1);
    assert_eq!(seen("http/h1/head.rs", "use crate::tcp;"), 1, "the whole room is more than its vocabulary");
    assert_eq!(seen("http/h1/head.rs", "use crate::{base::{Span, Code}, link::Segment, mcp};"), 2);
    assert_eq!(
        seen("http/h1/head.rs", "use crate::{\n    base,\n    tcp::{Feed, reassembly::{Half, Hole}},\n};"),
        2
    );
    assert_eq!(seen("http/h1/head.rs", "fn f() -> crate::rpc::Id { crate::rpc::Id::Null }"), 2);
    assert_eq!(seen("http/h1/head.rs", "use super::super::super::mcp::Record;"), 1);
    assert_eq!(seen("http/h1/head.rs", "use super::super::sse::Event;\nuse super::Head;"), 0);
    assert_eq!(seen("http/mod.rs", "use super::mcp::Record;"), 1);
    assert_eq!(
        seen("http/mod.rs", "// use crate::mcp;\n/* use crate::mcp; */ const A: &str = \"crate::mcp::X\";"),
        0
    );
    assert_eq!(
        seen(
            "http/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::mcp::Record; fn f() {} }\nuse crate::link::A;"
        ),
        1
    );
    assert_eq!(seen("http/mod.rs", "pub(crate) fn f() {}\npub(in crate::http) fn g() {}"), 0);
    assert_eq!(seen("base/mod.rs", "use crate::tcp::Feed;"), 1);
    assert_eq!(seen("report/text.rs", "use crate::ledger::stats::Table;\nuse crate::base::Code;"), 0);
    assert_eq!(seen("report/text.rs", "use crate::mcp::Record;"), 1);
    assert_eq!(seen("engine/mod.rs", "use crate::tcp::reassembly::Half;\nuse crate::export::jsonl;"), 1);
    assert_eq!(seen("cli/report.rs", "use crate::{export::jsonl, engine::Engine};"), 0);
    assert_eq!(seen("attic/mod.rs", "use crate::base::Code;"), 1);
    assert_eq!(seen("lib.rs", "pub mod base;"), 0);
}

#[test]
fn no_file_is_too_long() {
    let length = |file: &File| file.text.lines().count();
    let files = files();
    let long = files.iter().filter(|file| length(file) > MAX_LINES);
    let problems: Vec<_> = long
        .filter(|file| LONGER.iter().all(|(path, _)| *path != file.path))
        .map(|file| format!("{}: {} lines, {MAX_LINES} at most", file.path, length(file)))
        .collect();
    none(&problems);
    for (path, reason) in LONGER {
        let file = files.iter().find(|file| file.path == path);
        assert!(file.is_some_and(|file| length(file) > MAX_LINES), "{path} is no longer long: {reason}");
    }
}

#[test]
fn nothing_is_left_undone_or_unsafe() {
    let banned = Regex::new(r"\b(unsafe\b|todo!|unimplemented!|dbg!)").unwrap();
    let mut problems = Vec::new();
    for file in files() {
        let found = banned.find_iter(&file.code).map(|found| format!("{}: {}", file.path, found.as_str()));
        problems.extend(found);
        if file.text.contains("allow(clippy") || file.text.contains("allow(dead_code") {
            problems.push(format!("{}: suppressions are #[expect(…, reason = …)]", file.path));
        }
    }
    none(&problems);
}

/// A code that nothing produces is a promise that nobody keeps.
#[test]
fn every_code_is_produced() {
    let files = files();
    let makers: Vec<_> =
        files.iter().filter(|file| file.path != "base/code.rs" && !is_test(&file.path)).collect();
    let is_produced = |name: &str| {
        let used = Regex::new(&format!(r"\bCode::{name}\b")).unwrap();
        makers.iter().any(|file| used.is_match(&file.code))
    };
    let codes = Code::all().iter().map(|info| (format!("{:?}", info.code), info.name));
    let problems: Vec<_> = codes
        .filter(|(variant, _)| !is_produced(variant))
        .map(|(variant, name)| format!("{name} (Code::{variant}) is produced nowhere"))
        .collect();
    none(&problems);
}

#[test]
fn every_limit_is_used() {
    let files = files();
    let limits = files.iter().find(|file| file.path == "base/limits.rs").unwrap();
    let declared = Regex::new(r"pub const ([A-Z0-9_]+):").unwrap();
    let is_used = |name: &str| {
        let used = Regex::new(&format!(r"\b{name}\b")).unwrap();
        let others = files.iter().filter(|file| file.path != "base/limits.rs" && !is_test(&file.path));
        // One limit may be made of another.
        others.into_iter().any(|file| used.is_match(&file.code)) || used.find_iter(&limits.code).count() > 1
    };
    let names = declared.captures_iter(&limits.code).map(|found| found[1].to_owned());
    let problems: Vec<_> =
        names.filter(|name| !is_used(name)).map(|name| format!("limits::{name} limits nothing")).collect();
    none(&problems);
}

/// Modules are `room/mod.rs`, and every room that stands is known here.
#[test]
fn every_room_is_in_the_plan() {
    let files = files();
    let lib = files.iter().find(|file| file.path == "lib.rs").unwrap();
    let declared = Regex::new(r"pub mod ([a-z0-9_]+);").unwrap();
    for found in declared.captures_iter(&lib.code) {
        assert!(ROOMS.iter().any(|(room, ..)| *room == &found[1]), "{} is no room of the house", &found[1]);
    }
}
