use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::*;
use crate::base::{Origin, Span};
use crate::ledger::{Entry, Record, sample};

/// The numbers and the data of the packets of exchanges: the plan of a pcapng slice.
#[derive(Default)]
struct Slice {
    packets: BTreeMap<u64, Vec<u8>>,
    chosen: BTreeSet<u64>,
}

impl Slice {
    fn choose(&mut self, span: Span) {
        self.chosen.extend(span.first.0..=span.last.0);
    }
}

impl Export for Slice {
    fn wants(&self) -> Wants {
        Wants { packets: true, ..Wants::default() }
    }

    fn begin(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "begin")
    }

    fn packet(&mut self, packet: RawPacket<'_>) -> io::Result<()> {
        self.packets.insert(packet.origin.packet.0, packet.data.to_vec());
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, _out: &mut dyn io::Write) -> io::Result<()> {
        if let Entry::Record(Record::Exchange(exchange)) = entry {
            self.choose(exchange.request.span);
            if let Some(response) = exchange.response {
                self.choose(response.span);
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for (number, data) in &self.packets {
            if self.chosen.contains(number) {
                writeln!(out, "{number} {data:?}")?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_slice_of_an_exchange_can_be_written_in_one_pass() {
    let exchange = sample::exchange(1, "ping", None, 1_000_000);
    let (request, response) = (exchange.request.span, exchange.response.unwrap().span);
    let (mut slice, mut out) = (Slice::default(), Vec::new());
    let export: &mut dyn Export = &mut slice;
    assert_eq!(export.wants(), Wants { payloads: false, packets: true });
    export.begin(&mut out).unwrap();
    for number in 1..=response.last.0 + 1 {
        let origin = Origin::new(number, 0);
        export.packet(RawPacket { origin, link_type: 1, data: &[7], original_len: 1 }).unwrap();
    }
    export.entry(&Entry::Record(Record::Exchange(Box::new(exchange))), &mut out).unwrap();
    export.finish(&mut out).unwrap();
    let [request, first, last] = [request.first, response.first, response.last];
    let want = format!("begin\n{request} [7]\n{first} [7]\n{last} [7]\n");
    assert_eq!(String::from_utf8(out).unwrap(), want);
}

#[test]
fn formats_are_found_by_name() {
    for format in FORMATS {
        assert_eq!(format.name.parse::<&Format>().unwrap().extension, format.extension);
        assert_eq!((format.writer)().wants(), Wants::default());
    }
    let error = "xml".parse::<&Format>().unwrap_err();
    assert_eq!(error.to_string(), "no export format \"xml\": expected jsonl, csv");
}
