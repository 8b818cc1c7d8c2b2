//! A screen as a picture: the cells of a buffer in, SVG out. The same on every machine: fonts are
//! named, never measured, and every piece of text is stretched to the columns that it has.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The cell of a terminal, in the picture's units: what common monospaced fonts have at this size.
const WIDE: f64 = 8.4;
const HIGH: f64 = 18.0;
const FONT: u16 = 14;
/// From the top of a line to what letters stand on.
const BASE: f64 = 13.5;

/// Around the cells, and the bar above them.
const MARGIN: f64 = 12.0;
const BAR: f64 = 30.0;

/// What a dark terminal has where nothing is said: text and ground.
const INK: u32 = 0xe6edf3;
const GROUND: u32 = 0x0d1117;

/// How a cell is shown, after what is reversed was turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    ink: u32,
    ground: u32,
    bold: bool,
    dim: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, ground) = (number(cell.fg, INK), number(cell.bg, GROUND));
        let has = |modifier| cell.modifier.contains(modifier);
        let (ink, ground) = if has(Modifier::REVERSED) { (ground, ink) } else { (ink, ground) };
        Self { ink, ground, bold: has(Modifier::BOLD), dim: has(Modifier::DIM) }
    }
}

/// The colour as a number: the themes have no others.
fn number(color: Color, or: u32) -> u32 {
    match color {
        Color::Reset => or,
        Color::Rgb(r, g, b) => u32::from_be_bytes([0, r, g, b]),
        other => panic!("{other:?} depends on the terminal"),
    }
}

/// Text of one look that stands in one place.
struct Run {
    column: usize,
    columns: usize,
    look: Look,
    text: String,
}

/// The picture of a screen below a bar with a title.
pub(crate) fn svg(cells: &Buffer, title: &str) -> String {
    let area = cells.area;
    let (width, height) = (f64::from(area.width) * WIDE, f64::from(area.height) * HIGH);
    let mut classes = BTreeMap::new();
    let (mut grounds, mut shapes, mut texts) = (String::new(), String::new(), String::new());
    for (line, row) in cells.content().chunks(area.width.into()).enumerate() {
        let y = line as f64 * HIGH;
        paint_grounds(row, y, &mut grounds);
        paint_shapes(row, y, &mut shapes);
        for run in runs(row) {
            let next = classes.len();
            let class = *classes.entry((run.look.ink, run.look.bold, run.look.dim)).or_insert(next);
            let (x, columns) = (run.column as f64 * WIDE, run.columns as f64 * WIDE);
            let (y, text) = (y + BASE, escaped(&run.text));
            writeln!(
                texts,
                "<text class=\"c{class}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{columns:.1}\">{text}</text>"
            )
            .unwrap();
        }
    }
    let styles: String =
        classes.iter().map(|((ink, bold, dim), class)| style(*class, *ink, *bold, *dim)).collect();
    let (outer, total) = (width + 2.0 * MARGIN, height + BAR + MARGIN);
    let middle = outer / 2.0;
    let title = escaped(title);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {outer:.1} {total:.1}" width="{outer:.0}" height="{total:.0}" role="img">
<title>{title}</title>
<style>
text {{ white-space: pre; font: {FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }}
{styles}</style>
<rect x=".5" y=".5" width="{:.1}" height="{:.1}" rx="8" fill="#{GROUND:06x}" stroke="#3d444d"/>
<path d="M.5 29.5H{:.1}" stroke="#3d444d"/>
<g fill="#3d444d"><circle cx="18" cy="15" r="5"/><circle cx="35" cy="15" r="5"/><circle cx="52" cy="15" r="5"/></g>
<text x="{middle:.1}" y="19.5" text-anchor="middle" fill="#9198a1">{title}</text>
<g transform="translate({MARGIN} {BAR})">
{grounds}{shapes}{texts}</g>
</svg>
"##,
        outer - 1.0,
        total - 1.0,
        outer - 0.5,
    )
}

fn style(class: usize, ink: u32, bold: bool, dim: bool) -> String {
    let bold = if bold { "; font-weight: bold" } else { "" };
    let dim = if dim { "; fill-opacity: .6" } else { "" };
    format!(".c{class} {{ fill: #{ink:06x}{bold}{dim} }}\n")
}

