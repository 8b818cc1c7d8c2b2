//! Resources: reports, findings, exchanges, and the pages of help.

use rmcp::ErrorData;
use rmcp::model::{MetaObject, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::{Value, json};

use super::context::Context;
use super::selection;
use super::tools;
use super::traffic::{DOCUMENT_NOTICE, NOTICE, marked};
use crate::base::units;
use crate::check::explain;
use crate::ledger::query;
use crate::report::{self, Format};

/// Largest resource, in bytes. What is larger is answered by the tools.
const MOST: usize = 1 << 20;

/// Member of `_meta` that says whether contents have text from traffic.
const UNTRUSTED: &str = "mcpdump/untrusted";

const TEXT: &str = "text/plain";
const MARKDOWN: &str = "text/markdown";
const JSON: &str = "application/json";

/// The resources with an address of their own: URI, name, title, description and media type.
const RESOURCES: [(&str, &str, &str, &str, &str); 6] = [
    ("mcpdump://report/text", "report", "Report", "Totals, sessions, latencies and findings as text", TEXT),
    (
        "mcpdump://report/markdown",
        "report-markdown",
        "Report in Markdown",
        "The report as tables of Markdown",
        MARKDOWN,
    ),
    ("mcpdump://report/json", "report-json", "Report in JSON", "The report as one JSON document", JSON),
    (
        "mcpdump://findings",
        "findings",
        "Codes of findings",
        "Every code of a finding, with its severity and its meaning",
        TEXT,
    ),
    (
        "mcpdump://help/filter",
        "filter-language",
        "Filter language",
        "The forms and fields of filters, with examples",
        TEXT,
    ),
    ("mcpdump://summary", "summary", "Summary", "What summarize answers", TEXT),
];

const EXCHANGE: &str = "mcpdump://exchange/";
const FINDING: &str = "mcpdump://finding/";

/// Returns the resources. Titles exist since 2025-06-18.
pub(super) fn all(has_titles: bool) -> Vec<Resource> {
    let resource = |&(uri, name, title, description, media_type): &(_, &str, &str, &str, &str)| {
        let resource = Resource::new(uri, name).with_description(description).with_mime_type(media_type);
        if has_titles { resource.with_title(title) } else { resource }
    };
    RESOURCES.iter().map(resource).collect()
}

/// Returns the templates.
pub(super) fn templates(has_titles: bool) -> Vec<ResourceTemplate> {
    let exchange = ResourceTemplate::new("mcpdump://exchange/{n}", "exchange")
        .with_description("An exchange with its story, by its number")
        .with_mime_type(TEXT);
    let finding = ResourceTemplate::new("mcpdump://finding/{code}", "finding")
        .with_description("What a finding means, why it matters, what can be done, by its code")
        .with_mime_type(TEXT);
    let titled =
        |template: ResourceTemplate, title| if has_titles { template.with_title(title) } else { template };
    vec![titled(exchange, "Exchange"), titled(finding, "Explanation of a finding")]
}

/// Returns the contents of `uri`.
///
/// # Errors
/// -32002 for an unknown URI (rmcp converts it to -32602 in 2026-07-28), -32603 if a resource is
/// too large.
pub(super) fn read(context: &Context, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let not_found =
        || ErrorData::resource_not_found(format!("resource not found: {uri}"), Some(json!({"uri": uri})));
    let known = RESOURCES.iter().find(|(known, ..)| *known == uri);
    let media_type = known.map_or(TEXT, |(.., media_type)| media_type);
    let is_untrusted =
        !uri.starts_with(FINDING) && !["mcpdump://findings", "mcpdump://help/filter"].contains(&uri);
    if is_untrusted {
        context.capture.wait_until_current();
    }
    let tool = |name, arguments: Value| {
        let Value::Object(arguments) = arguments else { return Err(not_found()) };
        let answer = tools::call(context, name, Some(arguments)).ok_or_else(not_found)?;
        answer.map(|answer| answer.text).map_err(|_| not_found())
    };
    let text = match uri {
        "mcpdump://report/text" => format!("{NOTICE}\n\n{}", marked(&report(context, Format::Text))),
        "mcpdump://report/markdown" => format!("{NOTICE}\n\n{}", marked(&report(context, Format::Markdown))),
        "mcpdump://report/json" => with_notice(&report(context, Format::Json)),
        "mcpdump://findings" => written(|out| explain::write_list(out)),
        "mcpdump://help/filter" => filter_help(),
        "mcpdump://summary" => tool("summarize", json!({}))?,
        _ => match (uri.strip_prefix(EXCHANGE), uri.strip_prefix(FINDING)) {
            (Some(n), _) => {
                // Each exchange has one URI: `+7` and `007` are not `7`.
                let number: u64 = n.parse().map_err(|_| not_found())?;
                if number.to_string() != n {
                    return Err(not_found());
                }
                tool("get_exchange", json!({"exchange": number}))?
            }
            (None, Some(code)) => {
                let info = explain::find(code).ok_or_else(not_found)?;
                written(|out| explain::write(info, out))
            }
            (None, None) => return Err(not_found()),
        },
    };
    if text.len() > MOST {
        let size = units::bytes(text.len() as u64);
        let why =
            format!("the resource has {size}: ask summarize, list_latencies, list_sessions, list_findings");
        return Err(ErrorData::internal_error(why, None));
    }
    let contents = ResourceContents::text(text, uri).with_mime_type(media_type);
    let mut meta = MetaObject::new();
    meta.insert(UNTRUSTED.to_owned(), Value::Bool(is_untrusted));
    Ok(ReadResourceResult::new(vec![contents.with_meta(meta)]))
}

/// Writes a report of everything that was read.
fn report(context: &Context, format: Format) -> String {
    let source = context.capture.source();
    let options = report::Options {
        files: source.names.clone(),
        numbering: source.numbering.clone(),
        limits: context.limits.clone(),
        width: 110,
        ..report::Options::default()
    };
    let (snapshot, _) = selection::totals(&context.capture, &query::Filter::default(), None);
    written(|mut out| report::write(format, &snapshot, &options, &mut out))
}

/// Puts the notice on text from traffic before the other members of a JSON document. It is that of
/// `report --format json`, which has no objects named `traffic`.
fn with_notice(document: &str) -> String {
    let notice = Value::from(DOCUMENT_NOTICE);
    match document.trim_start().strip_prefix('{') {
        Some(members) => format!("{{\"notice\":{notice},{members}"),
        None => document.to_owned(),
    }
}

/// The forms and fields of the filter language.
fn filter_help() -> String {
    let mut text = "Filters select exchanges. Forms:\n".to_owned();
    for (form, meaning) in query::SYNTAX {
        text.push_str(&format!("  {form}: {meaning}\n"));
    }
    text.push_str("\nFields:\n");
    for row in query::help().iter().filter(|row| row.applies.contains("exchanges")) {
        let query::HelpRow { name, operators, values, meaning, example, .. } = row;
        text.push_str(&format!("  {name} ({operators}): {meaning}; {values}; as in {example}\n"));
    }
    text
}

fn written(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    // A Vec takes everything.
    drop(write(&mut out));
    String::from_utf8_lossy(&out).into_owned()
}
