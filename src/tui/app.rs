//! The state of the TUI.

use crate::base::time_style::TimeFormat;

use super::config::Config;
use super::effect::CopyMenu;
use super::frame_info::FrameInfo;
use super::input_line::InputLine;
use super::list_state::ListState;
use super::model::Model;
use super::view_name::ViewName;
use super::views::{self, View};

/// The part of the screen that receives the keys.
#[derive(Debug, Default)]
pub(super) enum Mode {
    /// The view: keys are actions.
    #[default]
    View,
    /// The filter line.
    Filter,
    /// The search line.
    Search,
    /// The help, with its scroll position.
    Help(ListState),
    /// The copy menu.
    Copy(CopyMenu),
    /// The menu of what can be saved.
    Save(CopyMenu),
}

/// The view that led to the exchanges, to return to.
#[derive(Debug)]
pub(super) struct ReturnPoint {
    pub(super) from: ViewName,
    /// The filter at that time.
    pub(super) filter: String,
    /// Whether it opened one exchange; otherwise it filtered the list.
    pub(super) opens: bool,
}

/// The state of the TUI. Changed by [`App::handle`], [`App::handle_action`] and [`App::tick`],
/// drawn by [`super::draw()`].
#[derive(Debug)]
pub struct App {
    /// The state that all views show.
    pub model: Model,
    pub(super) config: Config,
    pub(super) views: Vec<Box<dyn View>>,
    pub(super) current: ViewName,
    pub(super) mode: Mode,
    pub(super) filter: InputLine,
    pub(super) search: InputLine,
    /// The message in the footer; `None` if it shows keys.
    pub(super) message: Option<String>,
    pub(super) mouse: bool,
    /// The layout of the last frame.
    pub(super) frame: FrameInfo,
    /// Uptime and position of the last click, to detect double clicks.
    pub(super) last_click: Option<(std::time::Duration, u16, u16)>,
    /// The view to return to from the exchanges; `None` if the user went there directly.
    pub(super) origin: Option<ReturnPoint>,
    /// Whether the message that quitting ends the capture was shown.
    pub(super) has_asked_to_quit: bool,
    /// Whether a frame must be drawn.
    pub(super) dirty: bool,
}

impl App {
    /// Returns an app that shows the overview of a saved capture, or the exchanges of a live one.
    #[must_use]
    pub fn new(mut model: Model, config: Config) -> Self {
        model.set_still(config.still);
        model.set_limits(config.limits.clone());
        model.set_time_format(TimeFormat { style: config.time, zone: config.zone.clone() });
        let current = if model.source().is_live { ViewName::Exchanges } else { ViewName::Overview };
        Self {
            views: views::all(&config, &model),
            model,
            current,
            mode: Mode::View,
            filter: InputLine::default(),
            search: InputLine::default(),
            message: None,
            mouse: config.mouse,
            config,
            frame: FrameInfo::default(),
            last_click: None,
            origin: None,
            has_asked_to_quit: false,
            dirty: true,
        }
    }

    /// Sets the initial filter. Unless it is empty, the exchanges are shown: the overview is that
    /// of the whole capture.
    #[must_use]
    pub fn with_filter(mut self, filter: crate::ledger::query::Filter) -> Self {
        if !filter.is_empty() {
            self.current = ViewName::Exchanges;
        }
        self.filter.set(filter.text());
        self.filter.add_to_history();
        self.model.set_filter(filter);
        self
    }

    /// Sets the filter history: the filters of earlier runs, the latest last.
    #[must_use]
    pub fn with_history(mut self, filters: Vec<String>) -> Self {
        self.filter.set_history(filters);
        self
    }

    /// Returns whether a frame must be drawn, and clears the flag.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Stores the layout of the last frame.
    pub fn set_frame_info(&mut self, frame: FrameInfo) {
        self.frame = frame;
    }

    /// Returns the current view.
    pub(super) fn current_view(&self) -> Option<&dyn View> {
        self.views.iter().find(|view| view.name() == self.current).map(AsRef::as_ref)
    }

    /// Whether the view exists.
    pub(super) fn has_view(&self, name: ViewName) -> bool {
        self.views.iter().any(|view| view.name() == name)
    }

    /// Calls a function with the current view. Returns `None` if there is no current view.
    pub(super) fn with_view<T>(
        &mut self,
        call: impl FnOnce(&mut dyn View, &mut Model, &FrameInfo) -> T,
    ) -> Option<T> {
        let view = self.views.iter_mut().find(|view| view.name() == self.current)?;
        Some(call(view.as_mut(), &mut self.model, &self.frame))
    }
}
