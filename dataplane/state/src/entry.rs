#![allow(unsafe_code)] // One allocation of variable length per entry, reached by a thin pointer.
//! A table's entry: what it matches, what it does and which generations see it, in one piece of memory.
//!
//! Header, key and arguments follow each other, so that an entry with a short key and little data is one cache
//! line; what only the writer looks at comes last.
//!
//! Invariant: all of an entry but its [`Span`] is fixed when it is made.

use std::alloc::{Layout, LayoutError, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::index::{Filed, hash_words};
use crate::profile::{GroupCell, MemberCell, OneShot};
use crate::reclaim::{Held, Later};
use crate::version::Span;

/// A cache line.
const LINE_BYTES: usize = 64;
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

/// The fixed part.
#[repr(C)]
pub(crate) struct Header {
    span: Span,
    /// Among entries that match, the larger wins.
    rank: u32,
    /// Where its direct counter, meter and hit time are.
    slot: u32,
    /// Words it is filed under, at the start of its key.
    filed_words: u16,
    key_words: u16,
    arg_words: u16,
    target: Target,
}

/// What only the writer looks at.
struct Tail {
    /// Insertion order.
    sequence: u64,
    cold: Option<Box<Cold>>,
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

/// Where the words and the tail are, and the whole.
fn layout(words: usize) -> (Layout, usize, usize) {
    let extended = || {
        let (layout, words_at) = Layout::new::<Header>().extend(Layout::array::<u64>(words)?)?;
        let (layout, tail_at) = layout.extend(Layout::new::<Tail>())?;
        // Aligned to a line, so that the part that readers want begins with it.
        Ok::<_, LayoutError>((layout.align_to(LINE_BYTES)?.pad_to_align(), words_at, tail_at))
    };
    // Cannot fail for so few words.
    extended().unwrap_or_else(|_| handle_alloc_error(Layout::new::<Header>()))
}

/// Offset of the words, as [`layout`] computes it.
const WORDS_AT: usize = size_of::<Header>();
const _: () = assert!(size_of::<Header>() % align_of::<u64>() == 0 && align_of::<Header>() == align_of::<u64>());

impl<'a> EntryRef<'a> {
    /// Puts an entry on the heap. At most [`WORDS_MAX`] words each of key and arguments.
    pub(crate) fn new(new: NewEntry<'_>) -> EntryRef<'a> {
        debug_assert!(new.key.len() <= WORDS_MAX && new.args.len() <= WORDS_MAX && new.filed_words <= new.key.len());
        let (layout, words_at, tail_at) = layout(new.key.len() + new.args.len());
        let has_cold = new.cold.idle_timeout_ns != 0
            || !new.cold.metadata.is_empty()
            || new.cold.is_const
            || new.cold.one_shot.is_some();
        let header = Header {
            span: Span::from(new.first),
            rank: new.rank,
            slot: new.slot,
            filed_words: new.filed_words as u16,
            key_words: new.key.len() as u16,
            arg_words: new.args.len() as u16,
            target: new.target,
        };
        let tail = Tail { sequence: new.sequence, cold: has_cold.then(|| Box::new(new.cold)) };
        // SAFETY: the layout holds at least the header.
        let start = unsafe { alloc(layout) };
        let Some(entry) = NonNull::new(start) else { handle_alloc_error(layout) };
        // SAFETY: `layout` has room for the header, then the words, then the tail, at these aligned offsets.
        unsafe {
            entry.cast::<Header>().write(header);
            let words = entry.add(words_at).cast::<u64>();
            words.copy_from_nonoverlapping(NonNull::from(new.key).cast(), new.key.len());
            words.add(new.key.len()).copy_from_nonoverlapping(NonNull::from(new.args).cast(), new.args.len());
            entry.add(tail_at).cast::<Tail>().write(tail);
        }
        EntryRef { entry: entry.cast(), there: PhantomData }
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

    #[inline]
    fn words(self, from: usize, len: usize) -> &'a [u64] {
        // SAFETY: callers stay within the key and argument words that `new` has written at this offset.
        unsafe { std::slice::from_raw_parts(self.entry.as_ptr().cast::<u8>().add(WORDS_AT).cast::<u64>().add(from), len) }
    }

    fn tail(self) -> &'a Tail {
        let header = self.header();
        let (_, _, tail_at) = layout(usize::from(header.key_words) + usize::from(header.arg_words));
        // SAFETY: `new` has written the tail at this offset.
        unsafe { self.entry.byte_add(tail_at).cast::<Tail>().as_ref() }
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
        match self.header().target {
            Target::Action(position) => TargetRef::Action(position),
            // SAFETY: members and groups are freed after the entries that point to them.
            Target::Member(member) => TargetRef::Member(unsafe { member.get() }),
            // SAFETY: as above.
            Target::Group(group) => TargetRef::Group(unsafe { group.get() }),
        }
    }

    /// What it is filed under: the masked key.
    #[inline]
    pub(crate) fn filed(self) -> &'a [u64] {
        self.words(0, usize::from(self.header().filed_words))
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
        self.tail().sequence
    }

    /// What few entries have.
    pub(crate) fn cold(self) -> Option<&'a Cold> {
        self.tail().cold.as_deref()
    }

    /// Frees it.
    ///
    /// # Safety
    /// Nobody can reach it any more, and it is freed once.
    pub(crate) unsafe fn free(self) {
        let header = self.header();
        let (layout, _, tail_at) = layout(usize::from(header.key_words) + usize::from(header.arg_words));
        // SAFETY: `new` has written the tail there, and it is dropped once. The header needs no drop.
        unsafe { self.entry.byte_add(tail_at).cast::<Tail>().drop_in_place() };
        // SAFETY: `new` has allocated it with the same layout.
        unsafe { dealloc(self.entry.as_ptr().cast(), layout) };
    }

    /// Frees it when its ticket is due.
    pub(crate) fn into_later(self) -> Later {
        /// # Safety
        /// As for [`Later::new`].
        unsafe fn run(entry: *mut (), _: *mut (), _: usize, _: &mut Vec<Later>) {
            if let Some(entry) = NonNull::new(entry.cast::<Header>()) {
                // SAFETY: run once, after every reader that could reach the entry is gone.
                unsafe { EntryRef::from_non_null(entry).free() }
            }
        }
        // SAFETY: `run` frees, once, this entry.
        unsafe { Later::new(self.entry.as_ptr().cast(), std::ptr::null_mut(), 0, run) }
    }
}

impl Filed for Header {
    unsafe fn hash(this: NonNull<Header>) -> u64 {
        // SAFETY: not freed, by the caller's promise.
        hash_words(unsafe { EntryRef::from_non_null(this) }.filed().iter().copied())
    }
}
