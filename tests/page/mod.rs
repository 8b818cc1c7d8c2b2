//! The HTML report: the filter of its script chooses what `--filter` chooses.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use mcpdump::base::Files;
use mcpdump::ledger::query::{FIELDS, Filter, Subject};
use mcpdump::ledger::{Entry, Exchange, Ledger, Views};
use mcpdump::report::{Options, page};
use serde_json::{Value, json};

use crate::support::assert_no_problems;
use crate::support::corpus::Capture;
use crate::support::rng::Rng;
use crate::support::run::Run;
use crate::support::split::Split;

/// Captures whose exchanges differ in what filters ask for.
const CAPTURES: [&str; 14] = [
    "batch-2025-03-26/capture.pcapng",
    "damaged-ts-sse-dropped/capture.pcap",
    "damaged-ts-sse-midstream/capture.pcap",
    "h2-tls/capture-dsb.pcapng",
    "hackernews-2026.pcapng",
    "hackernews-sse.pcapng",
    "inspector-cli-old-sse/capture.pcapng",
    "real-loss-server-side/capture.pcap",
    "rev-2026-07-28/capture.pcapng",
    "slow-and-odd/capture.pcapng",
    "stacks/haproxy-roundrobin/capture.pcap",
    "tls13-keylog/capture-dsb.pcapng",
    "ts-streamable/capture.pcapng",
    "zstd-py/capture.pcap",
];

/// Expressions that each ask for something else.
const FILTERS: &[&str] = &[
    "",
    "tools",
    "s1",
    "s01",
    "S1",
    "\"tools/call\"",
    "method:tools/call",
    "method!=tools/call",
    "method:TOOLS/*",
    "not method:*",
    "name:*",
    "not name:*",
    "tool:s*",
    "name~^get.*s$",
    "name~'(a|e)[^x]+\\w'",
    "method~\\btools\\b",
    "method~\"t.{2}ls/\\w+\"",
    "method~(?-i)TOOLS",
    "id:1",
    "id:\"1\"",
    "status:ok",
    "status!=ok",
    "status~err",
    "status:un*",
    "cause:*",
    "cause:client_closed or cause:server_closed",
    "origin:server",
    "from!=server",
    "session:s1",
    "session!=s1",
    "session:s*",
    "session:\"s1\"",
    "session~[0-9a-f]{8}",
    "rev>=2025-03-26",
    "rev<2025-03-26",
    "rev:2025*",
    "transport:http+sse",
    "transport!=http+sse",
    "server:127.0.0.1",
    "server:127.0.0.0/8",
    "server!=127.0.0.0/8",
    "server:127.0.0.*",
    "client:0.0.0.0/0",
    "client:::/0",
    "ip:127.0.0.1",
    "ip!=127.0.0.1",
    "ip:[::1]",
    "ip:10.0.0.0/8",
    "ip~^127",
    "port:3000",
    "port>1024",
    "port!=3000",
    "dur>1ms",
    "dur>=0.5ms",
    "dur!=1ms",
    "dur<1s",
    "total<=20us",
    "send>0",
    "wait<0",
    "wait>1.5ms",
    "receive>=1us",
    "ack>0",
    "ack:*",
    "not ack:*",
    "waited>1s",
    "user>0",
    "bytes>=1kB",
    "bytes<1KiB",
    "bytes:0",
    "progress>0",
    "packet:20",
    "packet!=20",
    "packet>20",
    "packet<=20",
    "time>=2020-01-01",
    "time<2020-01-01T00:00Z",
    "time:2026-11-22",
    "time>2026-11-22T09:00:00+01:00",
    "time>=09:00",
    "time:09",
    "time:08:49",
    "time!=08:49:15",
    "time<1795337355.351",
    "error:-32602",
    "error<0",
    "not error:*",
    "http:202",
    "http:2xx",
    "http!=2xx",
    "http>=400",
    "degraded:none",
    "degraded:any",
    "degraded:gap",
    "degraded!=none",
    "finding:any",
    "finding:none",
    "finding:mcp.*",
    "finding~unanswered",
    "retrans>0",
    "view:front",
    "not view:back",
    "tls:none",
    "tls:any",
    "tls:1.3",
    "sni:*",
    "alpn:h2",
    "http_version:2",
    "http_version!=1.1",
    "file:a.pcap",
    "file!=a.pcap",
    "file~pcap$",
    "file:0.pcap",
    "not file:1.pcap",
    "packet:0.pcap:20",
    "(status:ok or status:error) and dur>1ms",
    "not (status:ok or dur>1ms) method:tools/call",
    "! status:ok && (dur > 1ms || http : 4xx)",
    "dur > 1 ms",
    "dur>1",
    "dur >",
    "dur>and x",
    "unknown:x",
    "method>x",
    "status:nonsense",
    "server:1.2.3.4.5",
    "server:1.2.3.4/33",
    "f(x)",
    "(a",
    "a)",
    "\"a",
    "\"\\x\"",
    "\"\\u{41}\"",
    "and",
    "\"and\"",
    "method:*x",
    "method:a*b",
    "method:\"a*b\"",
    "method:'a b'*",
    "method:*",
    "method!=*",
    "dur:*",
    "dur:1*",
    "port>*",
    "http:4xx or http:5XX",
    "http>4xx",
    "name~[",
    "name~'(?P<x>a)'",
    "body:x",
    "header:x",
    "auth:none",
    "body!=x",
];

