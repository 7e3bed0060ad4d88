#![allow(unsafe_code)] // Machine code is called by address and freed by hand.
//! A compiled program: machine code, and what it and the host need beside it.
//!
//! Invariant: the code was made for this program's layout, and is freed with it.

use std::mem::ManuallyDrop;

use cranelift_jit::JITModule;
use heddle_exec::Entry;
use heddle_exec::layout::Layout;
use heddle_ir::{RegisterId, TableId, Verified};
use heddle_state::AtomicSet;

use crate::loads::Loads;
use crate::machine::Machine;

/// A pass: takes the machine and the frame, and returns how it ended.
pub(crate) type Function = unsafe extern "C" fn(*mut Machine<'_, '_>, *mut u64) -> i64;

/// A compiled program.
pub(crate) struct Compiled {
    pub(crate) program: Verified,
    pub(crate) layout: Layout,
    pub(crate) loads: Loads,
    pub(crate) constants: Vec<u64>,
    pub(crate) arena_words: usize,
    pub(crate) atomic_sets: Vec<AtomicSet>,
    /// Where the program asks for queues to be held, if it does.
    pub(crate) hold: Option<RegisterId>,
    /// The table that packets to come may be looked up in ahead, and the words of its key.
    pub(crate) ahead: Option<(TableId, usize)>,
    /// Whether that is done however small the table is.
    pub(crate) ahead_always: bool,
    pub(crate) code: Code,
}

/// Machine code.
pub(crate) struct Code {
    module: ManuallyDrop<JITModule>,
    ingress: Option<Function>,
    egress: Option<Function>,
    /// Both, one after the other.
    through: Option<Function>,
    /// What finds the key of a table.
    scout: Option<Function>,
}

// SAFETY: after it is made the module is only looked at once more, to be freed, by whoever has it alone. The code
// itself is not changed any more.
unsafe impl Send for Code {}
// SAFETY: as above; running code takes nothing from the module.
unsafe impl Sync for Code {}

impl Code {
    /// From the finished functions of a module, made by [`crate::assembly::Assembly`] with this signature.
    pub(crate) fn new(module: JITModule, [ingress, egress, through, scout]: [Option<*const u8>; 4]) -> Code {
        // SAFETY: these are addresses of functions with this signature.
        let function = |address: *const u8| unsafe { std::mem::transmute::<*const u8, Function>(address) };
        Code {
            module: ManuallyDrop::new(module),
            ingress: ingress.map(function),
            egress: egress.map(function),
            through: through.map(function),
            scout: scout.map(function),
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

    /// Both passes at once, if packets may go through them so.
    pub(crate) fn through(&self) -> Option<Function> {
        self.code.through
    }

    /// What finds the key of a packet in the table to look up ahead.
    pub(crate) fn scout(&self) -> Option<Function> {
        self.code.scout
    }

    /// Runs one of this program's functions.
    #[inline]
    pub(crate) fn call_function(&self, function: Function, machine: &mut Machine<'_, '_>) -> i64 {
        let frame = machine.frame();
        // SAFETY: the machine is as its module's invariant says, and the code is this program's.
        unsafe { function(machine, frame) }
    }
}
