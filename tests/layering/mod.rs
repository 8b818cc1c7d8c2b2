//! The structure of the source (ARCHITECTURE.md): which layer imports which, no circle between the
//! files of a module, and what no file contains.

mod circles;
mod source;
mod wording;

use mcpdump::base::Code;
use regex::Regex;

use self::source::{Source, Sources, crate_paths};
use crate::support::assert_no_problems;

/// A layer, the layers that it sees whole, and those of which it sees the vocabulary: the items of
/// their `mod.rs`.
///
/// `http` reads plaintext from `tcp` and, where the connection is encrypted, from `tls`.
const LAYERS: [(&str, &[&str], &[&str]); 30] = [
    ("base", &[], &[]),
    ("capture", &["base"], &[]),
    ("anonymize", &["base"], &["capture"]),
    ("link", &["base"], &["capture"]),
    ("tcp", &["base"], &["link"]),
    ("tls", &["base"], &["tcp"]),
    ("http", &["base"], &["tls", "tcp"]),
    ("rpc", &["base"], &["http"]),
    ("llm", &["base"], &["http"]),
    ("mcp", &["base"], &["rpc"]),
    ("ledger", &["base"], &["mcp", "llm"]),
    ("engine", &["base", "capture", "link", "tcp", "tls", "http", "rpc", "llm", "mcp", "ledger"], &[]),
    ("why", &["base", "ledger"], &[]),
    ("agent", &["base", "ledger"], &[]),
    ("report", &["base", "ledger", "why"], &[]),
    ("check", &["base", "ledger"], &[]),
    ("diff", &["base", "ledger"], &[]),
    ("inventory", &["base", "ledger"], &[]),
    ("security", &["base", "ledger"], &[]),
    ("contents", &["base", "ledger"], &[]),
    ("export", &["base", "ledger"], &[]),
    ("telemetry", &["base", "export"], &[]),
    ("tui", &["base", "ledger", "why"], &[]),
    ("fuzz", &["base", "capture", "link", "tcp", "tls", "http", "rpc", "ledger", "engine", "tui"], &[]),
    ("serve", &["base"], &[]),
    ("traffic", &["base"], &[]),
    ("web", &["base"], &[]),
    ("ask", &["base", "ledger", "why", "report", "check", "diff"], &[]),
    ("wrap", &["base", "capture"], &[]),
    (
        "cli",
        &[
            "base",
            "capture",
            "anonymize",
            "link",
            "tcp",
            "tls",
            "http",
            "rpc",
            "llm",
            "mcp",
            "ledger",
            "engine",
            "why",
            "agent",
            "report",
            "check",
            "diff",
            "inventory",
            "security",
            "contents",
            "export",
            "telemetry",
            "tui",
            "serve",
            "traffic",
            "web",
            "ask",
            "wrap",
        ],
        &[],
    ),
];

/// The most lines of a file; 100 to 300 are a good size.
const MAX_LINES: usize = 600;

/// Files that are longer, with the reason.
const LONG_FILES: [(&str, &str); 1] = [("base/code/table.rs", "a table: one row for each code")];

/// The layer of a file, or `None` for `lib.rs` and `main.rs`.
fn layer_of(path: &str) -> Option<&str> {
    let first = path.split('/').next()?;
    (!["lib.rs", "main.rs"].contains(&path)).then(|| first.trim_end_matches(".rs"))
}

/// The imports of one file that the layers do not allow, each as a message.
fn breaches(path: &str, code: &str, submodules: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let Some(layer) = layer_of(path) else {
        return Vec::new();
    };
    let Some((_, whole, vocabulary)) = LAYERS.iter().find(|(name, ..)| *name == layer) else {
        return vec![format!("{path}: {layer} is not a layer")];
    };
    let mut breaches = Vec::new();
    for import in crate_paths(path, code) {
        let shown = import.join("::");
        let Some(other) = import.first().filter(|other| *other != layer) else {
            continue;
        };
        if whole.contains(&other.as_str()) {
            continue;
        }
        if !vocabulary.contains(&other.as_str()) {
            breaches.push(format!("{path}: {layer} may not import {shown}"));
        } else if import.get(1).is_none_or(|item| item == "*" || submodules(other).contains(item)) {
            breaches.push(format!("{path}: {layer} may import the items of {other}/mod.rs, not {shown}"));
        }
    }
    breaches
}

#[test]
fn a_layer_imports_the_layer_before_it_and_no_other() {
    let sources = Sources::read();
    let submodules = |layer: &str| sources.children(&[layer]);
    let problems: Vec<_> =
        sources.shipped().flat_map(|file| breaches(&file.path, &file.code, &submodules)).collect();
    assert_no_problems(&problems);
}

