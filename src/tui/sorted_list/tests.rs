//! Tests of the sorted list.

use proptest::prelude::*;

use super::*;

/// Numbers of which the first are settled.
struct Numbers {
    all: Vec<(u16, i64)>,
    settled: usize,
    version: u64,
    least: i64,
}

const COLUMNS: [Column; 3] = [
    Column::new("id", 1).sorts(First::Least),
    Column::new("", 1),
    Column::new("number", 1).sorts(First::Largest),
];

impl Items for Numbers {
    type Id = u16;
    fn len(&self) -> usize {
        self.all.len()
    }
    fn settled(&self) -> usize {
        self.settled
    }
    fn version(&self) -> u64 {
        self.version
    }
    fn epoch(&self) -> u64 {
        self.least as u64
    }
    fn id(&self, place: usize) -> Option<u16> {
        self.all.get(place).map(|(id, _)| *id)
    }
    fn sort_key(&self, place: usize, column: usize) -> SortKey {
        let (id, number) = self.all[place];
        if column == 0 { SortKey::count(id.into()) } else { SortKey::Number(number) }
    }
    fn passes(&self, place: usize) -> bool {
        self.all[place].1 >= self.least
    }
    fn cells(&self, _: usize) -> Vec<Cell> {
        Vec::new()
    }
}

/// Returns the expected order, sorted from scratch.
fn expected_order(numbers: &Numbers, sorting: Sorting) -> Vec<u16> {
    let mut places: Vec<usize> = (0..numbers.len()).filter(|place| numbers.passes(*place)).collect();
    places.sort_by_key(|place| (numbers.sort_key(*place, sorting.column), *place));
    if sorting.down {
        places.sort_by_key(|place| std::cmp::Reverse(numbers.sort_key(*place, sorting.column)));
    }
    places.iter().filter_map(|place| numbers.id(*place)).collect()
}

proptest! {
    #[test]
    fn order_equals_sorting_from_scratch(
        steps in prop::collection::vec((0usize..8, prop::collection::vec(-20i64..20, 0..6)), 1..40),
    ) {
        let mut listing = SortedList::<u16>::new(&COLUMNS);
        let mut numbers = Numbers { all: Vec::new(), settled: 0, version: 0, least: -20 };
        for (step, more) in steps {
            let selected = listing.selected.filter(|id| numbers.all.iter().any(|(known, _)| known == id));
            match step {
                0 => listing.sorting.click(2, &COLUMNS),
                1 => drop(listing.act(Action::Sort, &numbers, 5)),
                2 => drop(listing.act(Action::SortReverse, &numbers, 5)),
                3 => numbers.least = more.first().copied().unwrap_or(-20),
                4 => numbers.settled = numbers.all.len(),
                5 => {
                    // Unsettled numbers change, and some are removed.
                    let settled = numbers.settled;
                    numbers.all.truncate(settled + more.len());
                    numbers.all.iter_mut().skip(settled).zip(&more).for_each(|((_, is), more)| *is = *more);
                }
                _ => {
                    let from = numbers.all.last().map_or(0, |(id, _)| id + 1);
                    numbers.all.extend((from..).zip(more));
                }
            }
            numbers.version += 1;
            listing.refresh(&numbers);
            let got: Vec<u16> = (0..listing.len()).filter_map(|row| listing.id(row, &numbers)).collect();
            prop_assert_eq!(&got, &expected_order(&numbers, listing.sorting));
            if let Some(id) = selected.filter(|id| got.contains(id)) {
                prop_assert_eq!(listing.selected, Some(id), "the selected item stays selected");
            }
            let place = listing.selected();
            prop_assert_eq!(place.and_then(|place| numbers.id(place)), listing.selected);
            prop_assert_eq!(place.is_none(), got.is_empty());
            listing.act(if step % 2 == 0 { Action::Down } else { Action::Up }, &numbers, 5);
        }
    }
}

#[test]
fn sort_key_skips_columns_without_order() {
    let mut sorting = Sorting::default();
    assert!(sorting.act(Action::Sort, &COLUMNS));
    assert_eq!(sorting, Sorting { column: 2, down: true });
    assert!(sorting.act(Action::Sort, &COLUMNS));
    assert_eq!(sorting, Sorting { column: 0, down: false });
    sorting.click(1, &COLUMNS);
    assert_eq!(sorting.column, 0);
    assert!(!sorting.act(Action::Up, &COLUMNS));
}
