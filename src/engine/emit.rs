//! What follows the lanes, in the order of the output: `mcp`, and what is compared over all
//! connections. Everything is passed on to the ledger.

use std::borrow::Cow;

use super::order::EmittedKind;
use super::{Engine, capture_counts, output};
use crate::base::{Code, Degraded, Fact, Files, Finding, Findings, Origin, Sink, limits, units};
use crate::ledger::Entry;
use crate::link::UdpDatagram;
use crate::rpc::ConnectionUpdates;

impl Engine {
    /// Hands what the lanes emitted to `mcp`, and everything on to the ledger: records as they
    /// come, findings last.
    #[inline(always)]
    pub(super) fn emit(&mut self, out: &mut Vec<Entry>) {
        if !self.merge.is_empty() || !self.records.is_empty() || !self.findings.is_empty() {
            self.emit_at(self.capture.last.unwrap_or_default(), out);
        }
    }

    /// Does the same. `last` is the latest packet at this place of the output.
    #[inline(never)]
    pub(super) fn emit_at(&mut self, last: Origin, out: &mut Vec<Entry>) {
        let (mut of_mcp, mut has_new_mcp) = (Findings::new(), false);
        self.note_damage();
        for emitted in self.merge.drain() {
            match emitted.kind {
                EmittedKind::Updates(ConnectionUpdates { by, mut list }) => {
                    let tcp_stream = by.peers.tcp_stream;
                    let mut is_known = self.mcp.contains(&tcp_stream);
                    let mut updates = list.drain(..);
                    while let Some(next) = updates.as_slice().first() {
                        let key = (tcp_stream, next.transaction);
                        let most = if is_known { usize::MAX } else { 1 };
                        let sink = Sink::new(&mut self.records, &mut of_mcp);
                        self.tracker.push(&by, (&mut updates, most), sink);
                        if is_known {
                            continue;
                        }
                        is_known = self.tracker.is_mcp(key);
                        if is_known {
                            self.mcp.insert(tcp_stream);
                            if self.unread.add_mcp(by.peers.server) {
                                self.tracker.missing(Degraded::NOT_READ, last);
                            }
                            let host = by.tls.as_ref().and_then(|tls| tls.sni.as_deref());
                            self.http3.add_mcp(by.peers.server, host);
                            has_new_mcp = true;
                        }
                    }
                    drop(updates);
                    if !self.records.is_empty() {
                        out.extend(self.records.drain(..).map(Entry::Record));
                    }
                    if let [only] = self.lanes.as_mut_slice() {
                        only.reuse(list);
                    }
                }
                EmittedKind::Payload(fact) => {
                    self.large = self.large.saturating_add(output::values_in(fact.bytes.len()));
                    out.push(Entry::Fact(Fact::Payload(fact)));
                }
                EmittedKind::Segment(fact) => out.push(Entry::Fact(Fact::Segment(fact))),
                EmittedKind::Delivery(fact) => out.push(Entry::Fact(Fact::Delivery(fact))),
                EmittedKind::Closed(mut fact) => {
                    self.tracker.close_connection(&fact);
                    fact.mcp = self.mcp.remove(&fact.tcp_stream);
                    self.secrets.close(fact.tls.as_deref());
                    if let Some(detail) = self.secrets.take_premaster() {
                        self.findings.add(Code::TlsPremasterSecret, last, detail);
                    }
                    capture_counts::add_payload(&mut self.capture, &fact);
                    out.push(Entry::Fact(Fact::Connection(fact)));
                }
                EmittedKind::Unread(ends) => {
                    if self.unread.add_unread(&ends) {
                        self.tracker.missing(Degraded::NOT_READ, last);
                    }
                }
                EmittedKind::LlmBegan(transaction) => {
                    self.llm.begin((emitted.order.connection, transaction.0));
                }
                EmittedKind::LlmCall(mut call) => {
                    call.number = self.llm.take((call.tcp_stream, call.transaction));
                    self.large = self.large.saturating_add(output::values_in(call.text_len()));
                    out.push(Entry::LlmCall(call));
                }
                EmittedKind::Identified(fact) => out.push(Entry::Fact(Fact::Identified(fact))),
                EmittedKind::Findings(findings) => self.findings.append(findings),
            }
        }
        if !self.records.is_empty() {
            out.extend(self.records.drain(..).map(Entry::Record));
        }
        if has_new_mcp {
            self.report_http3();
        }
        if self.findings.is_empty() && of_mcp.is_empty() {
            return;
        }
        for finding in self.findings.drain().chain(of_mcp.drain()) {
            self.capture.time_steps += u64::from(finding.code == Code::CaptureTimeBack);
            out.push(named(finding, &self.files));
        }
    }

    /// Looks whether a UDP datagram begins a QUIC connection.
    pub(super) fn datagram(&mut self, datagram: &UdpDatagram) {
        self.capture.quic_connections += u64::from(self.http3.push(datagram));
        self.report_http3();
    }

    /// Reports HTTP/3 to hosts that speak MCP elsewhere.
    pub(super) fn report_http3(&mut self) {
        for found in self.http3.drain() {
            if found.is_same_server {
                self.tracker.missing(Degraded::NOT_READ, found.at);
            }
            self.findings.add(Code::Http3NotRead, found.at, found.detail);
        }
    }

    /// Packet times go back by `back` nanoseconds at the packet `at`.
    pub(super) fn report_time_back(&mut self, back: i64, at: Origin) {
        self.tracker.time_goes_back(at.packet);
        // A capture of damaged times may have as many as packets.
        if self.capture.time_steps < limits::MAX_TIME_STEPS as u64 {
            let detail = format!("{} earlier than a packet before it", units::duration(back));
            self.findings.add(Code::CaptureTimeBack, at, detail);
        } else {
            self.capture.time_steps += 1;
        }
    }

    /// Tells `mcp` what `tcp` found wrong with the capture, before it takes the updates of the same
    /// input.
    fn note_damage(&mut self) {
        for emitted in self.merge.emitted() {
            let EmittedKind::Findings(findings) = &emitted.kind else { continue };
            for finding in findings.list() {
                let at = finding.at.unwrap_or_default();
                match finding.code {
                    Code::TcpGap => self.tracker.missing(Degraded::GAP, at),
                    Code::CaptureTimeBack => self.tracker.time_goes_back(at.packet),
                    _ => {}
                }
            }
        }
    }

    /// Emits findings about the capture file. `last` is the latest packet before them.
    pub(super) fn emit_capture_findings(&mut self, last: Origin, out: &mut Vec<Entry>) {
        for finding in self.findings.drain() {
            if finding.code == Code::CaptureTruncated {
                self.capture.truncated_files += 1;
                self.tracker.missing(Degraded::CAPTURE_END, last);
            }
            out.push(named(finding, &self.files));
        }
    }
}

/// Returns a finding whose text names packets by their files.
fn named(mut finding: Finding, files: &Files) -> Entry {
    if let Cow::Owned(detail) = files.resolve(&finding.detail) {
        finding.detail = detail;
    }
    Entry::Finding(finding)
}
