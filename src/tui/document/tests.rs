use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Wide enough for any line.
const OPTIONS: RowOptions<'_> = RowOptions { mask: None, needle: "", columns: 4000 };

fn rows(doc: &Document) -> Vec<String> {
    (0..doc.rows()).map(|row| doc.row(row, OPTIONS).into_iter().map(|(_, text)| text).collect()).collect()
}

fn found(doc: &Document, needle: &str) -> Vec<usize> {
    doc.find(needle).lines
}

#[test]
fn json_folds_and_opens() {
    let mut doc = Document::of(br#"{"a": [1, {"b":"x\"y"}], "c":{ }, "d" : null}"#);
    let all = [
        "{",
        "  \"a\": [",
        "    1,",
        "    {",
        "      \"b\": \"x\\\"y\"",
        "    }",
        "  ],",
        "  \"c\": {},",
        "  \"d\": null",
        "}",
    ];
    assert_eq!(rows(&doc), all);
    assert_eq!(doc.toggle(2), Some(1), "what a row lies in");
    assert_eq!(rows(&doc), ["{", "  \"a\": [ 4 lines ],", "  \"c\": {},", "  \"d\": null", "}"]);
    assert_eq!(found(&doc, "X"), [4]);
    assert_eq!(doc.reveal(4), 4);
    assert_eq!(rows(&doc), all);
    doc.fold_all();
    assert_eq!(doc.rows(), 5);
    doc.unfold_all();
    assert_eq!(doc.value(4, 100), "x\"y");
    assert_eq!(doc.row(2, RowOptions { mask: Some("***"), ..OPTIONS })[1].1, "***");
    assert_eq!(doc.toggle(9), Some(0), "a closing bracket folds what it closes");
    assert_eq!(rows(&doc), ["{ 8 lines }"]);
}

#[test]
fn what_was_sent_is_what_is_shown() {
    let sent = r#"{"a":1.0,"b":1e5,"a":1E+400,"c":123456789012345678901234567890,"d":-0,"e":"\ud83d \u0041\/","a":""}"#;
    let doc = Document::of(sent.as_bytes());
    let shown: String = rows(&doc).iter().map(|row| row.trim_start()).collect();
    assert_eq!(shown.replace(": ", ":"), sent);
    assert_eq!(doc.pointer(3), "/a", "a name that occurs again");
    assert_eq!(&doc.bytes()[doc.range(3)], b"\"a\":1E+400");
}

#[test]
fn rows_know_their_bytes_and_their_pointer() {
    let text = br#" {"a/b":[10, {"~":[]} ,[20]], "c\u0041":"x"} "#;
    let doc = Document::of(text);
    let of = |row| (doc.pointer(row), std::str::from_utf8(&text[doc.range(row)]).unwrap());
    assert_eq!(of(0).1, r#"{"a/b":[10, {"~":[]} ,[20]], "c\u0041":"x"}"#);
    assert_eq!(of(1), ("/a~1b".to_owned(), r#""a/b":[10, {"~":[]} ,[20]]"#));
    assert_eq!(of(2), ("/a~1b/0".to_owned(), "10"));
    assert_eq!(of(4), ("/a~1b/1/~0".to_owned(), r#""~":[]"#));
    assert_eq!(of(5), ("/a~1b/1".to_owned(), r#"{"~":[]}"#), "a closing bracket is all of it");
    assert_eq!(of(7), ("/a~1b/2/0".to_owned(), "20"));
    assert_eq!(of(10), ("/cA".to_owned(), r#""c\u0041":"x""#));
    assert_eq!(&text[doc.value_range(10)], br#""x""#);
    let offset = text.windows(2).position(|two| two == b"20").unwrap();
    assert_eq!(doc.line_at(offset + 1), 7);
}

#[test]
fn what_is_no_json_is_shown_as_it_stands() {
    let doc = Document::of(b"not json\r\n{\xff");
    assert_eq!(rows(&doc), ["not json", "{\u{fffd}"]);
    assert_eq!(doc.bytes()[doc.range(1)], *b"{\xff");
    assert_eq!(Document::of(b"").rows(), 0);
    let long = format!("{}{}", "word ".repeat(40), "x".repeat(200));
    let doc = Document::of(long.as_bytes());
    let rows = rows(&doc);
    assert!(rows.iter().all(|row| row.len() <= scan::WRAP_WIDTH), "{rows:?}");
    assert!(rows[0].ends_with("word "), "broken at a blank: {rows:?}");
    assert_eq!(rows.concat(), long);
    assert_eq!(found(&doc, "XX").len(), 3);
}

#[test]
fn a_search_marks_what_it_found_and_gives_away_no_credential() {
    let doc = Document::of(br#"{"url":"https://me:secret@example.org/?token=abcdef&x=1","Ab":"abAB"}"#);
    let parts = doc.row(1, RowOptions { needle: "oken", ..OPTIONS });
    assert!(parts.iter().any(|part| part == &(Role::Found, "oken".to_owned())), "{parts:?}");
    let text: String = parts.into_iter().map(|(_, text)| text).collect();
    assert!(!text.contains("abcdef") && !text.contains("secret"), "{text}");
    let marked = doc.row(2, RowOptions { needle: "ab", ..OPTIONS });
    assert_eq!(marked.iter().filter(|(role, _)| *role == Role::Found).count(), 3);
    assert_eq!(found(&doc, "ab"), [1, 2]);
    assert!(found(&doc, "Ab\":").is_empty(), "across a name and its value");
}

#[test]
fn what_lies_deep_leaves_room_for_its_value() {
    let text = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let mut doc = Document::of(text.as_bytes());
    assert_eq!(doc.rows(), 1001);
    let row: String =
        doc.row(500, RowOptions { columns: 80, ..OPTIONS }).into_iter().map(|(_, text)| text).collect();
    assert_eq!(row.trim_start(), "(500) 1");
    assert_eq!(row.len(), 41);
    assert_eq!(doc.range(500), 500..501);
    assert_eq!(doc.pointer(500), "/0".repeat(500));
    doc.fold_all();
    assert_eq!(doc.rows(), 3);
    assert_eq!(doc.reveal(500), 500);
}

#[test]
fn too_many_lines_are_said_to_be_so() {
    let text = format!("[{}1]", "1,".repeat(scan::MAX_LINES));
    let doc = Document::of(text.as_bytes());
    let last = doc.rows() - 1;
    assert_eq!(doc.rows(), scan::MAX_LINES + 1);
    assert!(doc.row(last, OPTIONS)[0].1.ends_with("more: too many lines to show"));
    assert_eq!(doc.range(0), 0..text.len(), "the whole is still the whole");
    let lines = "\n".repeat(scan::MAX_LINES + 5);
    assert_eq!(Document::of(lines.as_bytes()).rows(), scan::MAX_LINES + 1);
}

/// JSON of every shape, with repeated names.
fn json() -> impl Strategy<Value = String> {
    let text = "[a-z/~\"\\\\é\u{202e}😀]{0,5}".prop_map(|text| serde_json::to_string(&text).unwrap());
    let blank = prop_oneof![Just(""), Just(" "), Just("\n\t")];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        text.clone(),
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        let space = blank.clone();
        let members = prop::collection::vec((text.clone(), blank.clone(), inner.clone()), 0..5);
        prop_oneof![
            (prop::collection::vec(inner, 0..5), space)
                .prop_map(|(all, blank)| { format!("[{blank}{}{blank}]", all.join(&format!("{blank},"))) }),
            members.prop_map(|all| {
                let all: Vec<_> =
                    all.iter().map(|(name, blank, of)| format!("{name}{blank}:{blank}{of}")).collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}

proptest! {
    /// What is shown is the same JSON, in other lines.
    #[test]
    fn the_lines_are_the_text(text in json()) {
        let mut doc = Document::of(text.as_bytes());
        let squeezed = |text: &str| -> String { text.split_whitespace().collect() };
        let shown: String = (0..doc.lines.len()).map(|row| {
            let line = &doc.lines[row];
            let comma = if line.comma { "," } else { "" };
            let colon = if line.name.is_empty() { "" } else { ":" };
            let part = |range: &Range<u32>| text[range.start as usize..range.end as usize].to_owned();
            format!("{}{colon}{}{comma}", part(&line.name), part(&line.value))
        }).collect();
        prop_assert_eq!(squeezed(&shown), squeezed(&text));
        let count = doc.rows();
        for row in 0..count {
            if doc.toggle(row).is_some() {
                doc.unfold_all();
                prop_assert_eq!(doc.rows(), count);
            }
        }
    }

    /// The bytes of a row are its value. They are within those of the containing row, behind those
    /// of earlier rows.
    #[test]
    fn bytes_nest_and_are_the_value(text in json()) {
        let doc = Document::of(text.as_bytes());
        prop_assert_eq!(doc.range(0), text.find(|c: char| !c.is_whitespace()).unwrap()..text.trim_end().len());
        for row in 0..doc.rows() {
            let (range, value) = (doc.range(row), doc.value_range(row));
            prop_assert!(range.start <= value.start && range.end == value.end);
            let raw = &text[value.clone()];
            prop_assert!(serde_json::from_str::<Value>(raw).is_ok() || raw.contains(['e', 'E']), "{raw}");
            prop_assert_eq!(doc.is_string(row), raw.starts_with('"'));
            if let Some(name) = Some(doc.name_range(row)).filter(|name| !name.is_empty()) {
                prop_assert_eq!(name.start, range.start);
                prop_assert!(text[name.end..value.start].chars().all(|c| c == ':' || c.is_whitespace()));
            }
            for opener in doc.ancestors(row) {
                let around = doc.range(opener);
                prop_assert!(around.start <= range.start && range.end <= around.end);
            }
            for offset in doc.lines[row].start()..doc.lines[row].value.end as usize {
                prop_assert_eq!(doc.line_at(offset), row);
            }
            if row > 0 {
                prop_assert!(doc.lines[row - 1].value.end as usize <= doc.lines[row].start());
            }
        }
    }

    /// A pointer leads to the value, unless a name is repeated (RFC 6901, section 4).
    #[test]
    fn pointers_lead_to_the_value(text in json()) {
        let doc = Document::of(text.as_bytes());
        let Ok(whole) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let again = serde_json::to_string(&whole).unwrap();
        // A repeated name is lost in the parsed value.
        let members = |text: &str| Document::of(text.as_bytes()).lines.len();
        prop_assume!(members(&again) == members(&text));
        for row in 0..doc.rows() {
            let found = whole.pointer(&doc.pointer(row));
            let value: Value = serde_json::from_str(&text[doc.value_range(row)]).unwrap();
            prop_assert_eq!(found, Some(&value));
        }
    }

    /// Any text can be shown, and every line can be found.
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut doc = Document::of(&bytes);
        let lines: Vec<_> = (0..doc.rows()).map(|row| doc.range(row)).collect();
        prop_assert!(lines.windows(2).all(|two| two[0].end <= two[1].start));
        for row in 0..doc.rows() {
            doc.row(row, OPTIONS);
            doc.value(row, 40);
            doc.reveal(row);
        }
        doc.fold_all();
        prop_assert_eq!(doc.text(), String::from_utf8_lossy(&bytes));
    }
}