/// Rectangles behind what has another ground than the whole.
fn paint_grounds(row: &[Cell], y: f64, into: &mut String) {
    let mut column = 0;
    for group in row.chunk_by(|one, other| Look::of(one).ground == Look::of(other).ground) {
        let ground = Look::of(&group[0]).ground;
        if ground != GROUND {
            rectangle(into, [column as f64 * WIDE, y, group.len() as f64 * WIDE, HIGH], ground, 1.0);
        }
        column += group.len();
    }
}

/// Blocks and rules as what they are: letters would leave gaps between lines, another width in each
/// font.
fn paint_shapes(row: &[Cell], y: f64, into: &mut String) {
    let drawn = |cell: &Cell| (cell.symbol().to_owned(), Look::of(cell).ink, Look::of(cell).dim);
    let mut column = 0;
    for group in row.chunk_by(|one, other| drawn(one) == drawn(other) && is_joined(one.symbol())) {
        let look = Look::of(&group[0]);
        for [left, top, wide, high, strength] in shapes(group[0].symbol()) {
            let columns = if group.len() > 1 { group.len() as f64 } else { wide };
            let place = [(column as f64 + left) * WIDE, y + top * HIGH, columns * WIDE, high * HIGH];
            rectangle(into, place, look.ink, if look.dim { strength * 0.6 } else { strength });
        }
        column += group.len();
    }
}

fn rectangle(into: &mut String, [x, y, width, height]: [f64; 4], fill: u32, opacity: f64) {
    let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{opacity:.2}\"") } else { String::new() };
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
    writeln!(into, "<rect {place} fill=\"#{fill:06x}\"{opacity} shape-rendering=\"crispEdges\"/>").unwrap();
}

/// Whether a shape goes from one side of its cell to the other, so that it is one with its
/// neighbours.
fn is_joined(symbol: &str) -> bool {
    matches!(shapes(symbol)[..], [[left, _, wide, ..]] if left == 0.0 && wide == 1.0)
}

/// The parts of its cell that a block or a rule fills: left, top, width, height, and how strongly.
/// Empty for letters.
fn shapes(symbol: &str) -> Vec<[f64; 5]> {
    let eighths = |part: u32| f64::from(part) / 8.0;
    let Some(character) = symbol.chars().next() else { return Vec::new() };
    let code = u32::from(character);
    let corner = |right: bool, below: bool| {
        let lying = [if right { 0.44 } else { 0.0 }, 0.47, 0.56, 0.06, 1.0];
        vec![lying, [0.44, if below { 0.47 } else { 0.0 }, 0.12, 0.53, 1.0]]
    };
    match character {
        '─' => vec![[0.0, 0.47, 1.0, 0.06, 1.0]],
        '│' => vec![[0.44, 0.0, 0.12, 1.0, 1.0]],
        '╭' => corner(true, true),
        '╮' => corner(false, true),
        '╰' => corner(true, false),
        '╯' => corner(false, false),
        '▁'..='█' => vec![[0.0, 1.0 - eighths(code - 0x2580), 1.0, eighths(code - 0x2580), 1.0]],
        '▉'..='▏' => vec![[0.0, 0.0, eighths(0x2590 - code), 1.0, 1.0]],
        '░' => vec![[0.0, 0.0, 1.0, 1.0, 0.25]],
        '▒' => vec![[0.0, 0.0, 1.0, 1.0, 0.5]],
        '▓' => vec![[0.0, 0.0, 1.0, 1.0, 0.75]],
        _ => Vec::new(),
    }
}

/// The texts of a line: parts of one look, broken at gaps and around what fonts have in other
/// widths.
fn runs(row: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    while column < row.len() {
        let symbol = row[column].symbol();
        let columns = unicode_width::UnicodeWidthStr::width(symbol).max(1);
        if symbol.trim().is_empty() || !shapes(symbol).is_empty() {
            column += 1;
            continue;
        }
        let look = Look { ground: GROUND, ..Look::of(&row[column]) };
        match runs.last_mut() {
            // One blank between words keeps them together.
            Some(run)
                if run.look == look && column - run.column - run.columns <= 1 && is_one(run, symbol) =>
            {
                if column > run.column + run.columns {
                    run.text.push(' ');
                }
                run.text.push_str(symbol);
                run.columns = column + columns - run.column;
            }
            _ => runs.push(Run { column, columns, look, text: symbol.to_owned() }),
        }
        column += columns;
    }
    runs
}

/// Whether a symbol goes on with the text before it: letters of every monospaced font alone.
fn is_one(run: &Run, symbol: &str) -> bool {
    run.text.is_ascii() && symbol.is_ascii()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