/// The page's data about entries, and the exchanges that it holds.
fn data(entries: &[Entry], files: &Files) -> Value {
    let (mut ledger, mut rows) = (Ledger::new(None), page::Rows::new(Views::All));
    for entry in entries {
        ledger.push(entry);
        rows.push(entry);
    }
    let options = Options { numbering: files.clone(), ..Options::default() };
    let mut html = Vec::new();
    page::write(&ledger.snapshot(), &rows, &options, &mut html).unwrap();
    let html = String::from_utf8(html).unwrap();
    let (_, rest) = html.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// What the program answers.
fn chosen(text: &str, exchanges: &[&Exchange], files: &Files) -> Result<BTreeSet<u64>, usize> {
    let filter = Filter::parse(text).map_err(|error| error.at)?.on_files(files.clone());
    let matching = exchanges.iter().filter(|exchange| filter.matches(Subject::Exchange(exchange)));
    Ok(matching.map(|exchange| exchange.n).collect())
}

/// Makes expressions of tests that the fields allow, and of values that occur.
struct Generator {
    rng: Rng,
    texts: Vec<String>,
}

impl Generator {
    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.rng.below(list.len())].clone()
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.rng.below(if depth == 0 { 3 } else { 8 }) {
            0..=2 => self.test(),
            3 => format!("not {}", self.expression(depth - 1)),
            4 => format!("({})", self.expression(depth - 1)),
            5 => format!("{} or {}", self.expression(depth - 1), self.expression(depth - 1)),
            6 => format!("{} and {}", self.expression(depth - 1), self.expression(depth - 1)),
            _ => format!("{} {}", self.expression(depth - 1), self.expression(depth - 1)),
        }
    }

    fn test(&mut self) -> String {
        if self.rng.one_in(6) {
            return self.value();
        }
        let info = self.of(FIELDS);
        if self.rng.one_in(3) {
            return info.example.to_owned();
        }
        let op = self.of(info.kind.operators());
        let words = info.field.words();
        let value = match words.is_empty() || self.rng.one_in(8) {
            true => self.value(),
            false => self.of(&words).to_owned(),
        };
        format!("{}{op}{value}", info.name)
    }

    fn value(&mut self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        match self.rng.below(12) {
            0 => format!("{}ms", self.rng.below(50)),
            1 => format!("{}.{}us", self.rng.below(900), self.rng.below(900)),
            2 => self.rng.below(400).to_string(),
            3 => format!("{}kB", self.rng.below(4)),
            4 => format!("s{}", self.rng.below(4)),
            5 => self.of(&["127.0.0.1", "::1", "10.0.0.0/8", "127.0.0.1:3000", "[::1]:80"]).to_owned(),
            6 => self.of(&["2026-11-22", "08:49", "2026-11-22T08:49:15Z", "1795337355.3"]).to_owned(),
            7 => self
                .of(&["*", "a*", "4xx", "any", "none", "-32601", "[a-m]", "t.*s", "(a|b)+", "\\d{2}"])
                .to_owned(),
            8 => {
                let text = self.of(&self.texts.clone());
                format!("{}*", text.chars().take(4).collect::<String>())
            }
            9 | 10 => quoted(&self.of(&self.texts.clone())),
            _ => self.of(&self.texts.clone()),
        }
    }

    /// Pieces of expressions without sense: what one refuses, the other refuses, too.
    fn soup(&mut self) -> String {
        let mut pieces: Vec<&str> = " |(|)|\"|\\|*|!|!=|:|~|>|<=|=|and|or |not |&&|[|]|{|x|\u{e9}|-|.|/|5|1e9|ms|kB|4xx|::1|T|'|\u{130}|\\u{"
            .split('|')
            .collect();
        pieces.push("||");
        pieces.extend(FIELDS.iter().map(|info| info.name));
        (0..self.rng.below(9)).map(|_| self.of(&pieces)).collect()
    }
}

