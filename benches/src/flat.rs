//! DIR-24-8 (Gupta, Lin and McKeown 1998), the structure that tries of prefixes are held against: one table by the
//! first 24 bits, and one of 256 by the last eight for each that has longer prefixes.
//!
//! Invariant: filled once from the shortest prefix to the longest, then only read.

use heddle_ir::KeyMatch;

/// Set in a slot that leads on.
const LEADS_ON: u32 = 1 << 31;

/// Prefixes of 32 bits, each with a line of its own as an entry has.
pub struct Flat {
    first: Vec<u32>,
    last: Vec<u32>,
    lines: Vec<[u64; 8]>,
}

impl Flat {
    /// Of prefixes of different beginnings or lengths.
    pub fn new(mut prefixes: Vec<(u32, u32)>) -> Flat {
        prefixes.sort_by_key(|(_, len)| *len);
        let mut flat = Flat { first: vec![0; 1 << 24], last: Vec::new(), lines: vec![[0; 8]] };
        for (bits, len) in prefixes {
            let number = flat.lines.len() as u32;
            flat.lines.push([u64::from(number); 8]);
            let at = bits as usize >> 8;
            if len <= 24 {
                flat.first[at..at + (1 << (24 - len))].fill(number);
                continue;
            }
            if flat.first[at] & LEADS_ON == 0 {
                let group = flat.last.len() as u32 / 256;
                flat.last.extend([flat.first[at]; 256]);
                flat.first[at] = group | LEADS_ON;
            }
            let from = (flat.first[at] & !LEADS_ON) as usize * 256 + (bits & 0xff) as usize;
            flat.last[from..from + (1 << (32 - len))].fill(number);
        }
        flat
    }

    /// What a match of an entry says of its prefix.
    pub fn prefix(matches: &[KeyMatch]) -> Option<(u32, u32)> {
        match matches {
            [KeyMatch::Lpm { value, prefix_len }] => Some((value.low_u64() as u32, *prefix_len)),
            _ => None,
        }
    }

    /// What the entry of a key holds.
    #[inline]
    pub fn find(&self, key: u32) -> u64 {
        let mut slot = self.first[key as usize >> 8];
        if slot & LEADS_ON != 0 {
            slot = self.last[(slot & !LEADS_ON) as usize * 256 + (key & 0xff) as usize];
        }
        self.lines[slot as usize][0]
    }

    /// Bytes of what finds entries, where it was written.
    pub fn bytes(&self) -> usize {
        let written = self.first.chunks(1_024).filter(|page| page.iter().any(|slot| *slot != 0)).count();
        written * 4_096 + self.last.len() * 4
    }
}
