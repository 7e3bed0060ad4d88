//! The random numbers of a worker: a 64-bit state stepped by SplitMix64, so that a run can be replayed from
//! its seed.
//!
//! Invariant: the numbers drawn depend on the state alone, and every executor draws the same ones in the same
//! order for the same program.

use heddle_ir::Bits;

/// The next 64 uniform bits. Any state is a good one.
pub fn next_u64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A draw is thrown away if it is too large, which happens less than every other time. After this many in a
/// row, which no run of a working generator sees, the last one is reduced instead, so that time is bounded.
const REJECTED_MAX: u32 = 64;

/// A uniform value from `low` to `high`, both included; `low` if it is above `high`.
pub fn in_range_u64(state: &mut u64, low: u64, high: u64) -> u64 {
    let Some(span) = high.checked_sub(low) else { return low };
    let mask = u64::MAX.checked_shr(span.leading_zeros()).unwrap_or(0);
    for _ in 0..REJECTED_MAX {
        let draw = next_u64(state) & mask;
        if draw <= span {
            return low + draw;
        }
    }
    low + (next_u64(state) & mask) % span.saturating_add(1)
}

/// A uniform value from `low` to `high`, both included and of one width; `low` if it is above `high`.
///
/// Widths up to 64 draw as [`in_range_u64`] does; wider ones draw a limb at a time, least significant first.
pub fn in_range(state: &mut u64, low: &Bits, high: &Bits) -> Bits {
    let width = low.width();
    if width <= 64 {
        return Bits::new(width, u128::from(in_range_u64(state, low.low_u64(), high.low_u64())));
    }
    if low.cmp_unsigned(high).is_gt() {
        return low.clone();
    }
    let span = high.sub(low);
    let mask = Bits::mask_prefix(width, span.leading_zeros()).not();
    let mut draw = || {
        let limbs: Vec<u64> = (0..low.limb_count()).map(|_| next_u64(state)).collect();
        Bits::from_limbs(width, &limbs).and(&mask)
    };
    for _ in 0..REJECTED_MAX {
        let draw = draw();
        if draw.cmp_unsigned(&span).is_le() {
            return low.add(&draw);
        }
    }
    // A span of all ones rejects nothing, so that the divisor cannot have wrapped to zero.
    low.add(&draw().rem(&span.add(&Bits::new(width, 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // Published test vector of SplitMix64 for seed 1234567.
        let mut state = 1_234_567;
        let drawn: Vec<u64> = (0..3).map(|_| next_u64(&mut state)).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn every_value_of_a_range_is_drawn_and_no_other() {
        let mut state = 7;
        let mut seen = [0u32; 16];
        for _ in 0..6_000 {
            seen[in_range_u64(&mut state, 3, 8) as usize] += 1;
        }
        for (value, count) in seen.iter().enumerate() {
            let expected = if (3..=8).contains(&value) { 850..1_150 } else { 0..1 };
            assert!(expected.contains(count), "{value} was drawn {count} times");
        }
    }

    #[test]
    fn limits_of_a_range_are_total() {
        let mut state = 1;
        assert_eq!(in_range_u64(&mut state, 9, 3), 9);
        assert_eq!(in_range_u64(&mut state, 5, 5), 5);
        in_range_u64(&mut state, 0, u64::MAX);
        let (low, high) = (Bits::new(100, 1 << 99), Bits::new(100, (1 << 99) + 2));
        for _ in 0..50 {
            let drawn = in_range(&mut state, &low, &high);
            assert!(low.cmp_unsigned(&drawn).is_le() && drawn.cmp_unsigned(&high).is_le(), "{drawn}");
        }
        assert_eq!(in_range(&mut state, &high, &low), high);
        in_range(&mut state, &Bits::zero(130), &Bits::ones(130));
        // 128 bits need no allocation to hold, but the draw is still two limbs.
        assert_eq!(in_range(&mut state, &Bits::ones(128), &Bits::ones(128)), Bits::ones(128));
        assert_eq!(in_range(&mut state, &Bits::zero(0), &Bits::zero(0)), Bits::zero(0));
    }
}
