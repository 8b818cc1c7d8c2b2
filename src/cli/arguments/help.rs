//! Texts shared by help, the manual pages and the documentation: examples, exit statuses, filter
//! language.

use std::sync::LazyLock;

use crate::ledger::query::{self, HelpRow};

/// Description of the program.
pub(crate) const ABOUT: &str = "\
tcpdump for MCP, the Model Context Protocol: sessions, exchanges and latencies out of packets.

mcpdump reads captures of MCP over HTTP (HTTP+SSE and Streamable HTTP), or captures live, matches every \
JSON-RPC request with its response, and shows how long each took, with packet numbers to check. It is \
passive: no proxy, no change to client or server. Without a command it opens files, or a device (default: loopback), in \
a terminal user interface; if standard output is no terminal, it prints a report of files, or lists the exchanges on a \
device.";

/// Examples of the program as a whole.
pub(crate) const EXAMPLES: &str = "\
Examples:
  mcpdump                                         capture on loopback
  mcpdump capture.pcap                            open it; ? shows help
  mcpdump why capture.pcap                        who stopped it, which limit
  mcpdump report capture.pcap                     print a report
  mcpdump list capture.pcap tcp port 3000         print a line per exchange
  mcpdump report -i eth0 --for 30s -w e.pcapng    capture, keep and report
  mcpdump export --to jsonl capture.pcap | jq .   for other programs
  ssh host tcpdump -U -w - | mcpdump list -       capture on another host
  mcpdump --follow growing.pcap                   read a file being written

To open a capture named like a command, add its directory: mcpdump ./list";

/// Examples of `list`.
pub(crate) const LIST_EXAMPLES: &str = "\
Examples:
  mcpdump list capture.pcap
  mcpdump list --filter 'status:error or dur>1s' capture.pcap
  mcpdump list --messages capture.pcap tcp port 3000
  mcpdump list -i lo -w ring.pcapng -C 100 -W 10 tcp port 3000
  mcpdump list --follow growing.pcap
  ssh host tcpdump -U -w - | mcpdump list -";

/// Examples of `report`.
pub(crate) const REPORT_EXAMPLES: &str = "\
Examples:
  mcpdump report capture.pcap
  mcpdump report --by server before.pcap.gz after.pcap.zst
  mcpdump report --format markdown -o report.md capture.pcap
  mcpdump report --format html -o report.html capture.pcap
  mcpdump report -i lo --for 30s";

/// Examples of `web`.
#[cfg(feature = "web")]
pub(crate) const WEB_EXAMPLES: &str = "\
Examples:
  mcpdump web -i lo
  mcpdump web --listen 8080 capture.pcap
  mcpdump web --follow capture.pcapng --filter 'server:search'";

/// Examples of `mcp`.
#[cfg(feature = "mcp")]
pub(crate) const MCP_EXAMPLES: &str = "\
Examples:
  mcpdump mcp capture.pcap
  claude mcp add capture -- mcpdump mcp /path/to/capture.pcap
  mcpdump mcp --http 8080 before.pcap after.pcap
  mcpdump mcp --http 8080 -i lo --redact default

Answers name packets. Text from traffic is marked: it is data, not instructions
(docs/mcp-server.md).";

/// Examples of `why`.
pub(crate) const WHY_EXAMPLES: &str = "\
Examples:
  mcpdump why capture.pcap                        the worst of the capture
  mcpdump why capture.pcap 12                     what became of exchange 12
  mcpdump why capture.pcap s3                     what became of session s3
  mcpdump why --filter 'tool:search dur>5s' capture.pcap
  mcpdump why --format json capture.pcap 12 | jq .sentences

Each sentence is proven, likely, a match with a known limit, or unknown: what
cannot be told is said. Own limits go into the configuration ([[limits]], see
docs/why.md).";

