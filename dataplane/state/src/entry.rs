#![allow(unsafe_code)] // One block of variable length per entry, reached by a thin pointer.
//! A table's entry: what it matches, what it does and which generations see it, in one piece of memory.
//!
//! Header, key, arguments and insertion number follow each other in words, so that what a lookup reads of an entry with a
//! short key and little data is one cache line; pointers to what few entries have come last, and only where there is any.
//!
//! Invariant: all of an entry but its [`Span`] is fixed when it is made.

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::index::{Filed, hash_words};
use crate::profile::{GroupCell, MemberCell, OneShot};
use crate::reclaim::Held;
use crate::slab::{LINE_BYTES, Slab};
use crate::version::Span;

/// Words that keys and arguments may take each.
pub(crate) const WORDS_MAX: usize = u16::MAX as usize / 2;

/// What an entry does, as it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Runs the action at this position of the table's actions with the entry's arguments.
    Action(u16),
    /// Runs a member's action.
    Member(Held<MemberCell>),
    /// Runs the action of a member picked from a group.
    Group(Held<GroupCell>),
}

/// What an entry does.
#[derive(Clone, Copy)]
pub(crate) enum TargetRef<'a> {
    /// Runs the action at this position of the table's actions with the entry's arguments.
    Action(u16),
    /// Runs a member's action.
    Member(&'a MemberCell),
    /// Runs the action of a member picked from a group.
    Group(&'a GroupCell),
}

/// Stand in [`Header::action`] for a member and for a group; no table lists so many actions.
const MEMBER: u16 = u16::MAX - 1;
const GROUP: u16 = u16::MAX;

/// The object of a [`Target`] that is no action.
#[derive(Clone, Copy)]
union TargetWord {
    member: Held<MemberCell>,
    group: Held<GroupCell>,
}

/// Set in [`Header::filed_words`] if a pointer to a [`Cold`] follows.
const HAS_COLD: u16 = 1 << 15;
const _: () = assert!(WORDS_MAX < HAS_COLD as usize);

/// The fixed part.
#[repr(C)]
pub(crate) struct Header {
    span: Span,
    /// Among entries that match, the larger wins.
    rank: u32,
    /// Where its direct counter, meter and hit time are.
    slot: u32,
    /// Words it is filed under, at the start of its key; and whether it [`HAS_COLD`].
    filed_words: u16,
    key_words: u16,
    arg_words: u16,
    /// The position of the action that it runs in its table's; [`MEMBER`] or [`GROUP`] if a [`TargetWord`] follows.
    action: u16,
}

/// What few entries have.
#[derive(Default)]
pub(crate) struct Cold {
    /// 0: none.
    pub(crate) idle_timeout_ns: u64,
    /// The control plane's own.
    pub(crate) metadata: Vec<u8>,
    /// Whether the program declares it as constant.
    pub(crate) is_const: bool,
    /// The group made for this entry alone.
    pub(crate) one_shot: Option<OneShot>,
}

/// What an entry is made of.
pub(crate) struct NewEntry<'a> {
    /// First generation to see it.
    pub(crate) first: u64,
    pub(crate) rank: u32,
    pub(crate) slot: u32,
    pub(crate) target: Target,
    /// What it is filed under, then what is checked besides.
    pub(crate) key: &'a [u64],
    /// Length of the first part of `key`.
    pub(crate) filed_words: usize,
    pub(crate) args: &'a [u64],
    pub(crate) sequence: u64,
    pub(crate) cold: Cold,
}

/// An entry that is there for as long as `'a`: until the snapshot or the writer's lock that it was reached with is
/// given up.
#[derive(Clone, Copy)]
pub(crate) struct EntryRef<'a> {
    entry: NonNull<Header>,
    there: PhantomData<&'a Header>,
}

// SAFETY: an `EntryRef` is a shared reference to a header, words, and a tail, all of which may be shared and, by
// whoever frees them, sent.
unsafe impl Send for EntryRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for EntryRef<'_> {}

impl PartialEq for EntryRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
    }
}

/// Words of the header. The key's words follow, then those of the arguments, then the insertion number, then the
/// member or group, then the pointer to what few entries have.
const HEADER_WORDS: usize = size_of::<Header>() / size_of::<u64>();
const _: () = assert!(size_of::<Header>() == 32 && align_of::<Header>() == align_of::<u64>());
const _: () = assert!(size_of::<*mut Cold>() <= size_of::<u64>());
const _: () = assert!(size_of::<TargetWord>() <= size_of::<u64>());

