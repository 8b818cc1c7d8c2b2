//! `mcpdump web`: what the page says, to whom, and that it says more when more is captured.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::corpus;
use crate::support::program::mcpdump;
use crate::support::web::Web;

/// The text between the first `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0
}

fn data(page: &str) -> Value {
    serde_json::from_str(between(page, "id=\"data\">", "</script>")).unwrap()
}

/// Once a capture was read, the page is that of `report --format html`, with its files beside it.
#[test]
fn the_page_is_the_report() {
    for capture in ["captures/slow-and-odd/capture.pcapng", "captures/ts-sse/capture.pcap"] {
        let web = Web::start(&["--security", capture]);
        web.wait_for_end();
        let page = web.page();
        let options = ["report", "--security", "--format", "html", capture];
        let report = String::from_utf8(mcpdump().args(options).output().unwrap().stdout).unwrap();
        for (from, to) in [("<body>", "</script>"), ("<title>", "</title>")] {
            assert_eq!(between(&page, from, to), between(&report, from, to), "{capture}");
        }
        assert!(!page.contains("<style") && !page.contains("style=\""), "an inline style");
        assert_eq!(page.matches("<script").count(), 2);
        assert!(page.contains("<script src=\"page.js\"></script>"));
        let (status, head, style) = web.ask("GET", &format!("{}page.css", web.path), "");
        assert_eq!((status, style.as_str()), (200, between(&report, "<style>", "</style>")));
        assert!(head.contains("content-type: text/css"), "{head}");
        let (status, head, script) = web.ask("GET", &format!("{}page.js", web.path), "");
        assert!(status == 200 && head.contains("content-type: text/javascript"), "{head}");
        assert!(script.contains("new EventSource(\"updates\")"));
    }
}

/// Only who knows the path reads the page, and only as a page of this server.
#[test]
fn others_do_not_read_the_page() {
    let web = Web::start(&["captures/ts-sse/capture.pcap"]);
    web.wait_for_end();
    let token = web.path.trim_matches('/');
    let port = web.address.rsplit_once(':').unwrap().1;
    let files = ["", "page.css", "page.js", "updates"];
    for path in ["/", "/page.js", "/0123456789abcdef/", "/updates", &format!("/{token}x/"), "/../"] {
        assert_eq!(web.ask("GET", path, "").0, 404, "{path}");
    }
    for name in files {
        let wrong = format!("/{}/{name}", token.replace(['0', '1', '2', '3'], "4"));
        assert_eq!(web.ask("GET", &wrong, "").0, 404, "{wrong}");
        let path = format!("{}{name}", web.path);
        for host in ["evil.example", &format!("evil.example:{port}"), "192.0.2.1", ""] {
            assert_eq!(web.ask("GET", &path, &format!("Host: {host}\r\n")).0, 421, "{name} {host}");
        }
        for origin in ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1"] {
            assert_eq!(web.ask("GET", &path, &format!("Origin: {origin}\r\n")).0, 403, "{name} {origin}");
        }
        for method in ["POST", "OPTIONS", "PUT"] {
            assert_eq!(web.ask(method, &path, "").0, 405, "{name} {method}");
        }
    }
    let own = format!("Origin: http://{}\r\n", web.address);
    assert_eq!(web.ask("GET", &web.path, &own).0, 200);
    // A port that is forwarded has another number.
    let forwarded = "Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n";
    assert_eq!(web.ask("GET", &web.path, forwarded).0, 200);
    let (status, head, _) = web.ask("GET", &format!("/{token}"), "");
    assert!(status == 308 && head.contains(&format!("location: /{token}/")), "{head}");
    let (status, head, body) = web.ask("HEAD", &web.path, "");
    assert_eq!((status, body.as_str()), (200, ""));
    for field in [
        "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        connect-src 'self'; script-src 'self'; style-src 'self'",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.contains(field), "{field}: {head}");
    }
}

