//! How text is written that no compiler checks (CONTRIBUTING.md).

use std::fs;
use std::path::Path;

use super::source::files_below;
use crate::support::assert_no_problems;

/// The longest comment line, in characters.
const COMMENT_WIDTH: usize = 100;

/// The text files that people write, as paths from the root of the repository with their text.
fn written() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<String> = Vec::new();
    for directory in ["src", "tests", "benches", "examples", "docs"] {
        let below = files_below(&root.join(directory));
        paths.extend(below.into_iter().map(|path| format!("{directory}/{path}")));
    }
    paths.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "THREAT_MODEL.md",
            "captures/README.md",
        ]
        .map(str::to_owned),
    );
    let is_written = |path: &String| [".rs", ".md", ".mjs", ".py"].iter().any(|end| path.ends_with(end));
    paths.retain(|path| is_written(path));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(root.join(path)).unwrap())).collect()
}

#[test]
fn quotation_marks_are_those_of_english() {
    let mut problems = Vec::new();
    for (path, text) in written() {
        let lines = text.lines().enumerate();
        let found = lines.filter(|(_, line)| line.contains(['\u{ab}', '\u{bb}']));
        problems.extend(found.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())));
    }
    assert_no_problems(&problems);
}

/// Tables and addresses cannot be wrapped.
#[test]
fn comment_lines_wrap() {
    let mut problems = Vec::new();
    for (path, text) in written().into_iter().filter(|(path, _)| path.ends_with(".rs")) {
        let is_too_long = |line: &str| {
            let comment = line.trim_start();
            comment.starts_with("//")
                && line.chars().count() > COMMENT_WIDTH
                && !comment.contains("://")
                && !comment.trim_start_matches(['/', '!', ' ']).starts_with('|')
        };
        let lines = text.lines().enumerate();
        let found = lines.filter(|(_, line)| is_too_long(line));
        problems
            .extend(found.map(|(at, _)| format!("{path}:{}: longer than {COMMENT_WIDTH} columns", at + 1)));
    }
    assert_no_problems(&problems);
}
