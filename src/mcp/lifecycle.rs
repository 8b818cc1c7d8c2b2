//! How far a session is initialized.

/// What was seen of the handshake of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lifecycle {
    is_initialize_seen: bool,
    is_initialized: bool,
    is_use_reported: bool,
}

impl Lifecycle {
    /// That of a session whose past is not known; `is_used`: it has exchanges.
    pub(super) fn of_past(is_used: bool) -> Self {
        Self { is_initialize_seen: is_used, is_initialized: is_used, is_use_reported: false }
    }

    /// Whether a request `initialize` was seen.
    pub(super) fn is_initialize_seen(self) -> bool {
        self.is_initialize_seen
    }

    pub(super) fn set_initialize_seen(&mut self) {
        self.is_initialize_seen = true;
    }

    /// Whether the client sent `notifications/initialized`.
    pub(super) fn is_initialized(self) -> bool {
        self.is_initialized
    }

    pub(super) fn set_initialized(&mut self) {
        self.is_initialized = true;
    }

    /// Whether a finding may say that the session was used before.
    pub(super) fn is_use_reported(self) -> bool {
        self.is_use_reported
    }

    pub(super) fn set_use_reported(&mut self) {
        self.is_use_reported = true;
    }
}
