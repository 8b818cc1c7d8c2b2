//! The parser against the standard, written down stupidly, and against cuts, gaps and caps.

use super::fuzz::{fields_of, oracle};
use super::*;
use proptest::prelude::*;

fn packet(n: u64) -> Span {
    Span::of(Origin::new(n, n as i64 * 10))
}

/// Pushes the pieces, each as its own packet with the given number.
fn items<B: AsRef<[u8]>>(parser: &mut Parser, pieces: &[(B, u64)]) -> Vec<Item> {
    let mut out = Vec::new();
    for (bytes, n) in pieces {
        parser.push(Bytes::copy_from_slice(bytes.as_ref()), packet(*n), &mut out);
    }
    out
}

/// The events, and the codes of the faults.
fn parts(items: Vec<Item>) -> (Vec<Event>, Vec<Code>) {
    let (mut events, mut codes) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Event(event) => events.push(event),
            Item::Fault { fault, .. } => codes.push(fault.code),
        }
    }
    (events, codes)
}

fn read(parser: &mut Parser, pieces: &[(&[u8], u64)]) -> (Vec<Event>, Vec<Code>) {
    parts(items(parser, pieces))
}

fn datas(events: &[Event]) -> Vec<&str> {
    events.iter().map(|e| std::str::from_utf8(&e.data).unwrap()).collect()
}

