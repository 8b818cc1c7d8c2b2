//! Every view and every tab: empty, while loading, without colours, in ASCII, in each theme, and in
//! the smallest terminal. One snapshot per state and size, the screens below each other.

use std::collections::BTreeMap;

use mcpdump::tui::{Config, Environment, Event, Loading};
use ratatui::style::{Color, Modifier};

use super::screen::{SIZES, Screen};
use super::{ODD, SSE, snapshot};

/// The keys that open each view.
pub(crate) const VIEWS: [(&str, &[&str]); 8] = [
    ("overview", &["1"]),
    ("sessions", &["2"]),
    ("exchanges", &["3"]),
    ("latency", &["4"]),
    ("streams", &["5"]),
    ("connections", &["6"]),
    ("findings", &["7"]),
    ("servers", &["8"]),
];

/// The keys that open each tab of an exchange, one after the other.
pub(crate) const TABS: [(&str, &[&str]); 8] = [
    ("why", &["left"]),
    ("timeline", &["right"]),
    ("request", &["right"]),
    ("response", &["right"]),
    ("events", &["right"]),
    ("http", &["right"]),
    ("packets", &["right"]),
    ("findings", &["right"]),
];

/// The screens after each step, below each other.
pub(crate) fn walk(screen: &mut Screen, steps: &[(&str, &[&str])]) -> String {
    let mut text = String::new();
    for (name, keys) in steps {
        text.push_str(&format!("== {name}\n{}", screen.pressed(keys)));
    }
    text
}

#[test]
fn every_view_while_empty() {
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        snapshot(&format!("views-empty-{columns}x{lines}"), &walk(&mut screen, &VIEWS));
        screen.tell(Event::End);
        snapshot(&format!("views-nothing-{columns}x{lines}"), &walk(&mut screen, &VIEWS));
    }
}

#[test]
fn every_view_while_loading() {
    for (columns, lines) in SIZES {
        let mut screen = Screen::empty(columns, lines);
        screen.load_until(ODD, 24);
        screen.tell(Event::Loading(Loading { read: 57, total: Some(100) }));
        let text = walk(&mut screen, &VIEWS);
        assert_eq!(text.matches("reading 57 %").count(), VIEWS.len(), "{text}");
        snapshot(&format!("views-loading-{columns}x{lines}"), &text);
    }
}

#[test]
fn every_view_and_tab_in_ascii_without_colours() {
    let config = Config::parse("", Environment { no_color: true, ascii: true }).unwrap();
    for (columns, lines) in SIZES {
        let mut screen = Screen::with(config.clone(), columns, lines);
        screen.load(SSE);
        let views = walk(&mut screen, &VIEWS);
        screen.press(&["3", "/", "'tool:slow-progress'", "enter", "enter"]);
        let tabs = walk(&mut screen, &TABS);
        for (name, text) in [("views", views), ("tabs", tabs)] {
            let strange: String = text.chars().filter(|c| !c.is_ascii()).collect();
            assert_eq!(strange, "", "{text}");
            snapshot(&format!("{name}-ascii-{columns}x{lines}"), &text);
        }
    }
}

/// No view, tab, line or menu has a colour if `NO_COLOR` is set.
#[test]
fn no_color_removes_every_colour() {
    let config = Config::parse("", Environment { no_color: true, ascii: false }).unwrap();
    for (columns, lines) in SIZES {
        let mut screen = Screen::with(config.clone(), columns, lines);
        screen.load(ODD);
        let mut looked = 0;
        let mut look = |screen: &mut Screen, keys: &[&str]| {
            screen.press(keys);
            assert!(!screen.has_colors(), "{}", screen.text());
            looked += 1;
        };
        for (_, keys) in VIEWS {
            look(&mut screen, keys);
            for keys in [["?"], ["esc"], ["y"], ["esc"], ["enter"], ["enter"]] {
                look(&mut screen, &keys);
            }
        }
        look(&mut screen, &["3", "home", "enter"]);
        for (_, keys) in TABS {
            look(&mut screen, keys);
        }
        for keys in [["esc"], ["/"], ["'dur>>'"], ["ctrl-u"], ["'tool:'"], ["tab"]] {
            look(&mut screen, &keys);
        }
        assert!(looked > 60);
    }
}

#[test]
fn every_theme() {
    let none = Environment { no_color: true, ascii: false };
    for (name, text, wanted) in [
        ("dark", "theme = \"dark\"", Environment::default()),
        ("light", "theme = \"light\"", Environment::default()),
        ("high-contrast", "theme = \"high-contrast\"", Environment::default()),
        ("none", "", none),
    ] {
        let mut screen = Screen::with(Config::parse(text, wanted).unwrap(), 80, 24);
        screen.load(SSE);
        screen.press(&["/", "'tool:always* or tool:slow* or status:cancelled'", "enter"]);
        let list = styled(&mut screen);
        screen.press(&["enter", "right", "ctrl-f", "'name'", "enter"]);
        snapshot(&format!("theme-{name}"), &format!("{list}\n{}", styled(&mut screen)));
    }
}

