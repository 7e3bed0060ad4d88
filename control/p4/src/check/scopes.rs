//! Names and what they stand for, innermost scope first.
//!
//! One hash map holds the live bindings of every name, so that looking a name up costs the same at any depth;
//! leaving a scope takes its bindings off again. The outermost scope is the top level and is never left.

use std::sync::Arc;

use hashbrown::HashMap;

pub(super) use crate::diag::likeness::most_like;
use crate::hir::{
    ActionId, BlockTypeId, CompositeId, ControlId, Expr, ExternFunctionId, ExternId, FunctionId, InstanceId,
    PackageId, ParserId, TableId, Ty, ValueSetId, VariableId,
};
use crate::source::Span;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Entity {
    /// A constant, folded.
    Constant(Arc<Expr>),
    /// A variable or parameter.
    Variable(VariableId),
    /// An instance.
    Instance(InstanceId),
    /// A type.
    Type(TypeEntity),
    /// Functions that share a name.
    Functions(Vec<FunctionEntity>),
    /// An action.
    Action(ActionId),
    /// A table.
    Table(TableId),
    /// A value set.
    ValueSet(ValueSetId),
    /// A match kind, by position.
    MatchKind(usize),
    /// A parser state.
    State,
    /// Something whose declaration is still going on: using it would be recursion.
    Open(&'static str),
    /// Something whose declaration is in error.
    Broken,
}

/// A type that a name stands for.
#[derive(Clone, Debug)]
pub(super) enum TypeEntity {
    /// A type that takes no arguments: typedefs, enums, `type`s, type parameters.
    Plain(Ty),
    /// A struct, header or union, perhaps generic.
    Composite(CompositeId),
    /// An extern, perhaps generic.
    Extern(ExternId),
    /// A package, perhaps generic.
    Package(PackageId),
    /// A parser or control type, perhaps generic.
    Block(BlockTypeId),
    /// A parser with a body.
    Parser(ParserId),
    /// A control with a body.
    Control(ControlId),
}

/// A function that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FunctionEntity {
    /// With a body.
    Function(FunctionId),
    /// Extern.
    Extern(ExternFunctionId),
}

impl Entity {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Entity::Constant(_) => "a constant",
            Entity::Variable(_) => "a variable",
            Entity::Instance(_) => "an instance",
            Entity::Type(TypeEntity::Parser(_)) => "a parser",
            Entity::Type(TypeEntity::Control(_)) => "a control",
            Entity::Type(TypeEntity::Package(_)) => "a package",
            Entity::Type(TypeEntity::Extern(_)) => "an extern",
            Entity::Type(_) => "a type",
            Entity::Functions(_) => "a function",
            Entity::Action(_) => "an action",
            Entity::Table(_) => "a table",
            Entity::ValueSet(_) => "a value set",
            Entity::MatchKind(_) => "a match kind",
            Entity::State => "a parser state",
            Entity::Open(kind) => kind,
            Entity::Broken => "a declaration with errors",
        }
    }
}

/// A name's meaning in one scope.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// What it stands for.
    pub(super) entity: Entity,
    /// Where it is declared.
    pub(super) span: Span,
    /// Whether it is a parameter.
    pub(super) is_parameter: bool,
    depth: usize,
}

/// The names that are visible.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    bindings: HashMap<Arc<str>, Vec<Binding>>,
    opened: Vec<Vec<Arc<str>>>,
}

impl Scopes {
    /// Opens a scope inside the current one.
    pub(super) fn enter(&mut self) {
        self.opened.push(Vec::new());
    }

    /// Leaves the innermost scope.
    pub(super) fn leave(&mut self) {
        for name in self.opened.pop().unwrap_or_default() {
            if let Some(bindings) = self.bindings.get_mut(&name) {
                bindings.pop();
            }
        }
    }

    /// How many scopes are open inside the top level.
    pub(super) fn depth(&self) -> usize {
        self.opened.len()
    }

    /// Gives a name a meaning in the innermost scope, whatever it meant there.
    pub(super) fn bind(&mut self, name: &Arc<str>, entity: Entity, span: Span, is_parameter: bool) {
        let depth = self.depth();
        let bindings = self.bindings.entry(name.clone()).or_default();
        match bindings.last_mut() {
            Some(last) if last.depth == depth => *last = Binding { entity, span, is_parameter, depth },
            _ => {
                bindings.push(Binding { entity, span, is_parameter, depth });
                if let Some(opened) = self.opened.last_mut() {
                    opened.push(name.clone());
                }
            }
        }
    }

    /// What a name means here.
    pub(super) fn find(&self, name: &str) -> Option<&Binding> {
        self.bindings.get(name)?.last()
    }

    /// What a name means here; an action or function whose declaration is still going on counts only if there is
    /// no other.
    pub(super) fn find_declared(&self, name: &str) -> Option<&Binding> {
        let bindings = self.bindings.get(name)?;
        let is_open = |entity: &Entity| matches!(entity, Entity::Open("an action" | "a function"));
        bindings.iter().rev().find(|binding| !is_open(&binding.entity)).or(bindings.last())
    }

    /// What a name means at the top level.
    pub(super) fn find_top(&self, name: &str) -> Option<&Binding> {
        self.bindings.get(name)?.first().filter(|binding| binding.depth == 0)
    }

    /// What a name means in the innermost scope itself.
    pub(super) fn find_here(&self, name: &str) -> Option<&Binding> {
        self.find(name).filter(|binding| binding.depth == self.depth())
    }

    /// What a name means in the innermost scope itself, to be changed.
    pub(super) fn find_here_mut(&mut self, name: &str) -> Option<&mut Binding> {
        let depth = self.depth();
        self.bindings.get_mut(name)?.last_mut().filter(|binding| binding.depth == depth)
    }

    /// The visible name that is most like one that was not found.
    pub(super) fn most_like(&self, name: &str) -> Option<Arc<str>> {
        let visible = self.bindings.iter().filter(|(_, bindings)| !bindings.is_empty()).map(|(name, _)| name);
        most_like(name, visible).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nest() {
        let mut scopes = Scopes::default();
        let name: Arc<str> = "x".into();
        scopes.bind(&name, Entity::State, Span::default(), false);
        scopes.enter();
        assert!(scopes.find_here("x").is_none() && scopes.find("x").is_some());
        scopes.bind(&name, Entity::Broken, Span::default(), false);
        assert!(matches!(scopes.find("x").map(|b| &b.entity), Some(Entity::Broken)));
        assert!(matches!(scopes.find_top("x").map(|b| &b.entity), Some(Entity::State)));
        scopes.leave();
        assert!(matches!(scopes.find("x").map(|b| &b.entity), Some(Entity::State)));
    }
}
