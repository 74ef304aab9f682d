//! A sorted list of which copies share what they have in common.
//!
//! Readers keep the copy they began with while a writer goes on to the next: a copy costs a pointer for every sheet, a change
//! one sheet besides. A list that is not shared is changed in place.

use std::cmp::Ordering;
use std::sync::Arc;

/// Items on a sheet at most; a change of a shared list copies one sheet and the list of sheets.
const SHEET_MAX: usize = 64;

/// The items of a sorted list, on sheets of which none is empty.
#[derive(Clone, Debug)]
pub(super) struct Sheets<T> {
    sheets: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Sheets<T> {
    fn default() -> Self {
        Self { sheets: Vec::new(), len: 0 }
    }
}

/// Where an item is, or would be.
struct Place {
    sheet: usize,
    item: usize,
    is_there: bool,
}

impl<T: Clone> Sheets<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.sheets.iter().flat_map(|sheet| sheet.iter())
    }

    /// The item that `order` calls equal; `order` says how an item stands to the one that is looked for.
    pub(super) fn get(&self, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        let place = self.place(order);
        self.sheets.get(place.sheet)?.get(place.item).filter(|_| place.is_there)
    }

    /// The same, to be changed in what does not decide its place.
    pub(super) fn get_mut(&mut self, order: impl Fn(&T) -> Ordering) -> Option<&mut T> {
        let place = self.place(order);
        if place.is_there { self.at(&place) } else { None }
    }

    /// The same, put in where there is none.
    pub(super) fn entry(
        &mut self,
        order: impl Fn(&T) -> Ordering,
        new: impl FnOnce() -> T,
    ) -> Option<&mut T> {
        let place = self.place(&order);
        if !place.is_there {
            self.put(&place, new());
        }
        self.get_mut(order)
    }

    /// Puts an item in, in place of the one that `order` calls equal.
    pub(super) fn insert(&mut self, item: T, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let place = self.place(order);
        if place.is_there {
            return self.at(&place).map(|old| std::mem::replace(old, item));
        }
        self.put(&place, item);
        None
    }

    /// Takes out the item that `order` calls equal.
    pub(super) fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let place = self.place(order);
        let sheet = self.sheets.get_mut(place.sheet).filter(|_| place.is_there).map(Arc::make_mut)?;
        let item = sheet.remove(place.item);
        if sheet.is_empty() {
            self.sheets.remove(place.sheet);
        }
        self.len = self.len.saturating_sub(1);
        Some(item)
    }

    fn at(&mut self, place: &Place) -> Option<&mut T> {
        self.sheets.get_mut(place.sheet).map(Arc::make_mut)?.get_mut(place.item)
    }

    fn place(&self, order: impl Fn(&T) -> Ordering) -> Place {
        let ends_before = |sheet: &Arc<Vec<T>>| sheet.last().is_some_and(|last| order(last).is_lt());
        // Behind the last item is still the last sheet, so that it fills up.
        let sheet = self.sheets.partition_point(ends_before).min(self.sheets.len().saturating_sub(1));
        let items = self.sheets.get(sheet).map_or(&[][..], |sheet| sheet.as_slice());
        let item = items.partition_point(|item| order(item).is_lt());
        Place { sheet, item, is_there: items.get(item).is_some_and(|item| order(item).is_eq()) }
    }

    fn put(&mut self, place: &Place, item: T) {
        self.len = self.len.saturating_add(1);
        let Some(sheet) = self.sheets.get_mut(place.sheet).map(Arc::make_mut) else {
            self.sheets.push(Arc::new(vec![item]));
            return;
        };
        sheet.insert(place.item, item);
        if sheet.len() > SHEET_MAX {
            let rest = sheet.split_off(SHEET_MAX / 2);
            self.sheets.insert(place.sheet.saturating_add(1), Arc::new(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(wanted: u16) -> impl Fn(&(u16, u8)) -> Ordering {
        move |(key, _)| key.cmp(&wanted)
    }

    proptest! {
        /// Any run of changes is that of a map, and a copy keeps what was there when it was made.
        #[test]
        fn as_a_map(changes in proptest::collection::vec((0_u16..400, any::<u8>(), 0_u8..4), 0..900), cut in 0_usize..900) {
            let (mut sheets, mut map) = (Sheets::default(), BTreeMap::new());
            let mut copy = (sheets.clone(), map.clone());
            for (index, (at, value, what)) in changes.into_iter().enumerate() {
                match what {
                    0 => prop_assert_eq!(sheets.remove(key(at)).map(|(_, value)| value), map.remove(&at)),
                    1 => {
                        let entry = sheets.entry(key(at), || (at, value)).unwrap();
                        prop_assert_eq!(entry.1, *map.entry(at).or_insert(value));
                    }
                    _ => {
                        let old = sheets.insert((at, value), key(at));
                        prop_assert_eq!(old.map(|(_, value)| value), map.insert(at, value));
                    }
                }
                prop_assert_eq!(sheets.get(key(at)).map(|(_, value)| value), map.get(&at));
                prop_assert_eq!(sheets.len(), map.len());
                if index == cut {
                    copy = (sheets.clone(), map.clone());
                }
            }
            for (sheets, map) in [(sheets, map), copy] {
                prop_assert!(sheets.iter().map(|(key, value)| (key, value)).eq(map.iter()));
                prop_assert!(sheets.sheets.iter().all(|sheet| !sheet.is_empty() && sheet.len() <= SHEET_MAX));
            }
        }
    }
}
