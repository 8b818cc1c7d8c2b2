//! Options of `mcpdump timeline`.

use clap::Args;

use super::source::SourceArguments;
use super::why::StoryOptions;

/// `mcpdump timeline`.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: StoryOptions,
}
