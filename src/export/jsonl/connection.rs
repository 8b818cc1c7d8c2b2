//! The lines of a TLS connection, and of one that was refused.

use std::io;

use super::line::{FIRST, LAST, Line};
use crate::base::RoundTrips;
use crate::base::tls::{RecordCounts, TlsFact};
use crate::ledger::ConnectionFact;

/// Writes the line of a connection with TLS.
pub(super) fn write(line: &mut Line, connection: &ConnectionFact, tls: &TlsFact) -> io::Result<()> {
    line.start("connection");
    line.stream(Some(connection.tcp_stream), Some(connection.first.packet));
    line.address("client", connection.client);
    line.address("server", connection.server);
    line.word("speaks", Some(connection.speaks.name()));
    line.text("tls", tls.version.map(|version| version.name()).as_deref())?;
    line.text("suite", tls.suite.as_deref())?;
    line.text("sni", tls.sni.as_deref())?;
    line.text("alpn", tls.alpn.as_deref())?;
    line.texts("alpn_offered", &tls.alpn_offered)?;
    let certificate = tls.certificate.as_ref();
    line.text("certificate", certificate.map(|certificate| &*certificate.subject))?;
    line.time("certificate_expires", certificate.map(|certificate| certificate.not_after));
    line.boolean("resumed", tls.is_resumed);
    line.duration("tls_handshake_ms", tls.handshake_ns);
    let hex = |random: [u8; 32]| random.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    line.text("client_random", tls.client_random.map(hex).as_deref())?;
    line.word("decrypted", Some(tls.decrypted.name()));
    let [client, server] = tls.records;
    for (names, counts) in [(CLIENT, client), (SERVER, server)] {
        let RecordCounts { records, bytes, undecrypted, skipped: _ } = counts;
        for (name, value) in names.into_iter().zip([records, bytes, undecrypted]) {
            line.number(name, Some(value));
        }
    }
    line.time("start", Some(connection.first.time));
    line.time("end", Some(connection.last.time));
    line.packet(FIRST, Some(connection.first.packet));
    line.packet(LAST, Some(connection.last.packet));
    let RoundTrips { count, shortest_ns, longest_ns, .. } = connection.pings;
    line.number("pings", Some(count));
    line.duration("ping_min_ms", (count > 0).then_some(shortest_ns));
    line.duration("ping_max_ms", (count > 0).then_some(longest_ns));
    Ok(())
}

/// Writes the line of a connection that the server refused.
pub(super) fn write_refused(line: &mut Line, connection: &ConnectionFact) {
    line.start("connection");
    line.stream(Some(connection.tcp_stream), Some(connection.first.packet));
    line.address("client", connection.client);
    line.address("server", connection.server);
    line.word("speaks", Some(connection.speaks.name()));
    line.boolean("refused", true);
    line.time("start", Some(connection.first.time));
    line.time("end", Some(connection.last.time));
    line.packet(FIRST, Some(connection.first.packet));
    line.packet(LAST, Some(connection.last.packet));
}

const CLIENT: [&str; 3] = ["client_records", "client_bytes", "client_undecrypted"];
const SERVER: [&str; 3] = ["server_records", "server_bytes", "server_undecrypted"];
