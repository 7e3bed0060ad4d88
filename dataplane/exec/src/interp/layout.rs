//! Where a frame keeps what: every scalar slot and every header field at a fixed place among its words.
//!
//! Invariant: places do not overlap, and all of them lie within [`Layout::words`].
//!
//! A value takes as many little-endian limbs as its width needs, and at least one; a `varbit` has a word with its current length
//! in bits in front. A header is a word for its validity, then its fields in order, so that headers of one type
//! are laid out alike and one is copied as a run of words.

use cranelift_entity::PrimaryMap;
use heddle_ir::{HeaderField, HeaderId, HeaderType, HeaderTypeId, Preserve, PreserveId, Program, Ty, VarId};

/// Where a scalar lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First word.
    pub word: usize,
    /// What it holds.
    pub ty: Ty,
}

impl Slot {
    /// The first of its limbs.
    pub fn limbs(self) -> usize {
        match self.ty {
            Ty::Bits(_) => self.word,
            Ty::Varbit(_) => self.word + 1,
        }
    }

    /// Limbs it has.
    pub fn limb_count(self) -> usize {
        self.ty.width().div_ceil(64).max(1) as usize
    }

    /// The word behind it.
    fn end(self) -> usize {
        self.limbs() + self.limb_count()
    }
}

/// Where a header lies.
#[derive(Clone, Debug)]
pub struct HeaderSlot {
    /// Its validity, one or zero. The fields follow.
    pub word: usize,
    /// Its type.
    pub ty: HeaderTypeId,
    /// Its fields.
    pub fields: Vec<Slot>,
}

/// How headers of one type are laid out.
#[derive(Clone, Debug)]
pub struct TypeLayout {
    /// Words that a header takes, its validity included.
    pub words: usize,
    /// Bits of the fields that are not `varbit`.
    pub fixed_bits: u32,
    /// The largest length of the `varbit` field, in bits; zero without one.
    pub varbit_bits_max: u32,
}

/// The fields of a header at a word.
fn fields(ty: &HeaderType, word: usize) -> Vec<Slot> {
    let mut word = word + 1;
    let place = |field: &HeaderField| {
        let slot = Slot { word, ty: field.ty };
        word = slot.end();
        slot
    };
    ty.fields.iter().map(place).collect()
}

/// The words that outlive a pass, as runs of first word and count.
pub type Kept = Vec<(usize, usize)>;

/// The layout of a program's frame.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Words of a frame.
    pub words: usize,
    /// Where scalars lie.
    pub vars: PrimaryMap<VarId, Slot>,
    /// Where headers lie.
    pub headers: PrimaryMap<HeaderId, HeaderSlot>,
    /// How headers are laid out.
    pub types: PrimaryMap<HeaderTypeId, TypeLayout>,
    /// What outlives a pass.
    pub preserves: PrimaryMap<PreserveId, Kept>,
}

impl Layout {
    /// The layout for a program.
    pub fn new(program: &Program) -> Self {
        let mut types = PrimaryMap::new();
        for ty in program.header_types.values() {
            let fixed_bits = ty.fixed_width();
            let varbit_bits_max = ty.max_width() - fixed_bits;
            let words = fields(ty, 0).last().map_or(1, |last| last.end());
            types.push(TypeLayout { words, fixed_bits, varbit_bits_max });
        }
        let mut words = 0;
        let mut headers = PrimaryMap::new();
        for header in program.headers.values() {
            let fields = fields(&program.header_types[header.ty], words);
            headers.push(HeaderSlot { word: words, ty: header.ty, fields });
            words += types[header.ty].words;
        }
        let mut vars = PrimaryMap::new();
        for var in program.vars.values() {
            let slot = Slot { word: words, ty: var.ty };
            words = slot.end();
            vars.push(slot);
        }
        let mut layout = Self { words, vars, headers, types, preserves: PrimaryMap::new() };
        for preserve in program.preserves.values() {
            let kept = layout.kept(preserve);
            layout.preserves.push(kept);
        }
        layout
    }

    /// The words that a preserve keeps.
    fn kept(&self, preserve: &Preserve) -> Kept {
        let vars = preserve.vars.iter().map(|var| {
            let slot = self.vars[*var];
            (slot.word, slot.end() - slot.word)
        });
        let headers = preserve.headers.iter().map(|header| {
            let slot = &self.headers[*header];
            (slot.word, self.types[slot.ty].words)
        });
        vars.chain(headers).collect()
    }
}

#[cfg(test)]
mod tests {
    use heddle_ir::{Header, Var};

    use super::*;

    #[test]
    fn places_follow_each_other() {
        let mut program = Program::default();
        let fields =
            [("a", Ty::Bits(4)), ("options", Ty::Varbit(320)), ("b", Ty::Bits(65)), ("none", Ty::Bits(0))];
        let fields = fields.map(|(name, ty)| HeaderField { name: name.to_string(), ty }).to_vec();
        let ty = program.header_types.push(HeaderType { name: "h".to_string(), fields });
        let first = program.headers.push(Header { name: "h1".to_string(), ty, union: None });
        let second = program.headers.push(Header { name: "h2".to_string(), ty, union: None });
        let var = program.vars.push(Var { name: "x".to_string(), ty: Ty::Bits(128) });
        let preserve = program.preserves.push(Preserve { vars: vec![var], headers: vec![second] });

        let layout = Layout::new(&program);
        // Validity, a, the length and five limbs of the options, two limbs of b, one of what has no bits.
        assert_eq!(layout.types[ty].words, 1 + 1 + (1 + 5) + 2 + 1);
        assert_eq!((layout.types[ty].fixed_bits, layout.types[ty].varbit_bits_max), (69, 320));
        assert_eq!(layout.headers[first].fields[2], Slot { word: 8, ty: Ty::Bits(65) });
        assert_eq!(layout.headers[second].fields[0], Slot { word: 12, ty: Ty::Bits(4) });
        assert_eq!((layout.headers[first].word, layout.headers[second].word), (0, 11));
        assert_eq!(layout.vars[var].word, 22);
        assert_eq!(layout.words, 24);
        assert_eq!(layout.preserves[preserve], [(22, 2), (11, 11)]);
    }
}
