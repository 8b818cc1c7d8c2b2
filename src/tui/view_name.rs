//! The table of views, and their names.

/// The table of views: a row each, in the order of the tabs.
///
/// To add a view, write a file in `views/` with a type that implements
/// [`View`](super::views::View), declare it in `views/mod.rs`, and add a row here: its name, title
/// and short title, its name in the configuration, its key, its help text and the type. The rest
/// is generated: [`ViewName`], the actions that show views, and `views::all`. Then add its
/// screens to `tests/tui`.
macro_rules! view_table {
    ($generate:ident) => {
        $generate! {
            Overview, "Overview", "Over", "overview", "1",
                "totals, rates, slowest and hanging exchanges", overview::Overview;
            Sessions, "Sessions", "Sess", "sessions", "2",
                "sessions with their clients and servers", sessions::Sessions;
            // Its title is never shortened: it is the main view.
            Exchanges, "Exchanges", "Exchanges", "exchanges", "3",
                "requests and their outcome", exchanges::Exchanges;
            Latency, "Latency", "Lat", "latency", "4",
                "percentiles, histogram and heat map per method and tool", latency::Latency;
            Streams, "Streams", "Strm", "streams", "5",
                "event streams and their events", streams::Streams;
            Connections, "Connections", "Conn", "connections", "6",
                "TCP connections, retransmissions and gaps", connections::Connections;
            Findings, "Findings", "Find", "findings", "7",
                "problems that were found", findings::Findings;
            Servers, "Servers", "Serv", "servers", "8",
                "servers and their tools, prompts and resources", servers::Servers;
        }
    };
}
pub(super) use view_table;

macro_rules! view_names {
    ($($name:ident, $title:literal, $short:literal, $config:literal, $key:literal,
        $help:literal, $view:path;)+) => {
        /// The views, in the order of their tabs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ViewName {
            $(#[doc = concat!("The view of ", $help, ".")] $name,)+
        }

        impl ViewName {
            /// Returns the title of the view.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }

            /// Returns the title for narrow screens.
            pub(super) fn short(self) -> &'static str {
                match self {
                    $(Self::$name => $short,)+
                }
            }
        }
    };
}

view_table!(view_names);
