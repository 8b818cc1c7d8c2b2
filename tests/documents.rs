//! What the documents about trust name exists: tests, crates, files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::support::assert_no_problems;

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether a file has a test of this name: below an attribute that makes it one, in `proptest!`, or
/// in a macro that makes one of each of its rows.
fn has_test(code: &str, name: &str) -> bool {
    let attributes = r"#\[(?:tokio::)?test[^\]]*\]\s*(?:(?:#\[[^\]]*\]|///[^\n]*|//[^\n]*)\s*)*";
    let named = Regex::new(&format!(r"{attributes}(?:async )?fn {name}\s*\(")).unwrap();
    named.is_match(code)
}

#[test]
fn tests_of_the_threat_model_exist() {
    let page = text("THREAT_MODEL.md");
    let named = Regex::new(r"`((?:src|tests)/[a-z0-9_/]+\.rs)(?:::([a-z0-9_]+))?`").unwrap();
    let (mut problems, mut tests) = (Vec::new(), 0);
    for found in named.captures_iter(&page) {
        let code = text(&found[1]);
        if let Some(name) = found.get(2) {
            tests += 1;
            if !has_test(&code, name.as_str()) {
                problems.push(format!("{}: no test {}", &found[1], name.as_str()));
            }
        }
    }
    assert_no_problems(&problems);
    assert!(tests >= 40, "the threat model names {tests} tests");
}

/// A promise without a test is a wish.
#[test]
fn every_promise_of_the_threat_model_is_shown() {
    let page = text("THREAT_MODEL.md");
    let promises = page.split("## Promises").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows = promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise "));
    let problems: Vec<_> = rows.filter(|row| !row.contains(".rs") && !row.contains("deny.toml")).collect();
    assert_no_problems(&problems.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
}

#[test]
fn a_test_that_is_none_is_not_found() {
    assert!(has_test("#[test]\nfn a() {", "a"));
    assert!(has_test("#[tokio::test(start_paused = true)]\n    #[ignore = \"x\"]\n    async fn a() {", "a"));
    assert!(has_test("#[test]\n/// Why.\nfn a(n in 0..4) {", "a"));
    assert!(!has_test("fn a() {", "a"));
    assert!(!has_test("#[test]\nfn b() {}\nfn a() {}", "a"));
    assert!(!has_test("#[test]\nfn a_b() {", "a"));
}

/// The crates of a table of `Cargo.toml`, by the names that it gives them.
fn declared(manifest: &str, is_wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut is_inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_inside = is_wanted(line);
        } else if is_inside
            && let Some((name, _)) = line.split_once(" = ")
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The crates of the table below a heading.
fn described(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn dependencies_are_those_of_the_manifest() {
    let (manifest, page) = (text("Cargo.toml"), text("docs/dependencies.md"));
    let shipped = declared(&manifest, |table| {
        table == "[dependencies]" || (table.starts_with("[target.") && table.ends_with(".dependencies]"))
    });
    let for_tests = declared(&manifest, |table| table == "[dev-dependencies]");
    assert!(shipped.len() > 40 && for_tests.len() > 5);
    assert_eq!(described(&page, "## What they cost"), shipped);
    assert_eq!(described(&page, "## What a reading of them found"), shipped);
    assert_eq!(described(&page, "## For tests only"), for_tests);
}

#[test]
fn every_dependency_has_its_cost_and_a_review() {
    let page = text("docs/dependencies.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let is_incomplete = |row: &&str| row.trim_matches('|').split('|').any(|cell| cell.trim().is_empty());
    let problems: Vec<_> = rows.filter(is_incomplete).map(str::to_owned).collect();
    assert_no_problems(&problems);
}