/// Bytes of an entry with so many words of key and arguments that runs an action, in whole cache lines.
pub(crate) fn bytes(key_words: usize, arg_words: usize) -> usize {
    ((HEADER_WORDS + key_words + arg_words + 1) * size_of::<u64>()).next_multiple_of(LINE_BYTES)
}

impl Header {
    fn data_words(&self) -> usize {
        usize::from(self.key_words) + usize::from(self.arg_words)
    }

    fn has_cold(&self) -> bool {
        self.filed_words & HAS_COLD != 0
    }

    /// Words behind the header up to the pointer to a [`Cold`], if there is one.
    fn words_to_cold(&self) -> usize {
        self.data_words() + 1 + usize::from(self.action >= MEMBER)
    }

    /// Size of the whole entry.
    fn bytes(&self) -> usize {
        (HEADER_WORDS + self.words_to_cold() + usize::from(self.has_cold())) * size_of::<u64>()
    }
}

impl<'a> EntryRef<'a> {
    /// Makes an entry. At most [`WORDS_MAX`] words each of key and arguments.
    pub(crate) fn new(slab: &mut Slab, new: NewEntry<'_>) -> EntryRef<'a> {
        debug_assert!(
            new.key.len() <= WORDS_MAX && new.args.len() <= WORDS_MAX && new.filed_words <= new.key.len()
        );
        let has_cold = new.cold.idle_timeout_ns != 0
            || !new.cold.metadata.is_empty()
            || new.cold.is_const
            || new.cold.one_shot.is_some();
        let (action, target) = match new.target {
            Target::Action(action) => (action, None),
            Target::Member(member) => (MEMBER, Some(TargetWord { member })),
            Target::Group(group) => (GROUP, Some(TargetWord { group })),
        };
        debug_assert!(action < MEMBER || target.is_some(), "no table lists so many actions");
        let header = Header {
            span: Span::from(new.first),
            rank: new.rank,
            slot: new.slot,
            filed_words: new.filed_words as u16 | if has_cold { HAS_COLD } else { 0 },
            key_words: new.key.len() as u16,
            arg_words: new.args.len() as u16,
            action,
        };
        let block = slab.allocate(header.bytes());
        let words_to_cold = header.words_to_cold();
        // SAFETY: the block has room for all of this in words, and is aligned to a line.
        unsafe {
            block.cast::<Header>().write(header);
            let key = block.cast::<u64>().add(HEADER_WORDS);
            key.copy_from_nonoverlapping(NonNull::from(new.key).cast(), new.key.len());
            let args = key.add(new.key.len());
            args.copy_from_nonoverlapping(NonNull::from(new.args).cast(), new.args.len());
            let sequence = args.add(new.args.len());
            sequence.write(new.sequence);
            if let Some(target) = target {
                sequence.add(1).cast::<TargetWord>().write(target);
            }
            if has_cold {
                key.add(words_to_cold).cast::<*mut Cold>().write(Box::into_raw(Box::new(new.cold)));
            }
        }
        EntryRef { entry: block.cast(), there: PhantomData }
    }

    /// The entry that [`EntryRef::as_non_null`] gave.
    ///
    /// # Safety
    /// It is not freed during `'a`.
    #[inline]
    pub(crate) unsafe fn from_non_null(entry: NonNull<Header>) -> EntryRef<'a> {
        EntryRef { entry, there: PhantomData }
    }

    /// For an index.
    pub(crate) fn as_non_null(self) -> NonNull<Header> {
        self.entry
    }

    /// The same entry without a bound on its life.
    ///
    /// # Safety
    /// It is not freed during `'b`.
    pub(crate) unsafe fn extend<'b>(self) -> EntryRef<'b> {
        EntryRef { entry: self.entry, there: PhantomData }
    }

