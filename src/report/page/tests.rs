//! The page as a whole.

use super::*;
use crate::ledger::{Entry, Ledger, Record, Views, sample};

fn page(entries: &[Entry], options: &Options) -> String {
    let (mut ledger, mut rows) = (Ledger::new(None), Rows::new(Views::Front));
    for entry in entries {
        ledger.push(entry);
        rows.push(entry);
    }
    let mut out = Vec::new();
    write(&ledger.snapshot(), &rows, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Returns the text between the first `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap();
    rest.split_once(to).unwrap().0
}

/// The policy allows exactly the style sheet and the script that the page has.
#[test]
fn hashes_are_those_of_what_is_written() {
    let page = page(&sample::entries(), &Options::default());
    let style = between(&page, "<style>", "</style>");
    let script = between(&page, "<script>", "</script>");
    assert!(page.contains(&format!("style-src 'sha256-{}'", hash(style))));
    assert!(page.contains(&format!("script-src 'sha256-{}'", hash(script))));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("<style").count(), 1);
}

/// The size without data; nothing outside is referred to, and no attribute is code or style.
#[test]
fn one_file_has_everything() {
    let page = page(&[], &Options::default());
    assert!(page.len() < 150_000, "{} bytes", page.len());
    for outside in
        ["src=", "@import", "url(", "href=\"http", "style=\"", "onclick", "onload", "innerHTML", "eval("]
    {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn data_is_json() {
    let page = page(&sample::entries(), &Options::default());
    let data = between(&page, "id=\"data\">", "</script>");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let exchanges = sample::entries();
    let exchanges = exchanges.iter().filter(|entry| matches!(entry, Entry::Record(Record::Exchange(_))));
    assert_eq!(data["rows"].as_array().unwrap().len(), exchanges.count());
    let columns: Vec<_> =
        data["rows"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().len()).collect();
    assert!(columns.iter().all(|count| *count == 33), "{columns:?}");
}

/// Directories of the machine are not told.
#[test]
fn only_names_of_files_are_told() {
    let options = Options { files: vec!["/home/joe/secret-project/a.pcap".to_owned()], ..Options::default() };
    let page = page(&[], &options);
    assert!(page.contains("<h1>a.pcap</h1>") && !page.contains("secret-project"));
}
