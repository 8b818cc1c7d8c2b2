//! Why a finding matters, for whoever looks at it: what it may mean for the calls.

use super::Code;

impl Code {
    /// Why it matters, in a sentence.
    #[must_use]
    pub fn matters(self) -> &'static str {
        match self {
            Self::McpUnanswered => {
                "Whoever asked waits until its own timeout, if it has one: this is what a hanging agent looks like."
            }
            Self::McpSessionRefused => {
                "All that the client sends in the session fails until it begins a new one."
            }
            Self::McpPostRepeated => "A tool that changes something may have done so twice.",
            Self::McpLateResponse => {
                "Work was done that nobody takes: the answer came after the request was given up."
            }
            Self::CaptureCutPackets => {
                "Messages end where their packets were cut: sizes hold, texts are not whole."
            }
            Self::CaptureTimeRange | Self::CaptureNoTime => {
                "Durations cannot be measured where times are not known."
            }
            _ => self.layer_matters(),
        }
    }

    /// What all of its layer have in common.
    fn layer_matters(self) -> &'static str {
        match self.name().split('.').next().unwrap_or_default() {
            "capture" => {
                "What is not in the capture cannot be told from what never happened: what it touches is marked degraded."
            }
            "link" => {
                "Packets that cannot be read are missing from their connections, as if they had been lost."
            }
            "tcp" => {
                "Bytes that are missing or in doubt make messages incomplete: exchanges that they touch are marked degraded."
            }
            "http" => {
                "Where a message ends is in doubt: its sides may read it differently, and what follows it too."
            }
            "sse" => "An event that is not whole is none: whoever waits for the message in it waits in vain.",
            "rpc" => {
                "Implementations drop or refuse what is no JSON-RPC 2.0: no answer may come, or not the one expected."
            }
            _ => {
                "Implementations differ in what they make of this: it works with one, and hangs or fails with another."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_has_words_of_its_own() {
        let words = |layer: &str| {
            let code = Code::all().iter().find(|info| info.name.starts_with(layer)).unwrap();
            code.code.layer_matters()
        };
        let mut all: Vec<&str> =
            ["capture.", "link.", "tcp.", "http.", "sse.", "rpc.", "mcp."].map(words).to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
        assert!(Code::all().iter().all(|info| info.code.matters().ends_with('.')));
    }
}
