#![allow(unsafe_code)] // Machine code is called by address and freed by hand.
//! A compiled program: machine code, and what it and the host need beside it.
//!
//! Invariant: the code was made for this program's layout, and is freed with it.

use std::mem::ManuallyDrop;
use std::ops::Range;

use cranelift_entity::{EntityRef, PrimaryMap};
use cranelift_jit::JITModule;
use heddle_exec::Entry;
use heddle_exec::layout::Layout;
use heddle_ir::{TableId, Verified};
use heddle_state::{AtomicSet, Cells};

use crate::machine::Machine;
use crate::plan::Through;

/// A pass: takes the machine and the frame, and returns how it ended.
pub(crate) type Function = unsafe extern "C" fn(*mut Machine<'_, '_>, *mut u64) -> i64;

/// A compiled program.
pub(crate) struct Compiled {
    pub(crate) program: Verified,
    pub(crate) layout: Layout,
    pub(crate) constants: Vec<u64>,
    pub(crate) arena_words: usize,
    pub(crate) through_frame: ThroughFrame,
    pub(crate) atomic_sets: Vec<AtomicSet>,
    pub(crate) lookups: PrimaryMap<TableId, Lookup>,
    /// For a state of another program: as many as there are registers or counters, whichever are more.
    pub(crate) no_cells: Vec<Cells>,
    pub(crate) code: Code,
}

/// The words of a frame, for a pass through both entry points.
#[derive(Default)]
pub(crate) struct ThroughFrame {
    /// Those that it reads and writes: clear from the start.
    pub(crate) used: Vec<Range<usize>>,
    /// Those whose slots live in registers, filled once a packet is held up.
    pub(crate) rest: Vec<Range<usize>>,
}

impl ThroughFrame {
    pub(crate) fn new(plan: &Through, layout: &Layout) -> ThroughFrame {
        let mut is_rest = vec![!plan.uses_frame; layout.words];
        let vars = plan.vars.keys().map(|var| {
            let slot = layout.vars[*var];
            slot.word..slot.limbs() + slot.limb_count()
        });
        let headers = plan.headers.keys().map(|header| {
            let slot = &layout.headers[*header];
            slot.word..slot.word + layout.types[slot.ty].words
        });
        for words in vars.chain(headers) {
            is_rest[words].fill(true);
        }
        let mut frame = ThroughFrame::default();
        let mut from = 0;
        for run in is_rest.chunk_by(|one, next| one == next) {
            let words = from..from + run.len();
            from = words.end;
            if run[0] { &mut frame.rest } else { &mut frame.used }.push(words);
        }
        frame
    }
}

/// What the host has to know of a table that is looked up.
pub(crate) struct Lookup {
    /// Words of data that each of its actions takes.
    pub(crate) data_words: Vec<usize>,
    /// Whether hits are noted.
    pub(crate) idle_timeout: bool,
}

/// Machine code.
pub(crate) struct Code {
    module: ManuallyDrop<JITModule>,
    ingress: Option<Function>,
    egress: Option<Function>,
    /// Both, one after the other.
    through: Option<Function>,
}

// SAFETY: after it is made the module is only looked at once more, to be freed, by whoever has it alone. The code
// itself is not changed any more.
unsafe impl Send for Code {}
// SAFETY: as above; running code takes nothing from the module.
unsafe impl Sync for Code {}

impl Code {
    /// From the finished functions of a module, made by [`crate::assembly::Assembly`] with this signature.
    pub(crate) fn new(
        module: JITModule,
        ingress: Option<*const u8>,
        egress: Option<*const u8>,
        through: Option<*const u8>,
    ) -> Code {
        // SAFETY: these are addresses of functions with this signature.
        let function = |address: *const u8| unsafe { std::mem::transmute::<*const u8, Function>(address) };
        Code {
            module: ManuallyDrop::new(module),
            ingress: ingress.map(function),
            egress: egress.map(function),
            through: through.map(function),
        }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: taken once, here; and no pass is running, since it would borrow this.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() }
    }
}

impl Compiled {
    /// Runs a pass on a machine that was made ready for it.
    pub(crate) fn call(&self, entry: Entry, machine: &mut Machine<'_, '_>) -> i64 {
        let function = match entry {
            Entry::Ingress => self.code.ingress,
            Entry::Egress => self.code.egress,
        };
        match function {
            Some(function) => self.call_function(function, machine),
            None => crate::machine::flow::NEXT,
        }
    }

    /// Cells for as many registers or counters as the program has: those of a state, or none if it has too few.
    #[inline]
    pub(crate) fn cells_of<K: EntityRef, V>(
        &self,
        declared: &PrimaryMap<K, V>,
        cells: &[Cells],
    ) -> *const Cells {
        if cells.len() >= declared.len() { cells.as_ptr() } else { self.no_cells.as_ptr() }
    }

    /// Both passes at once, if packets may go through them so.
    pub(crate) fn through(&self) -> Option<Function> {
        self.code.through
    }

    /// Runs one of this program's functions.
    #[inline]
    pub(crate) fn call_function(&self, function: Function, machine: &mut Machine<'_, '_>) -> i64 {
        let frame = machine.frame();
        // SAFETY: the machine is as its module's invariant says, and the code is this program's.
        unsafe { function(machine, frame) }
    }
}