    #[inline]
    fn header(self) -> &'a Header {
        // SAFETY: the entry is there during `'a`.
        unsafe { self.entry.as_ref() }
    }

    /// The words after the header.
    #[inline]
    fn word(self, at: usize) -> NonNull<u64> {
        // SAFETY: callers stay within the words that `new` has written.
        unsafe { self.entry.cast::<u64>().add(HEADER_WORDS + at) }
    }

    #[inline]
    fn words(self, from: usize, len: usize) -> &'a [u64] {
        // SAFETY: callers stay within the key and argument words that `new` has written.
        unsafe { std::slice::from_raw_parts(self.word(from).as_ptr(), len) }
    }

    fn cold_ptr(self) -> Option<NonNull<Cold>> {
        let header = self.header();
        if !header.has_cold() {
            return None;
        }
        // SAFETY: `new` has written the pointer there if `has_cold` says so.
        NonNull::new(unsafe { self.word(header.words_to_cold()).cast::<*mut Cold>().read() })
    }

    /// Who sees it.
    #[inline]
    pub(crate) fn span(self) -> &'a Span {
        &self.header().span
    }

    /// Among entries that match, the larger wins.
    #[inline]
    pub(crate) fn rank(self) -> u32 {
        self.header().rank
    }

    /// Where its direct counter, meter and hit time are.
    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.header().slot
    }

    /// What it does.
    #[inline]
    pub(crate) fn target(self) -> TargetRef<'a> {
        let header = self.header();
        if header.action < MEMBER {
            return TargetRef::Action(header.action);
        }
        // SAFETY: `new` has written the variant there that the action stands for. Members and groups are freed after the
        // entries that point to them.
        unsafe {
            let target = self.word(header.data_words() + 1).cast::<TargetWord>().read();
            if header.action == MEMBER {
                TargetRef::Member(target.member.get())
            } else {
                TargetRef::Group(target.group.get())
            }
        }
    }

    /// What it is filed under: the masked key.
    #[inline]
    pub(crate) fn filed(self) -> &'a [u64] {
        self.words(0, usize::from(self.header().filed_words & !HAS_COLD))
    }

    /// The first word of its key.
    ///
    /// # Safety
    /// Its key has a word.
    #[inline]
    pub(crate) unsafe fn first_key_word(self) -> u64 {
        // SAFETY: the caller's promise: `new` has written it there.
        unsafe { self.word(0).read() }
    }

    /// What it matches: [`EntryRef::filed`], and what is checked besides.
    #[inline]
    pub(crate) fn key(self) -> &'a [u64] {
        self.words(0, usize::from(self.header().key_words))
    }

    /// The values of its action's parameters.
    #[inline]
    pub(crate) fn args(self) -> &'a [u64] {
        let header = self.header();
        self.words(usize::from(header.key_words), usize::from(header.arg_words))
    }

    /// Insertion order: the smaller was first.
    pub(crate) fn sequence(self) -> u64 {
        // SAFETY: `new` has written it there.
        unsafe { self.word(self.header().data_words()).read() }
    }

    /// What few entries have.
    pub(crate) fn cold(self) -> Option<&'a Cold> {
        // SAFETY: it belongs to the entry, which is there during `'a`.
        self.cold_ptr().map(|cold| unsafe { cold.as_ref() })
    }

    /// Bytes of its block.
    pub(crate) fn bytes(self) -> usize {
        self.header().bytes().next_multiple_of(LINE_BYTES)
    }

    /// Frees what the entry points to, but not the entry: before its slab is dropped.
    ///
    /// # Safety
    /// Nobody can reach it any more but to look at its key, and this is called once.
    pub(crate) unsafe fn drop_cold(self) {
        if let Some(cold) = self.cold_ptr() {
            // SAFETY: `new` has made it from a box, and it is dropped once.
            drop(unsafe { Box::from_raw(cold.as_ptr()) });
        }
    }

    /// Frees it.
    ///
    /// # Safety
    /// Nobody can reach it any more, and it is freed once, to the slab that it was made with.
    pub(crate) unsafe fn free(self, slab: &mut Slab) {
        let bytes = self.header().bytes();
        // SAFETY: nobody can reach it, by the caller's promise.
        unsafe { self.drop_cold() };
        // SAFETY: `new` has allocated it with as many bytes. The header needs no drop.
        unsafe { slab.free(self.entry.cast(), bytes) };
    }
}

impl Filed for Header {
    unsafe fn hash(this: NonNull<Header>) -> u64 {
        // SAFETY: not freed, by the caller's promise.
        hash_words(unsafe { EntryRef::from_non_null(this) }.filed().iter().copied())
    }
}
