//! Where a finding leads: to its exchange, to what its packet carries, to its connection; and where
//! an exchange shows its other leg.

use super::screen::Screen;

/// Selects a code in the view of the findings, and opens its first finding.
fn open(capture: &str, code: &str) -> Screen {
    let mut screen = Screen::of(capture, 160, 50);
    screen.press(&["7"]);
    let is_selected =
        |screen: &mut Screen| screen.text().lines().any(|line| line.starts_with('▌') && line.contains(code));
    for _ in 0..30 {
        if is_selected(&mut screen) {
            screen.press(&["enter", "enter"]);
            return screen;
        }
        screen.press(&["down"]);
    }
    panic!("{capture} has no {code}:\n{}", screen.text());
}

#[track_caller]
fn shows(screen: &mut Screen, words: &[&str]) {
    let text = screen.text();
    for word in words {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
}

#[test]
fn a_finding_about_an_exchange_opens_it() {
    let mut screen = open("field/string-id-answered-as-number/capture.pcap", "mcp.id_changed");
    shows(&mut screen, &["Timeline", "tools/call"]);
}

/// The GET is no exchange: its head is shown.
#[test]
fn a_finding_about_http_opens_what_its_packet_carries() {
    let mut screen = open("field/get-404-while-the-session-works/capture.pcap", "mcp.get_misanswered");
    shows(&mut screen, &["GET /mcp", "404"]);
}

#[test]
fn a_finding_about_a_connection_shows_its_row() {
    let mut screen = open("damaged-ts-sse-dropped/capture.pcap", "tcp.gap");
    shows(&mut screen, &["Connections"]);
    let text = screen.text();
    assert!(text.lines().any(|line| line.starts_with('▌')), "{text}");
}

#[test]
fn a_finding_about_the_capture_says_so() {
    let mut screen = open("damaged-ts-sse-snaplen128/capture.pcap", "capture.cut_packets");
    shows(&mut screen, &["this finding is about the capture, not about a connection"]);
}

/// Behind a proxy the timeline names the same call on the other leg, and the proxy's own share.
#[test]
fn an_exchange_names_its_other_leg() {
    let mut screen = Screen::of("stacks/nginx-unbuffered-http/capture.pcap", 160, 50);
    for (view, word) in [("front", "behind the proxy"), ("back", "in front of the proxy")] {
        screen.press(&["3", "esc", "esc", "/", &format!("'view:{view}'"), "enter", "home", "enter"]);
        shows(&mut screen, &["other leg", word]);
    }
}

/// A row of the overview counts a call on both legs of a proxy once, and leads to as many.
#[test]
fn a_count_leads_to_as_many_rows() {
    let mut screen = Screen::of("stacks/nginx-buffered-sse/capture.pcap", 160, 50);
    screen.press(&["1"]);
    shows(&mut screen, &["2x unanswered", "seen on both legs of a proxy count once"]);
    screen.press(&["home", "enter"]);
    shows(&mut screen, &["status:unanswered cause:client_closed not view:back", "2 of 70"]);
}
