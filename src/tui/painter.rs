//! What views draw with. Every text passes through here, and here it is made harmless: nothing that came from traffic
//! reaches the terminal as it was.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};

use crate::base::sanitize;

use super::frame_info::{FrameInfo, Hit, Pane};
use super::theme::{Role, Symbols, Theme};

/// What a mask looks like, where privacy is asked for.
pub(super) const MASK: &str = "***";

/// A screen that is being drawn.
#[derive(Debug)]
pub struct Painter<'a> {
    /// Whether ids, tokens and payloads are masked.
    is_private: bool,
    pub(super) theme: &'a Theme,
    pub(super) cells: &'a mut Buffer,
    pub(super) info: FrameInfo,
}

impl<'a> Painter<'a> {
    /// Returns a painter for an empty frame. `is_private` masks ids, tokens and payloads.
    pub(super) fn new(theme: &'a Theme, cells: &'a mut Buffer, is_private: bool) -> Self {
        Self { is_private, theme, cells, info: FrameInfo::default() }
    }

    /// Whether ids, tokens and payloads are masked.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }
    /// The characters that stand for something.
    #[must_use]
    pub fn symbols(&self) -> Symbols {
        *self.theme.symbols()
    }

    /// Writes text on one line, cut to `columns`; says how many it took.
    pub fn text(&mut self, at: Position, columns: u16, role: Role, text: &str) -> u16 {
        let area = self.cells.area;
        if columns == 0 || !area.contains(at) {
            return 0;
        }
        let columns = columns.min(area.right() - at.x);
        let harmless = shown(text, columns.into());
        let cut = self.cut(&harmless, columns.into());
        let style = self.theme.style(role);
        let (end, _) = self.cells.set_stringn(at.x, at.y, &cut, columns.into(), style);
        end - at.x
    }

    /// Writes parts one behind the other on the first line of `area`; says how many columns they took.
    pub fn line(&mut self, area: Rect, parts: &[(Role, &str)]) -> u16 {
        let mut x = area.x;
        for (role, text) in parts {
            let left = area.right().saturating_sub(x);
            x += self.text(Position::new(x, area.y), left, *role, text);
        }
        x - area.x
    }

    /// Writes text that ends at the right end of `area`.
    pub fn right(&mut self, area: Rect, role: Role, text: &str) {
        let harmless = shown(text, area.width.into());
        let columns = sanitize::width(&harmless).min(area.width.into()) as u16;
        self.text(Position::new(area.right() - columns, area.y), columns, role, &harmless);
    }

    /// Gives an area the style of a role, over what is written there.
    pub fn wash(&mut self, area: Rect, role: Role) {
        self.cells.set_style(area.intersection(self.cells.area), self.theme.style(role));
    }

    /// Empties an area, for what lies above others.
    pub fn clear(&mut self, area: Rect) {
        for at in area.intersection(self.cells.area).positions() {
            if let Some(cell) = self.cells.cell_mut(at) {
                cell.reset();
            }
        }
    }

    /// A rule over the whole width of `area`, with a title.
    pub fn rule(&mut self, area: Rect, title: &str) {
        let [lying, _] = self.symbols().rules;
        self.text(area.as_position(), area.width, Role::Border, &lying.repeat(area.width.into()));
        if !title.is_empty() {
            let at = Position::new(area.x + 2.min(area.width), area.y);
            self.text(at, area.width.saturating_sub(4), Role::Title, &format!(" {title} "));
        }
    }

    /// Empties an area and frames it, for what lies above others; gives what is inside of the frame.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let ([_, standing], corners) = (self.symbols().rules, self.symbols().corners);
        self.clear(area);
        let (right, below) = (area.right().saturating_sub(1), area.bottom().saturating_sub(1));
        self.rule(Rect { height: 1, ..area }, title);
        self.rule(Rect { y: below, height: 1, ..area }, "");
        for line in area.y..area.bottom() {
            self.text(Position::new(area.x, line), 1, Role::Border, standing);
            self.text(Position::new(right, line), 1, Role::Border, standing);
        }
        let places = [(area.x, area.y), (right, area.y), (area.x, below), (right, below)];
        for ((x, y), corner) in places.into_iter().zip(corners) {
            self.text(Position::new(x, y), 1, Role::Border, corner);
        }
        area.inner(Margin::new(1, 1))
    }

    /// A bar of `part` in `whole`, with eighths, from the left of `area`.
    pub fn bar(&mut self, area: Rect, role: Role, part: f64) {
        let symbols = self.symbols();
        let eighths = (part.clamp(0.0, 1.0) * f64::from(area.width) * 8.0).round() as u16;
        let whole = symbols.bar[7].repeat((eighths / 8).into());
        let rest = usize::from(eighths % 8).checked_sub(1).and_then(|at| symbols.bar.get(at)).unwrap_or(&"");
        self.text(area.as_position(), area.width, role, &format!("{whole}{rest}"));
    }

    /// Says where the rows of a pane are.
    pub fn pane(&mut self, pane: Pane, area: Rect) {
        self.info.panes.push((pane, area));
    }

    /// Says what lies at a place.
    pub fn hit(&mut self, area: Rect, hit: Hit) {
        self.info.hits.push((area, hit));
    }

    /// What may not be seen on a shared screen: itself, or a mask.
    #[must_use]
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_private { Cow::Borrowed(MASK) } else { Cow::Borrowed(text) }
    }

    /// The text, cut; with nothing beyond ASCII, where the terminal has no more.
    fn cut<'t>(&self, text: &'t str, columns: usize) -> Cow<'t, str> {
        let fits = sanitize::fit(text, columns);
        if !self.symbols().more.is_ascii() || fits.is_ascii() {
            return fits;
        }
        let plain = |c: char| match c {
            c if c.is_ascii() => c.to_string(),
            '…' => self.symbols().more.to_owned(),
            '·' => "-".to_owned(),
            'µ' => "u".to_owned(),
            // As many columns as it had.
            c => "?".repeat(sanitize::width(c.encode_utf8(&mut [0; 4]))),
        };
        Cow::Owned(fits.chars().map(plain).collect())
    }
}

/// As much of a text as `columns` can hold, harmless and without credentials. What is longer by far is cut before it is
/// looked at: a line may have 10 MB.
fn shown(text: &str, columns: usize) -> String {
    let most = text.floor_char_boundary(columns.saturating_mul(16).saturating_add(64));
    let (front, _) = text.split_at_checked(most).unwrap_or((text, ""));
    sanitize::clean(front)
}