/// Examples of `export`.
pub(crate) const EXPORT_EXAMPLES: &str = "\
Examples:
  mcpdump export --to jsonl capture.pcap > capture.jsonl
  mcpdump export --filter 'method:tools/call' -o calls.jsonl capture.pcap
  mcpdump export --to csv --filter 'dur>1s' -o slow.csv capture.pcap
  mcpdump export -i lo -o now.jsonl -w 'lo-%H%M.pcapng' -G 3600
  mcpdump export -i eth0 --to otlp --endpoint http://localhost:4318";

/// Examples of `check`.
pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  mcpdump check capture.pcap
  mcpdump check --format baseline capture.pcap > known.txt
  mcpdump check --baseline known.txt --format junit -o mcp.xml capture.pcap
  mcpdump check --fail-on never --slo 'p95(tools/call)<500ms' capture.pcap
  mcpdump check --security --ignore 'security.plaintext_token' capture.pcap
  mcpdump check --inventory known.toml capture.pcap";

/// Examples of `diff`.
pub(crate) const DIFF_EXAMPLES: &str = "\
Examples:
  mcpdump diff before.pcap after.pcap
  mcpdump diff --filter 'method:tools/call' before.pcap after.pcap
  mcpdump diff capture.pcap --filter 'server:10.0.0.2' --filter 'server:10.0.0.3'
  mcpdump diff --fail-on regression --format markdown before.pcap after.pcap

A difference is sure, likely, or cannot be told: few calls, or calls whose outcome
was not captured, tell nothing. See docs/diff.md.";

/// Examples of `inventory`.
pub(crate) const INVENTORY_EXAMPLES: &str = "\
Examples:
  mcpdump inventory *.pcap
  mcpdump inventory --format markdown -o clients.md monday.pcap tuesday.pcap
  mcpdump inventory --advertised offers/ capture.pcap    offers/tools.json for scanners
  mcpdump inventory --since 7d *.pcap";

/// Examples of `timeline`.
pub(crate) const TIMELINE_EXAMPLES: &str = "\
Examples:
  mcpdump timeline agent.pcapng
  mcpdump timeline agent.pcapng stdio.pcapng         with what mcpdump wrap recorded
  mcpdump timeline --format json agent.pcapng | jq '.runs[].tools_ms'
  mcpdump timeline -i lo --filter 'tool:search'      runs in which a tool was called";

/// Examples of `stats`.
pub(crate) const STATS_EXAMPLES: &str = "\
Examples:
  mcpdump stats --since 7d *.pcap
  mcpdump stats --filter 'method:tools/call' --format json *.pcap";

/// Examples of `explain`.
pub(crate) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  mcpdump explain mcp.unanswered
  mcpdump explain | grep session";

/// Examples of `slice`.
pub(crate) const SLICE_EXAMPLES: &str = "\
Examples:
  mcpdump slice --filter 'status:unanswered' -o hang.pcapng capture.pcap
  mcpdump slice --filter 'tool:search dur>1s' --of connections -o slow.pcapng capture.pcap
  mcpdump slice --filter 'packet:1328' -o - capture.pcap | tshark -r -
  mcpdump slice --anonymize --of sessions -o report.pcapng capture.pcap

The packets have comments that name the exchange (pcapng, frame.comment in Wireshark).
If the packets alone do not give the same exchanges, more are written.";

/// Examples of `keys`.
pub(crate) const KEYS_EXAMPLES: &str = "\
Examples:
  mcpdump keys -- npx @modelcontextprotocol/inspector --cli https://mcp.example/mcp
  mcpdump keys -o /tmp/keys.log -- python3 agent.py
  mcpdump -i any --tls-keylog /tmp/keys.log tcp port 443";

/// Examples of `wrap`.
#[cfg(unix)]
pub(crate) const WRAP_EXAMPLES: &str = "\
Examples:
  mcpdump wrap -- npx -y @modelcontextprotocol/server-everything
  mcpdump wrap -w weather.pcapng -- uv run weather.py
  mcpdump wrap -w ~/captures -- python3 server.py
  mcpdump --follow weather.pcapng           watch while the server runs

