//! JSON report: one document with `"type":"report"`, version 1.
//!
//! Fields are only ever added. Times are epoch seconds with nine decimals and durations (`…_ms`)
//! are exact milliseconds, both JSON numbers. Unknown values are null. Percentiles are defined by
//! [`crate::ledger::LatencyRow`]. Credentials in text from traffic are replaced by `…`.
//!
//! ```text
//! {"type":"report","v":1,"files":[…],"filter":…,
//!  "capture":{packets,bytes,captured_bytes,start,end,length_ms,time_steps,truncated_files,
//!             cut_packets,tcp_packets,unreadable_packets,quic_connections,
//!             lost_packets,mcp_bytes,tcp_bytes,lost_by:{kernel,interface,mcpdump,unknown}},
//!  "connections":[{speaks,mcp,connections,bytes,gap_bytes,retransmissions,lost_before,
//!  "tls":[{sni,tls,suite,alpn,decrypted,connections,resumed,…}],
//!                  copies}],
//!  "handshake_p50_ms":…,
//!  "exchanges":{total,statuses:{ok,tool_error,error,cancelled,http_error,unanswered,undetermined},
//!               degraded,from_server},
//!  "notifications":…,
//!  "latency":[{group,origin,method,name,other,exchanges,errors,statuses,
//!              min_ms,p50_ms,p90_ms,p95_ms,p99_ms,max_ms,
//!              send_p50_ms,wait_p50_ms,receive_p50_ms,
//!              waits,at_least:["p99","max"],asked,server_p50_ms,user_p50_ms}],
//!  "by":"none","grouped":[as latency; group is the server, "s1", the client or the file],
//!  "sessions_count":…,
//!  "sessions":[{session,session_id,transport,protocol_version,server,client,
//!               client_info,server_info,client_capabilities,server_capabilities,
//!               exchanges,errors,unanswered,max_ms,first_packet,last_packet,ended,degraded}],
//!  "slowest":[{n,session,origin,id,method,name,status,cause,http_status,
//!              total_ms,send_ms,wait_ms,receive_ms,ack_ms,
//!              start,first_packet,last_packet,degraded,findings,
//!              waited_ms,waited_packet,view,twin,proxy_ms,server,server_name,user_ms,server_ms,
//!              why}],
//!  "unanswered":{exchanges,causes:[{status,cause,http_status,exchanges,
//!                                   calls:[{method,name,server,server_name,exchanges}]}],
//!                listed:[as slowest]},
//!  "undetermined":{exchanges,reasons:[{degraded,exchanges}]},
//!  "streams":{streams,mcp,events,bytes,ended:{…},
//!             foreign:[{method,target,http_status,server,client,events,bytes,start,
//!                       first_packet,last_packet,ended}]},
//!  "llm":[{model,dialect,server,host,calls,ok,errors,cancelled,cut,open,degraded,streamed,
//!          first_token_p50_ms,first_token_p99_ms,longest_gap_ms,total_p50_ms,total_p99_ms,
//!          tokens_per_second_p50,input_tokens,output_tokens,tool_calls}],
//!  "offers":[{server,path,kind,bytes,definitions:[{name,bytes,uses}]}],
//!  "findings":[{code,severity,meaning,remedy,count,
//!               first:[{packet,time,tcp_stream,session,exchange,detail}]}]}
//! ```
//!
//! With several files every packet number is that of its file, whose name is in a member of the
//! same object: `first_file`, `last_file`, `waited_file` and `end_file` beside `first_packet` and
//! so on, `file` beside `packet`.

use std::io;

use super::options::Options;
use crate::base::json;
use crate::ledger::Snapshot;

mod document;
mod exchanges;
mod llm;
mod sessions;
mod values;

use document::Document;

/// Writes the document and a line end.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    json::write_pretty(out, &Document::of(snapshot, options))?;
    out.write_all(b"\n")
}
