//! Which names are types, scope by scope.
//!
//! The grammar of P4-16 needs this and nothing else about names (§6.4.1: `TYPE_IDENTIFIER`). What is declared as
//! something else hides a type of the same name.

use crate::syntax::token::Symbol;

/// What a name is to the parser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Binding {
    /// Never declared.
    #[default]
    Unknown,
    /// A type.
    Type,
    /// Anything else.
    Value,
}

/// The scopes that are open.
#[derive(Debug)]
pub(super) struct Scopes {
    /// By symbol: what it is now, and what it is at the top level.
    bindings: Vec<(Binding, Binding)>,
    /// What to put back when scopes close.
    hidden: Vec<(Symbol, Binding)>,
    /// Where in `hidden` each open scope begins.
    starts: Vec<usize>,
}

impl Scopes {
    /// The top level only, for that many symbols.
    pub(super) fn new(symbol_count: usize) -> Scopes {
        Scopes { bindings: vec![Default::default(); symbol_count], hidden: Vec::new(), starts: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.starts.push(self.hidden.len());
    }

    pub(super) fn close(&mut self) {
        let Some(start) = self.starts.pop() else { return };
        for (symbol, binding) in self.hidden.drain(start..).rev() {
            if let Some(slot) = self.bindings.get_mut(symbol.index()) {
                slot.0 = binding;
            }
        }
    }

    /// How many scopes are open.
    pub(super) fn depth(&self) -> usize {
        self.starts.len()
    }

    /// Closes scopes that an error left open.
    pub(super) fn close_to(&mut self, depth: usize) {
        while self.starts.len() > depth {
            self.close();
        }
    }

    pub(super) fn declare(&mut self, symbol: Symbol, binding: Binding) {
        let Some(slot) = self.bindings.get_mut(symbol.index()) else { return };
        if self.starts.is_empty() {
            slot.1 = binding;
        } else {
            self.hidden.push((symbol, slot.0));
        }
        slot.0 = binding;
    }

    pub(super) fn lookup(&self, symbol: Symbol) -> Binding {
        self.bindings.get(symbol.index()).map_or(Binding::Unknown, |slot| slot.0)
    }

    /// At the top level: what `.name` means.
    pub(super) fn lookup_top(&self, symbol: Symbol) -> Binding {
        self.bindings.get(symbol.index()).map_or(Binding::Unknown, |slot| slot.1)
    }
}
