//! The names, units and buckets that OpenTelemetry defines for MCP, and those of mcpdump beside
//! them: one table for all formats of telemetry.

/// The repository of the conventions and the version that these names follow: `docs/gen-ai/mcp.md`
/// of open-telemetry/semantic-conventions-genai. Everything in it has the status "development".
pub const CONVENTIONS: &str = "semantic-conventions-genai 0.1.0";

/// The schema of what is sent (OpenTelemetry, "Telemetry Schemas").
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai/1.42.0";

/// The name of the instrumentation scope.
pub const SCOPE: &str = env!("CARGO_PKG_NAME");

/// Upper limits of the buckets of the durations of the conventions, in seconds.
pub const BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its unit, in UCUM.
    pub unit: &'static str,
    /// What it is.
    pub description: &'static str,
}

/// Metrics: those of the conventions first.
pub mod metric {
    use crate::export::meter::names::Metric;

    /// Duration of requests and their responses, as the sender of the request sees it.
    pub const CLIENT_OPERATION: Metric = Metric {
        name: "mcp.client.operation.duration",
        unit: "s",
        description: "First byte of the request to last byte of the response.",
    };
    /// The same as the receiver of the request sees it.
    pub const SERVER_OPERATION: Metric = Metric {
        name: "mcp.server.operation.duration",
        unit: "s",
        description: "Last byte of the request to last byte of the response.",
    };
    /// Duration of sessions, as the client sees it.
    pub const CLIENT_SESSION: Metric = Metric {
        name: "mcp.client.session.duration",
        unit: "s",
        description: "First to last packet of a session that ended.",
    };
    /// The same as the server sees it.
    pub const SERVER_SESSION: Metric = Metric {
        name: "mcp.server.session.duration",
        unit: "s",
        description: "First to last packet of a session that ended.",
    };
    /// The duration of [`CLIENT_OPERATION`] in buckets that suit short ones, too.
    pub const OPERATION: Metric = Metric {
        name: "mcpdump.operation.duration",
        unit: "s",
        description: "First byte of the request to last byte of the response, in exponential buckets.",
    };
    /// Number of requests.
    pub const OPERATIONS: Metric = Metric {
        name: "mcpdump.operations",
        unit: "{operation}",
        description: "Requests whose outcome is known, or will not be known.",
    };
    /// Retransmitted segments.
    pub const RETRANSMISSIONS: Metric = Metric {
        name: "mcpdump.operation.retransmissions",
        unit: "{segment}",
        description: "Segments that were sent again while they carried a request or its response.",
    };
    /// Number of notifications.
    pub const NOTIFICATIONS: Metric =
        Metric { name: "mcpdump.notifications", unit: "{notification}", description: "Notifications." };
    /// Number of sessions.
    pub const SESSIONS: Metric = Metric {
        name: "mcpdump.sessions",
        unit: "{session}",
        description: "Sessions that are over, or that the capture ended before.",
    };
    /// Number of findings.
    pub const FINDINGS: Metric =
        Metric { name: "mcpdump.findings", unit: "{finding}", description: "What is odd, wrong or slow." };
    /// Number of packets.
    pub const PACKETS: Metric =
        Metric { name: "mcpdump.packets", unit: "{packet}", description: "Packets that were read." };
    /// Length of packets.
    pub const PACKET_BYTES: Metric = Metric {
        name: "mcpdump.packet.io",
        unit: "By",
        description: "Length on the wire of the packets that were read.",
    };
    /// Number of packets that were lost.
    pub const PACKETS_LOST: Metric = Metric {
        name: "mcpdump.packets.lost",
        unit: "{packet}",
        description: "Packets that were lost before the analysis, by who lost them.",
    };
    /// Number of names that were cut.
    pub const NAMES_CUT: Metric = Metric {
        name: "mcpdump.telemetry.cut",
        unit: "{text}",
        description: "Texts from traffic that were cut to their longest length here.",
    };

    /// Every metric.
    pub const ALL: [Metric; 14] = [
        CLIENT_OPERATION,
        SERVER_OPERATION,
        CLIENT_SESSION,
        SERVER_SESSION,
        OPERATION,
        OPERATIONS,
        RETRANSMISSIONS,
        NOTIFICATIONS,
        SESSIONS,
        FINDINGS,
        PACKETS,
        PACKET_BYTES,
        PACKETS_LOST,
        NAMES_CUT,
    ];
}

/// Attributes.
pub mod attribute {
    /// The method.
    pub const METHOD: &str = "mcp.method.name";
    /// Why it failed.
    pub const ERROR_TYPE: &str = "error.type";
    /// The tool.
    pub const TOOL: &str = "gen_ai.tool.name";
    /// The prompt.
    pub const PROMPT: &str = "gen_ai.prompt.name";
    /// [`EXECUTE_TOOL`] for a call of a tool.
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// The value of [`OPERATION`].
    pub const EXECUTE_TOOL: &str = "execute_tool";
    /// The code of the JSON-RPC error.
    pub const RPC_STATUS: &str = "rpc.response.status_code";
    /// The revision of MCP.
    pub const VERSION: &str = "mcp.protocol.version";
    /// The session id.
    pub const SESSION: &str = "mcp.session.id";
    /// The URI of the resource.
    pub const RESOURCE: &str = "mcp.resource.uri";
    /// The id of the request.
    pub const REQUEST_ID: &str = "jsonrpc.request.id";
    /// `http`, `websocket` or `stdio`.
    pub const PROTOCOL: &str = "network.protocol.name";
    /// The version of HTTP.
    pub const PROTOCOL_VERSION: &str = "network.protocol.version";
    /// `tcp`, or `pipe` for stdio.
    pub const NETWORK_TRANSPORT: &str = "network.transport";
    /// The address of the server.
    pub const SERVER: &str = "server.address";
    /// Its port.
    pub const SERVER_PORT: &str = "server.port";
    /// The address of the client.
    pub const CLIENT: &str = "client.address";
    /// Its port.
    pub const CLIENT_PORT: &str = "client.port";
    /// The status of the HTTP response.
    pub const HTTP_STATUS: &str = "http.response.status_code";
    /// Whether a series stands for all beyond the limit (OpenTelemetry, "Cardinality limits").
    pub const OVERFLOW: &str = "otel.metric.overflow";

    /// `n` of the exchange.
    pub const EXCHANGE: &str = "mcpdump.exchange";
    /// Number of the session in the capture.
    pub const SESSION_NUMBER: &str = "mcpdump.session";
    /// The transport of MCP.
    pub const TRANSPORT: &str = "mcpdump.transport";
    /// The outcome.
    pub const STATUS: &str = "mcpdump.status";
    /// Why there is no response.
    pub const CAUSE: &str = "mcpdump.cause";
    /// The side that sent it.
    pub const ORIGIN: &str = "mcpdump.origin";
    /// The code of a finding.
    pub const CODE: &str = "mcpdump.finding.code";
    /// Its severity.
    pub const SEVERITY: &str = "mcpdump.finding.severity";
    /// Who lost packets.
    pub const LOST_BY: &str = "mcpdump.lost.by";
    /// How a session ended.
    pub const ENDED: &str = "mcpdump.session.ended";
}
