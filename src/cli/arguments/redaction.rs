//! `--redact`, an option of the commands that write.

use clap::Args;

use crate::export::redact::Rule;

/// What is masked before it is written.
#[derive(Debug, Default, Args)]
pub(crate) struct Redaction {
    /// Mask: default (passwords, tokens, mail addresses, ...), session-ids, key:NAME,
    /// pattern:REGEX, or a JSON path such as '$.params.arguments.email'; may be given several times
    ///
    /// key: masks the value of members, header fields and parameters with this name, whatever their
    /// case, - and _. A path selects in each JSON-RPC message. How often each rule masked something
    /// is printed at the end.
    #[arg(long, value_name = "RULE")]
    pub(crate) redact: Vec<Rule>,
}
