//! Which name was meant: spelling mistakes, for "did you mean".

/// The candidate that is most like `name`, if any is alike enough to have been meant.
pub(crate) fn most_like<'a, S: AsRef<str> + Ord>(
    name: &str,
    candidates: impl Iterator<Item = &'a S>,
) -> Option<&'a S> {
    // Short names are alike by chance.
    let limit = match name.chars().count() {
        0..=2 => 0,
        length => (length / 3).clamp(1, 4),
    };
    candidates
        .filter_map(|candidate| Some((distance(name, candidate.as_ref(), limit)?, candidate)))
        .min_by(|a, b| a.cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) that make `b` of `a`, if there are at most `limit`. Case alone
/// counts as one edit in all.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit * 4 || a.len() > 256 || b.len() > 256 {
        return None;
    }
    if a.eq_ignore_ascii_case(b) {
        return Some(1);
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            row[j + 1] = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|&edits| edits <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("ipv4", "ipv6", 1), Some(1));
        assert_eq!(distance("dstAddr", "dstadr", 2), Some(2));
        assert_eq!(distance("ehternet", "ethernet", 2), Some(1));
        assert_eq!(distance("NoAction", "noaction", 2), Some(1));
        assert_eq!(distance("abc", "xyz", 1), None);
        assert_eq!(distance("", "a", 1), Some(1));
    }
}