/// What is masked counts once, however often a page is asked for and whether a request was shown
/// before its answer.
#[test]
fn masking_counts_as_in_the_report() {
    let rules = ["--redact", "session-ids", "--redact", "$..name", "captures/ts-sse/capture.pcap"];
    let mut web = Web::start(&rules);
    web.wait_for_end();
    assert_eq!(web.page(), web.page());
    assert!(web.ends_by("INT"));
    let mut said = String::new();
    web.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let report = mcpdump().args(["report", "--format", "html"]).args(rules).output().unwrap();
    let expected = String::from_utf8(report.stderr).unwrap();
    let masked = expected.lines().find(|line| line.contains("masked")).unwrap();
    assert!(said.contains(masked) && !masked.contains(" 0,"), "{said}\nthe report: {masked}");
}

/// Connections of other users of this machine that say nothing neither keep a browser out nor end
/// what it reads.
#[test]
fn strangers_keep_nobody_out() {
    let web = Web::start(&["captures/ts-sse/capture.pcap"]);
    web.wait_for_end();
    let mut updates = web.updates();
    assert_eq!(updates.next().unwrap().0, "page");
    let connect = || TcpStream::connect(&web.address).unwrap();
    let mut silent = Vec::from_iter((0..100).map(|_| connect()));
    for stream in &mut silent[90..] {
        // The oldest may be closed by now.
        let _ = stream.write_all(b"GET / HT");
    }
    assert_eq!(web.page(), web.page());
    assert_eq!(updates.next().unwrap().0, "end");
}

#[test]
fn other_machines_are_not_served() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let output =
            mcpdump().args(["web", "--listen", address, "captures/ts-sse/capture.pcap"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("ssh -L"), "{address}: {said}");
    }
}

/// A file that grows: the stream tells of it, the page has what was added, requests that wait are
/// named, and Ctrl-C ends the program.
#[test]
fn the_page_grows_with_the_capture() {
    let bytes = corpus::bytes(&corpus::directory().join("ts-sse/capture.pcap"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.pcap");
    let capture = path.to_str().unwrap();
    // The last call of the first half waits for its answer.
    let half = (bytes.len() / 4..bytes.len())
        .find(|len| {
            fs::write(&path, &bytes[..*len]).unwrap();
            // Where its id stands, and the message ends.
            bytes[..*len].ends_with(b"}")
                && bytes[len - 10..*len].windows(5).any(|it| it == b"\"id\":")
                && bytes[len - 400..*len].windows(10).any(|it| it == b"tools/call")
        })
        .unwrap();
    let mut web = Web::start(&["--follow", capture]);
    let mut updates = web.updates();
    let rows = |page: &str| data(page)["rows"].as_array().unwrap().len();
    let whole = String::from_utf8(
        mcpdump()
            .args(["report", "--format", "html", "captures/ts-sse/capture.pcap"])
            .output()
            .unwrap()
            .stdout,
    )
    .unwrap();

    let version = |page: &str| between(page, "mcpdump-version\" content=\"", "\"").parse::<u64>().unwrap();
    let mut page = web.page();
    // Sessions that are open are there, too.
    while !page.contains("id=\"waiting\"") || !page.contains("id=\"sessions\"") {
        let (event, newest) = updates.next().unwrap();
        assert_eq!(event, "page");
        page = web.page();
        assert!(version(&page) >= newest.parse().unwrap());
    }
    assert!(page.contains(" so far</p>") && rows(&page) < rows(&whole));
    assert!(between(&page, "id=\"waiting\"", "</section>").contains("tools/call"), "{page}");

    OpenOptions::new().append(true).open(&path).unwrap().write_all(&bytes[half..]).unwrap();
    while rows(&page) < rows(&whole) || page.contains("id=\"waiting\"") {
        assert_eq!(updates.next().unwrap().0, "page");
        page = web.page();
    }
    assert_eq!(data(&page)["rows"].as_array().unwrap().len(), rows(&whole));

    assert!(web.ends_by("INT"));
}

/// What was read is shown until Ctrl-C.
#[test]
fn a_signal_ends_it() {
    for signal in ["INT", "TERM"] {
        let mut web = Web::start(&["captures/ts-sse/capture.pcap"]);
        web.wait_for_end();
        assert!(web.ends_by(signal), "{signal}");
    }
}
