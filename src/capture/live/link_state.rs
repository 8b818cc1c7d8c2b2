//! Whether the captured device is up, published by the reader thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// State of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// It is up, or its state is unknown.
    #[default]
    Up,
    /// It was taken down.
    Down,
    /// It is up and has no carrier: no cable, no peer, no wireless network.
    NoCarrier,
}

impl LinkState {
    /// Returns the state of a device; up if the system does not list it.
    pub(super) fn of(name: &str) -> Self {
        let list = pcap::Device::list().unwrap_or_default();
        let Some(device) = list.iter().find(|device| device.name == name) else {
            return Self::Up;
        };
        match (device.flags.is_up(), device.flags.is_running()) {
            (false, _) => Self::Down,
            (true, false) => Self::NoCarrier,
            (true, true) => Self::Up,
        }
    }
}

/// The latest state of the device. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LinkWatch {
    state: Arc<AtomicU8>,
}

impl LinkWatch {
    /// Returns the latest state.
    #[must_use]
    pub fn state(&self) -> LinkState {
        match self.state.load(Ordering::Relaxed) {
            1 => LinkState::Down,
            2 => LinkState::NoCarrier,
            _ => LinkState::Up,
        }
    }

    pub(super) fn set(&self, state: LinkState) {
        let state = match state {
            LinkState::Up => 0,
            LinkState::Down => 1,
            LinkState::NoCarrier => 2,
        };
        self.state.store(state, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_state() {
        let watch = LinkWatch::default();
        let clone = watch.clone();
        for state in [LinkState::Down, LinkState::NoCarrier, LinkState::Up] {
            watch.set(state);
            assert_eq!(clone.state(), state);
        }
    }

    #[test]
    fn an_unknown_device_counts_as_up() {
        assert_eq!(LinkState::of("absent0"), LinkState::Up);
    }
}
