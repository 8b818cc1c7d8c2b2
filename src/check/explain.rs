//! What is known of a code: `mcpdump explain`, and docs/findings.md.

use std::io;

use crate::base::{Code, CodeInfo};

/// Finds a code by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static CodeInfo> {
    Code::all().iter().find(|info| info.name.eq_ignore_ascii_case(name))
}

/// Codes whose names are like a name that is none: those of its layer, or those that contain it.
#[must_use]
pub fn similar(name: &str) -> Vec<&'static str> {
    let name = name.to_ascii_lowercase();
    let tail = name.rsplit('.').next().unwrap_or_default();
    let is_alike = |known: &&str| {
        !tail.is_empty() && (known.contains(tail) || tail.contains(known.rsplit('.').next().unwrap_or(known)))
    };
    Code::all().iter().map(|info| info.name).filter(is_alike).take(5).collect()
}

/// Writes all that is known of a code.
///
/// # Errors
/// Those of `out`.
pub fn write(info: &CodeInfo, out: &mut dyn io::Write) -> io::Result<()> {
    let CodeInfo { code, name, severity, title, why, remedy } = info;
    writeln!(out, "{name}: {title}")?;
    writeln!(out, "{}, {}", severity.name(), code.confidence().name())?;
    for text in [why, remedy] {
        writeln!(out)?;
        for line in wrapped(text, WIDTH) {
            writeln!(out, "{line}")?;
        }
    }
    if code.needs_all_packets() {
        writeln!(out, "\nIt is withheld where packets may be missing.")?;
    }
    if let Some(only) = only(*code) {
        writeln!(out, "\nIt is found only {only}.")?;
    }
    if let Some(source) = code.source() {
        writeln!(out, "\n{}\n{}", source.heading, source.url)?;
    }
    Ok(())
}

/// Where alone a code is looked for; `None` if every command does.
fn only(code: Code) -> Option<&'static str> {
    match code {
        Code::SecurityInstructions | Code::SecurityNamesOtherTool => Some("with `--security --guesses`"),
        Code::SecurityUnknownServer => Some("with `--inventory`"),
        _ if code.is_security() => Some("with `--security`"),
        _ if code.is_of_contents() => Some("by `mcpdump check`"),
        _ => None,
    }
}

/// Writes a line for each code.
///
/// # Errors
/// Those of `out`.
pub fn write_list(out: &mut dyn io::Write) -> io::Result<()> {
    let longest = Code::all().iter().map(|info| info.name.len()).max().unwrap_or_default();
    for info in Code::all() {
        writeln!(out, "{:<longest$}  {:<7}  {}", info.name, info.severity.name(), info.title)?;
    }
    Ok(())
}

/// Writes docs/findings.md.
///
/// # Errors
/// Those of `out`.
pub fn write_page(out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# Findings\n")?;
    let about = "Every finding has a code. `mcpdump explain CODE` prints what stands here. A finding is proven \
        by the packets that it names, or likely: then it follows from times, sizes or repetition. Severities: \
        `error`, an operation failed; `warning`, one end breaks a specification, or evidence is missing; \
        `notice`, something is unusual; `info`, worth knowing. This page is generated from \
        `src/base/code/table.rs`.";
    for line in wrapped(about, PAGE_WIDTH) {
        writeln!(out, "{line}")?;
    }
    let mut layer = "";
    for info in Code::all() {
        let own = info.name.split('.').next().unwrap_or_default();
        if own != layer {
            layer = own;
            writeln!(out, "\n## {layer}")?;
        }
        writeln!(out, "\n### `{}`\n", info.name)?;
        let confidence = info.code.confidence().name();
        let withheld =
            if info.code.needs_all_packets() { "; withheld where packets may be missing" } else { "" };
        let only = only(info.code).map(|only| format!("; only {only}")).unwrap_or_default();
        let severity = info.severity.name();
        writeln!(out, "{}: {severity}, {confidence}{withheld}{only}.\n", capitalized(info.title))?;
        for line in wrapped(&format!("{} {}", info.why, info.remedy), PAGE_WIDTH) {
            writeln!(out, "{line}")?;
        }
        if let Some(source) = info.code.source() {
            writeln!(out, "\n[{}]({})", source.heading.replace('"', ""), source.url)?;
        }
    }
    Ok(())
}

/// Columns of a terminal.
const WIDTH: usize = 78;

/// Columns of a page.
const PAGE_WIDTH: usize = 98;

/// Breaks a text into lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
