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
    fn settled_version(&self) -> u64 {
        self.least as u64
    }
    fn id_at(&self, index: usize) -> Option<u16> {
        self.all.get(index).map(|(id, _)| *id)
    }
    fn sort_key(&self, index: usize, column: usize) -> SortKey {
        let (id, number) = self.all[index];
        if column == 0 { SortKey::count(id.into()) } else { SortKey::Number(number) }
    }
    fn passes(&self, index: usize) -> bool {
        self.all[index].1 >= self.least
    }
    fn cells(&self, _: usize) -> Vec<Cell> {
        Vec::new()
    }
}

/// Returns the expected order, sorted from scratch.
fn expected_order(numbers: &Numbers, sorting: Sorting) -> Vec<u16> {
    let mut indices: Vec<usize> = (0..numbers.len()).filter(|index| numbers.passes(*index)).collect();
    indices.sort_by_key(|index| (numbers.sort_key(*index, sorting.column), *index));
    if sorting.down {
        indices.sort_by_key(|index| std::cmp::Reverse(numbers.sort_key(*index, sorting.column)));
    }
    indices.iter().filter_map(|index| numbers.id_at(*index)).collect()
}

proptest! {
    #[test]
    fn order_equals_sorting_from_scratch(
        steps in prop::collection::vec((0usize..8, prop::collection::vec(-20i64..20, 0..6)), 1..40),
    ) {
        let mut list = SortedList::<u16>::new(&COLUMNS);
        let mut numbers = Numbers { all: Vec::new(), settled: 0, version: 0, least: -20 };
        for (step, more) in steps {
            let selected = list.selected.filter(|id| numbers.all.iter().any(|(known, _)| known == id));
            match step {
                0 => list.sorting.handle_click(2, &COLUMNS),
                1 => drop(list.handle_action(Action::Sort, &numbers, 5)),
                2 => drop(list.handle_action(Action::SortReverse, &numbers, 5)),
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
            list.refresh(&numbers);
            let got: Vec<u16> = (0..list.len()).filter_map(|row| list.id_of_row(row, &numbers)).collect();
            prop_assert_eq!(&got, &expected_order(&numbers, list.sorting));
            if matches!(step, 1 | 2) {
                prop_assert_eq!(list.list.selected, 0, "a new order is shown from its beginning");
            } else if let Some(id) = selected.filter(|id| got.contains(id)) {
                prop_assert_eq!(list.selected, Some(id), "the selected item stays selected");
            }
            let index = list.selected();
            prop_assert_eq!(index.and_then(|index| numbers.id_at(index)), list.selected);
            prop_assert_eq!(index.is_none(), got.is_empty());
            list.handle_action(if step % 2 == 0 { Action::Down } else { Action::Up }, &numbers, 5);
        }
    }
}

#[test]
fn sort_key_skips_columns_without_order() {
    let mut sorting = Sorting::default();
    assert!(sorting.handle_action(Action::Sort, &COLUMNS));
    assert_eq!(sorting, Sorting { column: 2, down: true });
    assert!(sorting.handle_action(Action::Sort, &COLUMNS));
    assert_eq!(sorting, Sorting { column: 0, down: false });
    sorting.handle_click(1, &COLUMNS);
    assert_eq!(sorting.column, 0);
    assert!(!sorting.handle_action(Action::Up, &COLUMNS));
}