#[test]
fn the_usual_event_is_not_copied() {
    let chunk = Bytes::from_static(b"event: message\r\nid: 7\r\ndata: {\"jsonrpc\":\"2.0\"}\r\n\r\n");
    let (mut parser, mut out) = (Parser::new(), Vec::new());
    parser.push(chunk.clone(), packet(3), &mut out);
    let [Item::Event(event)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(event.data.as_ptr(), chunk[29..].as_ptr());
    assert_eq!(&event.data[..], b"{\"jsonrpc\":\"2.0\"}");
    assert_eq!((event.name.as_deref(), event.id.as_deref()), (None, Some("7")));
    assert_eq!((event.span, event.degraded), (packet(3), Degraded::NONE));
    assert_eq!((parser.held(), parser.given_up()), (0, 0));
}

#[test]
fn the_examples_of_the_standard() {
    let (events, _) = read(&mut Parser::new(), &[(b"data: YHOO\ndata: +2\ndata: 10\n\n", 1)]);
    assert_eq!(datas(&events), ["YHOO\n+2\n10"]);
    let stream =
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    let mut parser = Parser::new();
    let (events, _) = read(&mut parser, &[(stream, 1)]);
    assert_eq!(datas(&events), ["first event", "second event", " third event"]);
    let ids: Vec<_> = events.iter().map(|e| e.id.as_deref()).collect();
    assert_eq!(ids, [Some("1"), Some(""), None]);
    assert_eq!(parser.last_event_id(), Some(""));
    let (events, _) = read(&mut Parser::new(), &[(b"data\n\ndata\ndata\n\ndata:", 1)]);
    assert_eq!(datas(&events), ["", "\n"]);
}

#[test]
fn fields_without_data_are_remembered_and_not_dispatched() {
    let mut parser = Parser::new();
    let (events, _) =
        read(&mut parser, &[(b"id: a\nretry: 3000\nevent: x\n\ndata: 1\n\nid: b\0\nretry: 3s\n\n", 1)]);
    assert_eq!(datas(&events), ["1"]);
    assert_eq!((events[0].name.as_deref(), events[0].id.as_deref(), events[0].retry), (None, None, None));
    assert_eq!((parser.last_event_id(), parser.retry()), (Some("a"), Some(3000)));
}

#[test]
fn the_event_comes_at_the_cr_and_spans_its_own_lines() {
    let pieces: [(&[u8], u64); 7] = [
        (b"\xef\xbb", 1),
        (b"\xbf: hi\r\n", 2),
        (b"data: 1\r", 5),
        (b"\n\r", 4),
        (b"\n", 9),
        (b": ping\n", 10),
        (b"data: 2\n\n", 11),
    ];
    let mut parser = Parser::new();
    let (events, _) = read(&mut parser, &pieces[..4]);
    assert_eq!((datas(&events), events[0].span), (vec!["1"], packet(5).join(packet(4))));
    let (events, _) = read(&mut parser, &pieces[4..]);
    assert_eq!((datas(&events), events[0].span), (vec!["2"], packet(11)));
}

#[test]
fn behind_a_gap_a_field_name_or_a_blank_line_begins_an_event() {
    let mut parser = Parser::new();
    read(&mut parser, &[(b"event: message\ndata: {\"a", 1)]);
    parser.gap(Degraded::GAP);
    let (events, codes) = read(&mut parser, &[(b"ev", 2), (b"ent: x\ndata: 1\n\ndata: 2\n\n", 3)]);
    assert_eq!((datas(&events), codes), (vec!["1", "2"], vec![Code::HttpResync]));
    assert_eq!((events[0].degraded, events[0].span), (Degraded::GAP, packet(2).join(packet(3))));
    assert_eq!((events[1].degraded, parser.given_up()), (Degraded::NONE, 24));

    let mut parser = Parser::midstream(Degraded::MIDSTREAM);
    let (events, codes) = read(&mut parser, &[(b"idle\":1}\r\n", 1), (b"\r", 2), (b"\ndata: 3\n\n", 3)]);
    assert_eq!((datas(&events), codes), (vec!["3"], vec![Code::HttpResync]));
    assert_eq!((events[0].degraded, events[0].span), (Degraded::NONE, packet(3)));
    assert_eq!(parser.given_up(), 11);
}

#[test]
fn the_end_says_what_was_cut() {
    let at = Origin::new(9, 9);
    for (bytes, lost) in [(&b"data: 1\n"[..], 8), (b"data: 1", 7), (b"id: 1\n", 0), (b": x", 0), (b"", 0)] {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        read(&mut parser, &[(b"data: 0\r\n\r\n", 1), (bytes, 2)]);
        parser.end(at, &mut out);
        let (_, codes) = parts(out);
        let want = if lost > 0 { vec![Code::SseEventCut] } else { vec![] };
        assert_eq!((codes, parser.given_up(), parser.held()), (want, lost, 0), "{bytes:?}");
    }
    let (mut parser, mut out) = (Parser::midstream(Degraded::GAP), Vec::new());
    read(&mut parser, &[(b"x\nda", 2)]);
    parser.end(at, &mut out);
    assert_eq!((parts(out).1, parser.given_up()), (vec![Code::SseEventCut], 4));
}

#[test]
fn bad_utf8_is_replaced_and_long_texts_are_cut() {
    let long = "é".repeat(limits::MAX_TEXT);
    let input = format!("event: {long}\ndata: a");
    let (events, codes) = read(&mut Parser::new(), &[(input.as_bytes(), 1), (b"\xff\xc3\n\n", 2)]);
    assert_eq!((datas(&events), codes), (vec!["a\u{fffd}\u{fffd}"], vec![Code::SseNotUtf8]));
    let name = events[0].name.as_deref().unwrap();
    assert!(name.len() <= limits::MAX_TEXT && name.len() > limits::MAX_TEXT - 4 && name.ends_with("é…"));
}

#[test]
fn an_event_too_long_is_given_up_and_the_next_one_read() {
    let mut parser = Parser::new();
    let piece = vec![b'x'; 1 << 20];
    read(&mut parser, &[(b"data: 0\n\ndata: ", 1)]);
    let (mut most, mut codes) = (0, Vec::new());
    for n in 0..70 {
        codes.extend(read(&mut parser, &[(&piece, n + 2)]).1);
        most = most.max(parser.held());
    }
    assert!(most <= limits::MAX_EVENT / 4 * 5, "{most}");
    assert_eq!((parser.held(), codes), (0, vec![Code::SseEventTooLong]));
    let (events, codes) = read(&mut parser, &[(b"\ndata: 1\n\ndata: 2\n\n", 99)]);
    assert_eq!((datas(&events), codes), (vec!["2"], vec![Code::HttpResync]));
    assert_eq!(parser.given_up(), 70 * (1 << 20) + 6 + 10);
}

#[test]
fn comments_and_unknown_fields_are_not_kept() {
    let mut parser = Parser::new();
    read(&mut parser, &[(b": long", 1), (b" comment", 2), (b"\nunknown", 3), (b" field: x", 4)]);
    assert_eq!(parser.held(), 0);
    let (events, _) = read(&mut parser, &[(b"\ndata: 1\n\n", 5)]);
    assert_eq!((datas(&events), events[0].span), (vec!["1"], packet(3).join(packet(4)).join(packet(5))));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        &b"data"[..],
        b"data: ",
        b"data:{\"a\":1}",
        b"event",
        b"event: message",
        b"event:x",
        b"id",
        b"id:",
        b"id: 9",
        b"retry:",
        b"retry: 250",
        b"retry",
        b":",
        b" ",
        b": ping",
        b"x",
        b"foo: bar",
        b"longer-name",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xc3",
        b"\xa9",
        "é€".as_bytes(),
        b"7",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\n",
        b"\r\n\r\n",
        b"\r\r",
        b"\ndata: z\n\n",
        b"\ndata: ",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// Pieces of `input`, cut at `cuts`, each with a packet number from `packets` (not always
/// ascending).
fn pieces(input: &[u8], cuts: &[usize], packets: &[u64]) -> Vec<(Vec<u8>, u64)> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c % (input.len() + 1)).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    let numbers = packets.iter().cycle().enumerate().map(|(i, n)| i as u64 * 2 + n);
    at.windows(2).map(|w| input[w[0]..w[1]].to_vec()).zip(numbers).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Cut anywhere: the events of the whole-string oracle, each with exactly the packets of its
    /// bytes.
    #[test]
    fn same_as_the_oracle(input in stream(), cuts in prop::collection::vec(0usize..400, 0..30),
                          every in any::<bool>(), packets in prop::collection::vec(1u64..9, 1..6)) {
        let cuts = if every { (0..input.len()).collect() } else { cuts };
        let pieces = pieces(&input, &cuts, &packets);
        let spans: Vec<Span> = pieces.iter().flat_map(|(b, n)| vec![packet(*n); b.len()]).collect();
        let mut parser = Parser::new();
        let (events, _) = parts(items(&mut parser, &pieces));
        let want = oracle(&input);
        prop_assert_eq!(events.len(), want.len());
        for (event, (fields, bytes)) in events.iter().zip(want) {
            prop_assert_eq!(fields_of(event), fields);
            prop_assert_eq!(Some(event.span), bytes.iter().map(|i| spans[*i]).reduce(Span::join));
            prop_assert!(event.degraded.is_none());
        }
        prop_assert_eq!(parser.given_up(), 0);
        prop_assert_eq!(parser.books.taken, input.len() as u64);
    }

    /// Behind a gap nothing is invented: what is not marked degraded is an event of the whole
    /// stream.
    #[test]
    fn a_gap_invents_nothing(input in stream(), from in 0usize..400, len in 0usize..40,
                             cuts in prop::collection::vec(0usize..400, 0..9)) {
        let from = from % (input.len() + 1);
        let to = (from + len).min(input.len());
        let run = |cuts: &[usize]| {
            let mut parser = Parser::new();
            let mut all = items(&mut parser, &[(&input[..from], 1)]);
            parser.gap(Degraded::GAP);
            let mut tail = pieces(&input[to..], cuts, &[2]);
            tail.iter_mut().for_each(|(_, n)| *n = 2);
            all.extend(items(&mut parser, &tail));
            (all, parser.books.taken, parser.given_up())
        };
        let (all, taken, given_up) = run(&cuts);
        prop_assert_eq!(&(all.clone(), taken, given_up), &run(&[]));
        prop_assert!(given_up <= taken);
        let (events, _) = parts(all);
        let mut whole = oracle(&input).into_iter();
        for event in events.iter().filter(|e| e.degraded.is_none()) {
            prop_assert!(whole.any(|(fields, _)| fields == fields_of(event)), "{:?}", event);
        }
    }

    /// Nor do events too long: cut anywhere, the same are given up and the others are those of the
    /// oracle.
    #[test]
    fn the_cap_does_not_depend_on_cuts(input in stream(), cap in 6usize..24,
                                       cuts in prop::collection::vec(0usize..400, 0..30)) {
        let run = |cuts: &[usize]| {
            let mut parser = Parser::new();
            parser.cap = cap;
            let mut all = pieces(&input, cuts, &[1]);
            all.iter_mut().for_each(|(_, n)| *n = 1);
            (items(&mut parser, &all), parser.given_up())
        };
        let (all, given_up) = run(&cuts);
        prop_assert_eq!(&(all.clone(), given_up), &run(&[]));
        let (events, _) = parts(all);
        let mut whole = oracle(&input).into_iter();
        for event in &events {
            prop_assert!(whole.any(|(fields, _)| fields == fields_of(event)));
        }
    }
}
