//! Scans against a list that is searched from one end to the other.

use super::*;

/// Numbers that look drawn (Steele, Lea and Flood, OOPSLA 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) % end
    }

    fn key(&mut self) -> [u64; 2] {
        [self.below(40) << 8 | self.below(3), self.below(5) << 16 | self.below(40)]
    }

    /// A value with many others like it, under a mask that leaves out whole fields, nibbles or bits.
    fn entry(&mut self) -> Entry {
        let masks = [0, u64::MAX, 0xffff, 0xffff_ffff, 0xff_fff0, 0x3_ff01];
        let mut mask: [u64; 2] = std::array::from_fn(|_| masks[self.below(masks.len() as u64) as usize]);
        if mask == [0, 0] {
            mask[0] = u64::MAX;
        }
        let value = self.key();
        Entry { mask, value: [value[0] & mask[0], value[1] & mask[1]] }
    }
}

/// Entries of two words.
struct Entry {
    mask: [u64; 2],
    value: [u64; 2],
}

impl Entry {
    fn matches(&self, key: [u64; 2]) -> bool {
        (0..2).all(|i| key[i] & self.mask[i] == self.value[i])
    }
}

#[test]
fn a_scan_offers_what_matches_however_many_entries_there_are() {
    let mut draw = Draw(11);
    let nibbles = (0..2).flat_map(|word| (0..16).map(move |n| Nibble { word, shift: 4 * n })).collect();
    let (vectors, mut positions) = (Vectors::<Entry>::new(nibbles), Positions::default());
    let mut later = Vec::new();
    let mut entries: Vec<(Held<Entry>, u32)> = Vec::new();
    let (mut few, mut many) = (0, 0);
    // Through what is compared one by one, the first page, the second, and a third.
    for round in 0..700 {
        if round % 5 == 4 {
            let (_, position) = entries.swap_remove(draw.below(entries.len() as u64) as usize);
            vectors.remove(&mut positions, position);
        }
        let entry = Held::new(draw.entry());
        // SAFETY: no entry is freed before the test ends.
        let Entry { mask, value } = unsafe { entry.get() };
        let admits = |nibble: Nibble, admitted| (nibble.of(value) ^ admitted) & nibble.of(mask) == 0;
        let exact = (&mask[..], &value[..]);
        let position = vectors.insert(&mut positions, entry.as_non_null(), 0, exact, admits, &mut later);
        entries.push((entry, position));
        for _ in 0..4 {
            let key = draw.key();
            let mut found = Vec::new();
            vectors.scan(&key, |entry| {
                found.push(entry);
                0
            });
            found.sort_unstable();
            // SAFETY: as above.
            let matching = entries.iter().filter(|(entry, _)| unsafe { entry.get() }.matches(key));
            let mut expected: Vec<_> = matching.map(|(entry, _)| entry.as_non_null()).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{} entries, key {key:x?}", entries.len());
            few += usize::from((1..=2).contains(&found.len()));
            many += usize::from(found.len() > 2);
        }
    }
    assert!(few > 500 && many > 500, "keys that match one or two entries: {few}, more: {many}");
    later.into_iter().for_each(std::mem::forget);
}