#[test]
fn an_import_across_layers_is_found_however_it_is_written() {
    let submodules = |layer: &str| match layer {
        "tcp" => vec!["reassembly".to_owned()],
        _ => Vec::new(),
    };
    let count = |path: &str, text: &str| {
        let source = Source::new(path, text);
        breaches(path, &source.code, &submodules).len()
    };
    let head = "http/h1/head.rs";
    assert_eq!(count(head, "use crate::base::{self, Span};\nuse crate::tcp::Feed;"), 0);
    assert_eq!(count(head, "use crate::tcp::reassembly::Half;"), 1);
    assert_eq!(count(head, "use crate::tcp;"), 1, "a whole layer is more than its vocabulary");
    assert_eq!(count(head, "use crate::{base::{Span, Code}, link::Segment, mcp};"), 2);
    assert_eq!(count(head, "use crate::{\n    base,\n    tcp::{Feed, reassembly::{Half, Hole}},\n};"), 2);
    assert_eq!(count(head, "fn f() -> crate::rpc::Id { crate::rpc::Id::Null }"), 2);
    assert_eq!(count(head, "use super::super::super::mcp::Record;"), 1);
    assert_eq!(count(head, "use super::super::sse::Event;\nuse super::Head;"), 0);
    let http = "http/mod.rs";
    assert_eq!(count(http, "use super::mcp::Record;"), 1);
    assert_eq!(
        count(http, "// use crate::mcp;\n/* use crate::mcp; */ const A: &str = \"crate::mcp::X\";"),
        0
    );
    let test = "#[cfg(test)]\nmod tests { use crate::mcp::Record; fn f() {} }\nuse crate::link::A;";
    assert_eq!(count(http, test), 1);
    assert_eq!(count(http, "pub(crate) fn f() {}\npub(in crate::http) fn g() {}"), 0);
    assert_eq!(count("base/mod.rs", "use crate::tcp::Feed;"), 1);
    assert_eq!(count("report/text.rs", "use crate::ledger::stats::Table;\nuse crate::base::Code;"), 0);
    assert_eq!(count("report/text.rs", "use crate::mcp::Record;"), 1);
    assert_eq!(count("engine/mod.rs", "use crate::tcp::reassembly::Half;\nuse crate::export::jsonl;"), 1);
    assert_eq!(count("cli/report.rs", "use crate::{export::jsonl, engine::Engine};"), 0);
    assert_eq!(count("attic/mod.rs", "use crate::base::Code;"), 1);
    assert_eq!(count("lib.rs", "pub mod base;"), 0);
}

#[test]
fn every_module_of_the_crate_is_a_layer() {
    let sources = Sources::read();
    let declared = Regex::new(r"\bmod ([a-z0-9_]+);").unwrap();
    let lib = sources.file("lib.rs");
    let modules = declared.captures_iter(&lib.code).map(|found| found[1].to_owned());
    let problems: Vec<_> = modules
        .filter(|module| LAYERS.iter().all(|(layer, ..)| layer != module))
        .map(|module| format!("{module} is not a layer"))
        .collect();
    assert_no_problems(&problems);
}

#[test]
fn no_file_is_too_long() {
    let sources = Sources::read();
    let length = |file: &Source| file.text.lines().count();
    let problems: Vec<_> = sources
        .all()
        .filter(|file| length(file) > MAX_LINES && LONG_FILES.iter().all(|(path, _)| *path != file.path))
        .map(|file| format!("{}: {} lines, {MAX_LINES} at most", file.path, length(file)))
        .collect();
    assert_no_problems(&problems);
    for (path, reason) in LONG_FILES {
        let is_long = sources.all().any(|file| file.path == path && length(file) > MAX_LINES);
        assert!(is_long, "{path} is no longer long, take it out of LONG_FILES ({reason})");
    }
}

#[test]
fn no_code_is_unsafe_unfinished_or_silences_a_lint() {
    let banned = Regex::new(r"\b(unsafe\b|todo!|unimplemented!|dbg!)").unwrap();
    let mut problems = Vec::new();
    for file in Sources::read().all() {
        let found = banned.find_iter(&file.code).map(|found| format!("{}: {}", file.path, found.as_str()));
        problems.extend(found);
        if file.text.contains("allow(clippy") || file.text.contains("allow(dead_code") {
            problems.push(format!("{}: write #[expect(…, reason = …)] in place of allow", file.path));
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn every_finding_code_is_produced() {
    let sources = Sources::read();
    let producers: Vec<_> = sources.shipped().filter(|file| !file.path.starts_with("base/code/")).collect();
    let is_produced = |name: &str| {
        let used = Regex::new(&format!(r"\bCode::{name}\b")).unwrap();
        producers.iter().any(|file| used.is_match(&file.code))
    };
    let codes = Code::all().iter().map(|info| (format!("{:?}", info.code), info.name));
    let problems: Vec<_> = codes
        .filter(|(variant, _)| !is_produced(variant))
        .map(|(variant, name)| format!("{name} (Code::{variant}) is produced nowhere"))
        .collect();
    assert_no_problems(&problems);
}

#[test]
fn every_limit_is_used() {
    let sources = Sources::read();
    let limits = sources.file("base/limits.rs");
    let declared = Regex::new(r"pub const ([A-Z0-9_]+):").unwrap();
    let is_used = |name: &str| {
        let used = Regex::new(&format!(r"\b{name}\b")).unwrap();
        let mut others = sources.shipped().filter(|file| file.path != "base/limits.rs");
        // A limit may also be part of another limit.
        others.any(|file| used.is_match(&file.code)) || used.find_iter(&limits.code).count() > 1
    };
    let names = declared.captures_iter(&limits.code).map(|found| found[1].to_owned());
    let problems: Vec<_> =
        names.filter(|name| !is_used(name)).map(|name| format!("limits::{name} is not used")).collect();
    assert_no_problems(&problems);
}
