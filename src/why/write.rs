//! Stories as text and as JSON.

use std::io;

use serde::Serialize;

use super::story::{Certainty, MAX_LINES, Sentence, Story, Subject};
use crate::base::files::InFile;
use crate::base::{Code, Files, json, sanitize};

/// Columns of the text.
const WIDTH: usize = 110;

/// Columns before the text of a sentence: how sure it is.
const INDENT: usize = 9;

/// How a story is written as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether characters beyond ASCII are replaced.
    pub ascii: bool,
    /// Whether escape sequences colour the text.
    pub color: bool,
    /// Numbers the packets of several files.
    pub numbering: Files,
}

/// Writes a story as text, in at most 20 lines: what does not fit is counted.
///
/// # Errors
/// Returns the errors of `out`.
pub fn text(story: &Story, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let paint = |style: anstyle::Style, text: &str| {
        if options.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    };
    let strong = anstyle::Style::new().bold();
    let faint = anstyle::Style::new().dimmed();
    let mut lines = vec![paint(strong, &super::words::capitalized(&story.title))];
    let mut left_out = 0;
    for (index, sentence) in story.sentences.iter().enumerate() {
        let body = wrap(&sentence.text, WIDTH - INDENT);
        let evidence = evidence(sentence, &options.numbering);
        let needed = body.len() + evidence.len();
        // A line is left for the count of those that do not fit.
        let is_last = index + 1 == story.sentences.len();
        if left_out > 0 || lines.len() + needed + usize::from(!is_last) > MAX_LINES {
            left_out += 1;
            continue;
        }
        for (at, line) in body.iter().enumerate() {
            let certainty = if at == 0 { sentence.certainty.name() } else { "" };
            let label = paint(style(sentence.certainty), &format!("{certainty:<INDENT$}"));
            lines.push(format!("{label}{line}").trim_end().to_owned());
        }
        lines.extend(evidence.iter().map(|line| format!("{:INDENT$}{}", "", paint(faint, line))));
    }
    if left_out > 0 {
        let noun = if left_out == 1 { "sentence" } else { "sentences" };
        lines.push(format!("{:INDENT$}{left_out} more {noun}: --format json has them", ""));
    }
    for line in lines {
        let line = if options.ascii { sanitize::to_ascii(&line) } else { line.into() };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Returns the packets of a sentence, their display filter, and the first source: a line, or one
/// for each file.
fn evidence(sentence: &Sentence, files: &Files) -> Vec<String> {
    let mut lines = sentence.evidence.lines(files);
    match (sentence.sources.first(), lines.last_mut()) {
        (Some(source), Some(line)) => line.push_str(&format!("  {source}")),
        (Some(source), None) => lines.push(source.clone()),
        (None, _) => {}
    }
    lines
}

fn style(certainty: Certainty) -> anstyle::Style {
    use anstyle::AnsiColor;
    let colour = match certainty {
        Certainty::Proven => AnsiColor::Green,
        Certainty::Likely | Certainty::Matches => AnsiColor::Yellow,
        Certainty::Unknown => AnsiColor::Cyan,
    };
    anstyle::Style::new().fg_color(Some(colour.into()))
}

/// Breaks a text into lines of at most `columns` columns, at blanks. A longer word has a line of
/// its own.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && sanitize::width(line) + 1 + sanitize::width(word) > columns {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The JSON form of a story: `"type":"why"`, version 1. Fields are only ever added.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    v: u32,
    title: &'a str,
    /// The `n` of the exchange that it is about; null for another subject.
    exchange: Option<u64>,
    /// The session that it is about, as `s1`; null for another subject.
    session: Option<String>,
    sentences: Vec<SentenceDocument<'a>>,
}

#[derive(Serialize)]
struct SentenceDocument<'a> {
    topic: &'static str,
    certainty: &'static str,
    text: &'a str,
    /// First and last packet of each range.
    packets: Vec<(u64, u64)>,
    tcp_streams: Vec<u32>,
    filter: String,
    sources: &'a [String],
    /// The code of the finding that it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<&'static str>,
    /// The same for each file, if there are several. The others are empty then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileDocument<'a>>,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    file: &'a str,
    packets: Vec<(u64, u64)>,
    tcp_streams: Vec<u32>,
    filter: String,
}

impl<'a> SentenceDocument<'a> {
    fn of(sentence: &'a Sentence, files: &'a Files) -> Self {
        let mut document = Self {
            topic: sentence.topic.name(),
            certainty: sentence.certainty.name(),
            text: &sentence.text,
            packets: Vec::new(),
            tcp_streams: Vec::new(),
            filter: String::new(),
            sources: &sentence.sources,
            finding: sentence.finding.map(Code::name),
            files: Vec::new(),
        };
        for it in sentence.evidence.in_files(files) {
            let filter = it.filter();
            let InFile { file, packets, tcp_streams } = it;
            match file {
                Some(file) => document.files.push(FileDocument { file, packets, tcp_streams, filter }),
                None => {
                    (document.packets, document.tcp_streams, document.filter) =
                        (packets, tcp_streams, filter);
                }
            }
        }
        document
    }
}

/// Writes a story as a JSON document and a line end.
///
/// # Errors
/// Returns the errors of `out`.
pub fn json(story: &Story, files: &Files, out: &mut impl io::Write) -> io::Result<()> {
    let document = Document {
        r#type: "why",
        v: 1,
        title: &story.title,
        exchange: if let Subject::Exchange(n) = story.subject { Some(n) } else { None },
        session: if let Subject::Session(number) = story.subject { Some(format!("s{number}")) } else { None },
        sentences: story.sentences.iter().map(|sentence| SentenceDocument::of(sentence, files)).collect(),
    };
    json::write_pretty(out, &document)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PacketNo;
    use crate::why::story::{Evidence, Topic};

    fn story(sentences: usize, text: &str) -> Story {
        let evidence = Evidence::none().packet(3, PacketNo(61));
        let sentence = Sentence::new(Topic::Ended, Certainty::Proven, text, evidence);
        Story {
            title: "exchange 12".to_owned(),
            subject: Subject::Exchange(12),
            sentences: vec![sentence; sentences],
        }
    }

    fn written(story: &Story) -> String {
        let mut out = Vec::new();
        text(story, &Options::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_story_has_at_most_twenty_lines() {
        assert_eq!(
            written(&story(1, "It ended")),
            "Exchange 12\nproven   It ended\n         packet 61: tcp.stream == 3 && frame.number == 61\n"
        );
        let long = "word ".repeat(40);
        for (sentences, words) in
            [(9, "short"), (10, "short"), (40, "short"), (3, long.trim()), (30, long.trim())]
        {
            let text = written(&story(sentences, words));
            assert!(text.lines().count() <= MAX_LINES, "{text}");
            assert!(text.lines().all(|line| sanitize::width(line) <= WIDTH), "{text}");
            let told = text.matches("proven").count();
            let more = text.contains(&format!("{} more sentence", sentences - told));
            assert_eq!(told < sentences, more, "{text}");
        }
    }

    #[test]
    fn json_has_every_sentence() {
        let mut out = Vec::new();
        json(&story(30, "It ended"), &Files::default(), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["type"], "why");
        assert_eq!((&value["exchange"], &value["session"]), (&12.into(), &serde_json::Value::Null));
        assert_eq!(value["sentences"].as_array().unwrap().len(), 30);
        assert_eq!(value["sentences"][0]["packets"], serde_json::json!([[61, 61]]));
        assert_eq!(value["sentences"][0]["filter"], "tcp.stream == 3 && frame.number == 61");
    }
}