/// The program and the page choose the same exchanges, and refuse the same expressions. What the
/// page cannot know it says.
#[test]
fn the_page_filters_as_the_program_does() {
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|node| node.status.success()) {
        eprintln!("skipped: node is missing");
        return;
    }
    let one = Files::new(vec!["a.pcap".to_owned()]);
    let whole = CAPTURES.into_iter().map(|name| (name, Capture(name).run(), one.clone()));
    let (entries, several) = Split::of(&Capture(CAPTURES[0]).items(), 2, &[(30, 1), (30, 0)]).run();
    let split = ("two files", Arc::new(Run { entries }), several);
    let (mut input, mut asked) = (String::new(), Vec::new());
    for (seed, (name, run, files)) in (1..).zip(whole.chain([split])) {
        let exchanges = run.exchanges();
        let data = data(&run.entries, &files);
        let texts = data["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
        let mut generator = Generator { rng: Rng::new(seed), texts: texts.collect() };
        let mut filters: Vec<String> = FILTERS.iter().map(|text| (*text).to_owned()).collect();
        filters.extend((0..400).map(|_| generator.expression(3)));
        filters.extend((0..300).map(|_| generator.soup()));
        let wanted: Vec<_> = filters.iter().map(|text| chosen(text, &exchanges, &files)).collect();
        input.push_str(&json!({ "data": data, "filters": filters }).to_string());
        input.push('\n');
        asked.extend(filters.into_iter().zip(wanted).map(|(text, wanted)| (name, text, wanted)));
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let mut node = Command::new("node")
        .args([format!("{root}/tests/page/filter.mjs"), format!("{root}/src/report/page/filter.js")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap();
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(answers.len(), asked.len());
    let (mut problems, mut matched, mut not_here) = (Vec::new(), 0, 0);
    for ((name, text, wanted), answer) in asked.iter().zip(&answers) {
        let numbers = |list: &Vec<Value>| list.iter().filter_map(Value::as_u64).collect::<BTreeSet<_>>();
        let is_right = match (wanted, answer) {
            (Ok(wanted), Value::Array(list)) => {
                matched += usize::from(!wanted.is_empty());
                numbers(list) == *wanted
            }
            (_, answer) if answer.get("notHere").is_some() => {
                not_here += 1;
                true
            }
            // Positions are in bytes there and in UTF-16 here.
            (Err(_), answer) => answer.get("fault").is_some(),
            (Ok(_), _) => false,
        };
        if !is_right {
            problems.push(format!("{name}: {text}\n    program {wanted:?}\n    page {answer}"));
        }
    }
    assert_no_problems(&problems);
    assert!(
        matched > 1000 && not_here < asked.len() / 4,
        "{matched} matched, {not_here} cannot be evaluated"
    );
}