In the configuration of a client, put mcpdump before the server's command:
  \"command\": \"mcpdump\", \"args\": [\"wrap\", \"--\", \"npx\", \"-y\", \"server\"]

The exit status is that of the server, 128 + N if signal N ended it, 127 if there
is no such command, 126 if it cannot be run. See docs/stdio.md.";

/// Examples of `interfaces`.
pub(crate) const INTERFACES_EXAMPLES: &str = "\
Examples:
  mcpdump interfaces
  sudo mcpdump interfaces";

/// Examples of `serve`.
#[cfg(feature = "demo")]
pub(crate) const SERVE_EXAMPLES: &str = "\
Examples:
  mcpdump serve                                            http://127.0.0.1:3000/mcp and /sse
  mcpdump serve --listen 0 --delay 5ms..80ms --fail-rate 0.1 --seed 7
  mcpdump serve --stories live --json
  mcpdump serve --tls --tls-keylog keys.log";

/// Examples of `traffic`.
#[cfg(feature = "demo")]
pub(crate) const TRAFFIC_EXAMPLES: &str = "\
Examples:
  mcpdump traffic http://127.0.0.1:3000/mcp
  mcpdump traffic --transport sse --clients 8 --for 30s http://127.0.0.1:3000/sse
  mcpdump traffic --tool search --calls 100 https://mcp.example.com/mcp

On servers other than mcpdump's own, only tools marked read-only (readOnlyHint) and
those named by --tool are called.";

/// Examples of `demo`.
#[cfg(feature = "demo")]
pub(crate) const DEMO_EXAMPLES: &str = "\
Examples:
  sudo mcpdump demo
  sudo mcpdump demo --for 10s -w demo.pcapng
  mcpdump demo             plays a recording if capturing is not permitted";

/// Examples of `config`.
pub(crate) const CONFIG_EXAMPLES: &str = "\
Examples:
  mcpdump config > ~/.config/mcpdump/config.toml";

/// Examples of `completions`.
pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mcpdump completions bash > /etc/bash_completion.d/mcpdump";

/// Examples of `man`.
pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  mcpdump man | man -l -
  mcpdump man /usr/local/share/man/man1";

/// Begins the topic of `mcpdump help filter`.
const FILTER_TOPIC: &str = "\
The language of --filter, and of / in the TUI. Examples:
  mcpdump list --filter 'tool:search dur>500ms' capture.pcap
  mcpdump list --filter 'status:unanswered or (cause:client_closed wait>1s)' capture.pcap
  mcpdump report --filter 'not ip:10.0.0.5' capture.pcap
  mcpdump list --filter 'body:password auth:none' capture.pcap";

/// The exit statuses and their meanings.
pub(crate) const EXIT_STATUSES: [(&str, &str); 3] = [
    ("0", "Success, also if the reader of the output closed the pipe."),
    (
        "1",
        "A check failed, a comparison found regressions, packets could not be kept to the end, or nothing matches a slice or why.",
    ),
    ("2", "Failure: invalid argument, unreadable file, no permission to capture."),
];

/// Width of the help texts and of the left column of their tables, in characters.
const WIDTH: usize = 80;
const LEFT: usize = 22;

/// Returns the examples of the program or of a command whose long help has the filter language:
/// those that read captures.
pub(crate) fn examples_of_reader(command: &str) -> Option<&'static str> {
    Some(match command {
        "mcpdump" => EXAMPLES,
        "list" => LIST_EXAMPLES,
        "report" => REPORT_EXAMPLES,
        #[cfg(feature = "web")]
        "web" => WEB_EXAMPLES,
        #[cfg(feature = "mcp")]
        "mcp" => MCP_EXAMPLES,
        "why" => WHY_EXAMPLES,
        "export" => EXPORT_EXAMPLES,
        "check" => CHECK_EXAMPLES,
        "diff" => DIFF_EXAMPLES,
        "inventory" => INVENTORY_EXAMPLES,
        "stats" => STATS_EXAMPLES,
        "timeline" => TIMELINE_EXAMPLES,
        "slice" => SLICE_EXAMPLES,
        _ => return None,
    })
}