#[test]
fn every_view_has_help_and_copies() {
    let mut screen = Screen::of(ODD, 80, 24);
    let (mut help, mut copies) = (String::new(), String::new());
    for (name, keys) in VIEWS {
        screen.press(keys);
        help.push_str(&format!("== {name}\n{}", screen.pressed(&["?"])));
        screen.press(&["esc"]);
        copies.push_str(&format!("== {name}\n{}", screen.pressed(&["y"])));
        screen.press(&["esc"]);
    }
    snapshot("views-help", &help);
    no_line_of_the_help_is_cut();
    snapshot("views-copy", &copies);
}

fn no_line_of_the_help_is_cut() {
    for (columns, lines) in [(60, 15), (80, 24), (200, 50)] {
        let mut screen = Screen::of(ODD, columns, lines);
        screen.press(&["?"]);
        let mut before = String::new();
        while screen.text() != before {
            before = screen.text();
            // The scroll bar stands at the end of each line.
            let is_cut = |line: &str| line.trim_end_matches(['█', '│', ' ']).ends_with('…');
            assert!(!before.lines().any(is_cut), "{before}");
            screen.press(&["ctrl-d"]);
        }
        assert!(before.contains("llm.finish:length"), "{before}");
    }
}

#[test]
fn a_terminal_that_is_too_small_shows_a_message() {
    let mut screen = Screen::of(ODD, 40, 10);
    let said = screen.text();
    assert!(said.contains("too small") && said.contains("60x15") && said.contains("40x10"), "{said}");
    for (_, keys) in VIEWS {
        assert_eq!(screen.pressed(keys), said);
    }
    for keys in [["3"], ["enter"], ["right"], ["?"], ["esc"], ["y"], ["esc"], ["/"], ["'x'"], ["esc"]] {
        assert_eq!(screen.pressed(&keys), said);
    }
    // Every size can be drawn.
    for (columns, lines) in [(1, 1), (1, 50), (200, 1), (2, 2), (59, 15), (60, 14)] {
        let mut screen = Screen::of(SSE, columns, lines);
        for keys in [["1"], ["3"], ["enter"], ["?"], ["esc"], ["y"], ["esc"], ["/"], ["tab"]] {
            screen.press(&keys);
        }
    }
}

#[test]
fn the_smallest_terminal_shows_every_view_and_tab() {
    let mut screen = Screen::of(ODD, 60, 15);
    snapshot("views-least", &walk(&mut screen, &VIEWS));
    screen.press(&["3", "home", "enter"]);
    snapshot("tabs-least", &walk(&mut screen, &TABS));
}

/// The position of an error is marked in every theme.
#[test]
fn the_position_of_a_filter_error_is_marked() {
    for (columns, lines) in SIZES {
        let mut screen = Screen::of(SSE, columns, lines);
        screen.press(&["/", "'status:tool_error dur>>'"]);
        let at = screen.text().lines().nth(1).unwrap().find(">>").unwrap() + 1;
        let marked: Vec<usize> = screen.cells().content()[usize::from(columns)..][..usize::from(columns)]
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.modifier.contains(Modifier::REVERSED))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(marked, [at], "{}", screen.text());
    }
}

/// The screen, and below it a letter for the style of each cell, with what the letters stand for.
fn styled(screen: &mut Screen) -> String {
    let text = screen.text();
    let cells = screen.cells();
    let mut letters = BTreeMap::new();
    let mut map = String::new();
    for line in cells.content().chunks(cells.area.width.into()) {
        let mut shown = String::new();
        for cell in line {
            let style = (color(cell.fg), color(cell.bg), cell.modifier.bits());
            if style == (String::new(), String::new(), 0) {
                shown.push(' ');
                continue;
            }
            let next = u8::try_from(letters.len()).unwrap();
            shown.push(char::from(b'a' + *letters.entry(style).or_insert(next)));
        }
        map.push_str(shown.trim_end());
        map.push('\n');
    }
    let mut legend: Vec<String> = letters
        .into_iter()
        .map(|((fg, bg, bits), letter)| {
            let modifiers = Modifier::from_bits_truncate(bits);
            format!("{}: {fg} on {bg} {modifiers:?}\n", char::from(b'a' + letter))
        })
        .collect();
    legend.sort_unstable();
    format!("{text}\n{map}\n{}", legend.concat())
}

fn color(color: Color) -> String {
    if color == Color::Reset { String::new() } else { color.to_string() }
}
