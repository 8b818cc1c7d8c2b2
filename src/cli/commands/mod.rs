//! What each command does.

pub(crate) mod analysis;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod generate;
pub(crate) mod interfaces;
#[cfg(feature = "demo")]
pub(crate) mod serve;
#[cfg(feature = "demo")]
pub(crate) mod traffic;
pub(crate) mod tui;
