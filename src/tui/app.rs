//! The state of the screen.

use super::config::Config;
use super::effect::Copies;
use super::frame_info::FrameInfo;
use super::input_line::InputLine;
use super::list_state::ListState;
use super::model::Model;
use super::view_name::ViewName;
use super::views::{self, View};

/// What is typed into, or lies above the view.
#[derive(Debug, Default)]
pub(super) enum Mode {
    /// Nothing: keys are actions.
    #[default]
    View,
    /// The filter line.
    Filter,
    /// The search line.
    Search,
    /// The help.
    Help(ListState),
    /// What can be copied.
    Copy(Copies),
}

/// From where one came to the exchanges.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) from: ViewName,
    /// The filter that held there.
    pub(super) filter: String,
    /// Whether one exchange was opened, not some shown.
    pub(super) opens: bool,
}

/// The state of the screen. Changed by what happens alone ([`App::handle`]), drawn by [`super::draw()`].
#[derive(Debug)]
pub struct App {
    /// What all views look at.
    pub model: Model,
    pub(super) config: Config,
    pub(super) views: Vec<Box<dyn View>>,
    pub(super) current: ViewName,
    pub(super) mode: Mode,
    pub(super) filter: InputLine,
    pub(super) search: InputLine,
    /// What the footer says; `None` where it shows keys.
    pub(super) said: Option<String>,
    pub(super) mouse: bool,
    /// What the last frame learned.
    pub(super) frame: FrameInfo,
    /// When and where the mouse was clicked last, for double clicks.
    pub(super) clicked: Option<(std::time::Duration, u16, u16)>,
    /// From where one came to the exchanges, where another view led there.
    pub(super) origin: Option<Origin>,
    /// Whether it was said what becomes of a capture that is left.
    pub(super) leaving: bool,
    /// Whether something is to be drawn.
    pub(super) dirty: bool,
}

impl App {
    /// A screen that shows the exchanges.
    #[must_use]
    pub fn new(mut model: Model, config: Config) -> Self {
        model.set_still(config.still);
        Self {
            views: views::all(&config, &model),
            model,
            current: ViewName::Exchanges,
            mode: Mode::View,
            filter: InputLine::default(),
            search: InputLine::default(),
            said: None,
            mouse: config.mouse,
            config,
            frame: FrameInfo::default(),
            clicked: None,
            origin: None,
            leaving: false,
            dirty: true,
        }
    }

    /// Shows the exchanges that pass a filter, from the start.
    #[must_use]
    pub fn filtered(mut self, filter: crate::ledger::query::Filter) -> Self {
        self.filter.set(filter.text());
        self.filter.keep();
        self.model.set_filter(filter);
        self
    }

    /// The filters of earlier runs, the newest last, for the arrows of the filter line.
    #[must_use]
    pub fn recalling(mut self, filters: Vec<String>) -> Self {
        self.filter.remember(filters);
        self
    }

    /// Whether something changed since it was asked last: a frame is drawn only then.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// What the last frame learned of the screen.
    pub fn set_frame_info(&mut self, frame: FrameInfo) {
        self.frame = frame;
    }

    /// The view that is shown.
    pub(super) fn view(&self) -> Option<&dyn View> {
        self.views.iter().find(|view| view.name() == self.current).map(AsRef::as_ref)
    }

    /// Whether there is such a view.
    pub(super) fn has(&self, name: ViewName) -> bool {
        self.views.iter().any(|view| view.name() == name)
    }

    /// Calls the view that is shown.
    pub(super) fn with_view<T>(
        &mut self,
        call: impl FnOnce(&mut dyn View, &mut Model, &FrameInfo) -> T,
    ) -> Option<T> {
        let view = self.views.iter_mut().find(|view| view.name() == self.current)?;
        Some(call(view.as_mut(), &mut self.model, &self.frame))
    }
}