/// Returns the end of the long help: examples, filter language and exit statuses.
pub(crate) fn long(examples: &str) -> String {
    format!("{examples}\n\nThe language of --filter:\n{}", *LONG_END)
}

/// The forms and fields of the filter language, and the exit statuses. Every command that reads has
/// them in its help.
static LONG_END: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    language(&mut text);
    text.push_str("\nExit status:\n");
    for (status, meaning) in EXIT_STATUSES {
        row(&mut text, status, meaning);
    }
    text.truncate(text.trim_end().len());
    text
});

/// Returns the text of `mcpdump help filter`.
pub(crate) fn filter_topic() -> String {
    let mut text = format!("{FILTER_TOPIC}\n\nForms:\n");
    language(&mut text);
    text
}

/// Appends the forms and the fields of the filter language.
fn language(text: &mut String) {
    for (form, meaning) in query::SYNTAX {
        row(text, form, meaning);
    }
    text.push_str("\nFields:\n");
    for field in query::help() {
        row(text, &field.name, &describe(&field));
    }
}

/// Describes a filter field in one line, with an example.
pub(crate) fn describe(field: &HelpRow) -> String {
    format!("{} ({}), as in {}", field.meaning, field.values, field.example)
}

/// Appends a row of two columns, wrapping the right one at blanks.
fn row(text: &mut String, left: &str, right: &str) {
    let mut line = format!("  {left:LEFT$}");
    let mut width = line.chars().count();
    for word in right.split(' ') {
        let word_width = 1 + word.chars().count();
        if width + word_width > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(LEFT + 2);
            width = LEFT + 2;
        }
        line.push(' ');
        line.push_str(word);
        width += word_width;
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- filter language: generated from the program's own table by `BLESS=1 cargo test documents` -->\n";
    const END: &str = "<!-- end of the filter language -->\n";

    /// The language as docs/filter.md has it.
    fn markdown() -> String {
        let mut text = "| form | meaning |\n|---|---|\n".to_owned();
        for (form, meaning) in query::SYNTAX {
            let form = form.replace('|', "\\|"); // it would end the cell
            text.push_str(&format!("| `{form}` | {} |\n", escaped(meaning)));
        }
        text.push_str("\n| field | operators | values | meaning | example |\n|---|---|---|---|---|\n");
        for field in query::help() {
            let (values, meaning) = (escaped(&field.values), escaped(field.meaning));
            let (name, operators, example) = (field.name, field.operators, field.example);
            text.push_str(&format!("| `{name}` | `{operators}` | {values} | {meaning} | `{example}` |\n"));
        }
        text
    }

    /// Text in which no sign means anything to Markdown.
    fn escaped(text: &str) -> String {
        let mut escaped = String::new();
        for c in text.chars() {
            if matches!(c, '\\' | '*' | '|' | '<' | '_' | '`') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    }

    #[test]
    fn documents_have_the_filter_language() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/filter.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (there, after) = rest.split_once(END).unwrap();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, [before, BEGIN, &markdown(), END, after].concat()).unwrap();
        } else {
            assert_eq!(there, markdown(), "run `BLESS=1 cargo test documents`");
        }
    }

    #[test]
    fn documents_have_the_exit_statuses() {
        let page = include_str!("../../../docs/commands.md");
        for (status, meaning) in EXIT_STATUSES {
            assert!(page.contains(&format!("| {status} | {meaning} |")), "{status}");
        }
    }

    #[test]
    fn help_fits_eighty_columns() {
        for examples in [EXAMPLES, LIST_EXAMPLES, REPORT_EXAMPLES, WHY_EXAMPLES, EXPORT_EXAMPLES] {
            for line in long(examples).lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }
}
