use proptest::prelude::*;

use super::*;

fn files(names: usize) -> Files {
    Files::new((0..names).map(|index| format!("dir/{index}.pcap")).collect())
}

/// Tells the files which file each packet is of.
fn read(order: &[usize], names: usize) -> Files {
    let files = files(names);
    for (packet, file) in (1..).zip(order) {
        assert!(files.begin_turn(PacketNo(packet), *file));
    }
    files
}

/// Runs of packets, as files of different times and of the same time have them.
fn orders() -> impl Strategy<Value = Vec<usize>> {
    let runs = prop::collection::vec((0..5_usize, prop_oneof![1..3_usize, 1..100_usize]), 1..300);
    runs.prop_map(|runs| runs.into_iter().flat_map(|(file, length)| vec![file; length]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_packet_has_its_file_and_its_number_there(order in orders()) {
        let files = read(&order, 5);
        let mut counts = [0_u64; 5];
        for (packet, file) in (1..).zip(&order) {
            counts[*file] += 1;
            let name = files.packet(PacketNo(packet));
            let expected = format!("{file}.pcap");
            prop_assert_eq!(name.file, Some(expected.as_str()));
            prop_assert_eq!(name.number, counts[*file]);
            let found: Vec<_> = files.find(name.file, name.number).collect();
            prop_assert_eq!(found, [PacketNo(packet)]);
        }
    }

    #[test]
    fn connections_are_numbered_in_the_order_of_each_file(
        packets in prop::collection::vec((0..3_usize, 0..40_u32), 1..400),
    ) {
        // The numbers of the capture are those of the first packets, too.
        let mut all: Vec<u32> = Vec::new();
        let mut of_files: [Vec<u32>; 3] = Default::default();
        let files = files(3);
        for (packet, (file, connection)) in (1..).zip(&packets) {
            if !all.contains(connection) {
                all.push(*connection);
            }
            let stream = all.iter().position(|it| it == connection).unwrap() as u32;
            files.begin_turn(PacketNo(packet), *file);
            prop_assert!(files.add_stream(PacketNo(packet), stream));
            if !of_files[*file].contains(connection) {
                of_files[*file].push(*connection);
            }
            let number = of_files[*file].iter().position(|it| it == connection).unwrap() as u32;
            prop_assert_eq!(files.stream(stream, PacketNo(packet)), Some(number));
        }
    }

    #[test]
    fn text_of_traffic_is_left_alone(text in "[\u{1}a0 ]*") {
        // A mark of the traffic with digits behind it looks like one of ours.
        let resolved = Files::default().resolve(&text).into_owned();
        prop_assert_eq!(resolved.replace(MARK, ""), text.replace(MARK, ""));
    }
}

#[test]
fn one_file_changes_no_number() {
    for files in [Files::default(), files(1)] {
        files.begin_turn(PacketNo(1), 0);
        assert_eq!(files.packet(PacketNo(7)).to_string(), "7");
        assert_eq!(files.packets(PacketNo(7), PacketNo(9)), "7-9");
        assert_eq!(files.stream(3, PacketNo(7)), Some(3));
        assert_eq!(files.connection(3, PacketNo(7)), "3");
        assert_eq!(files.resolve(&format!("in packet {}", PacketNo(7).mention())), "in packet 7");
        let in_file = InFile { file: None, tcp_streams: vec![3], packets: vec![(7, 9)] };
        assert_eq!(files.by_file(&[3], &[(PacketNo(7), PacketNo(9))]), [in_file]);
    }
    assert_eq!(files(1).file(PacketNo(7)).map(|name| &**name), Some("0.pcap"));
    assert_eq!(Files::default().file(PacketNo(7)), None);
}

#[test]
fn ranges_name_a_file_once_and_both_where_they_differ() {
    let files = read(&[0, 0, 0, 1, 1, 0, 1], 2);
    let packets = |first, last| files.packets(PacketNo(first), PacketNo(last));
    assert_eq!(packets(2, 2), "0.pcap:2");
    assert_eq!(packets(1, 3), "0.pcap:1-3");
    assert_eq!(packets(2, 5), "0.pcap:2-1.pcap:2");
    assert_eq!(packets(3, 6), "0.pcap:3-4", "the other file's packets between them are not its own");
    let detail = format!("from {} on", PacketNo(7).mention());
    assert_eq!(files.resolve(&detail), "from 1.pcap:3 on");
}

#[test]
fn a_display_filter_names_what_its_file_holds() {
    let files = read(&[0, 0, 0, 1, 1, 0, 1], 2);
    for (packet, stream) in [(1, 0), (2, 1), (4, 1), (5, 2), (6, 1), (7, 1)] {
        files.add_stream(PacketNo(packet), stream);
    }
    let at = PacketNo;
    let found = files.by_file(&[1], &[(at(2), at(5)), (at(6), at(6))]);
    let of = |file, tcp_stream, packets| InFile { file: Some(file), tcp_streams: vec![tcp_stream], packets };
    assert_eq!(found, [of("0.pcap", 1, vec![(2, 4)]), of("1.pcap", 0, vec![(1, 2)])]);
    assert_eq!(files.by_file(&[2], &[(at(5), at(5))]), [of("1.pcap", 1, vec![(2, 2)])]);
}

#[test]
fn the_same_number_is_found_in_each_file() {
    let files = read(&[0, 1, 1, 0], 2);
    let find = |name, number| files.find(name, number).map(|packet| packet.0).collect::<Vec<_>>();
    assert_eq!(find(None, 2), [4, 3]);
    assert_eq!(find(Some("1.PCAP"), 2), [3]);
    assert_eq!(find(Some("2.pcap"), 2), [0_u64; 0]);
    assert_eq!(find(Some("1.pcap"), 3), [0_u64; 0], "not read");
}

/// What is beyond the cap has no file, and keeps what is before it.
#[test]
fn packets_beyond_the_cap_are_numbered_over_all_files() {
    let mut turns = Turns::new(2);
    let (mut packet, mut refused) = (0, Vec::new());
    while refused.is_empty() || packet < refused[0] + 10 {
        packet += 1;
        if !turns.begin(packet, packet as usize % 2) {
            refused.push(packet);
        }
    }
    assert_eq!(refused.len(), 1, "said once");
    let last = refused[0] - 1;
    assert_eq!((turns.file(last), turns.file(last + 1)), (Some(last as usize % 2), None));
    assert_eq!(turns.count(last as usize % 2, last), last.div_ceil(2));
    assert_eq!(turns.find(last as usize % 2, last.div_ceil(2)), Some(last));
    assert_eq!(turns.find(last as usize % 2, last.div_ceil(2) + 1), None);
}
