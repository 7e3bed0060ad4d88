//! The checked program: every name resolved, every expression typed, every implicit step explicit.
//!
//! [`crate::check`] makes it from the syntax tree; [`crate::lower`] elaborates instances from `main` and turns
//! it into IR. Invariants, once checking reported no error:
//!
//! * every [`Expr`] has its exact type; implicit casts are [`ExprKind::Cast`]; an operand of type [`Ty::InfInt`]
//!   is a literal, or an expression over constructor parameters;
//! * compile-time constants are folded to literals, except where they depend on a constructor parameter or a
//!   type parameter;
//! * call arguments stand in parameter order, defaults filled in, named arguments placed;
//! * typedefs are gone; `type` names stay as [`Ty::New`]; type parameters occur only inside generic functions and
//!   generic type declarations, as [`Ty::Param`];
//! * nothing refers to the syntax tree but unstructured annotations' tokens.

use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};
use num_bigint::BigInt;

pub use crate::syntax::ast::{AnnotationToken, BinaryOp, Direction, UnaryOp};
pub use ty::*;

use crate::source::Span;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);
        entity_impl!($name, $prefix);
    )*};
}

mod ty;

ids! {
    /// A variable, parameter or constructor parameter, wherever declared.
    VariableId = "variable";
    /// A function with a body.
    FunctionId = "function";
    /// An extern function.
    ExternFunctionId = "extern_function";
    /// An action declaration.
    ActionId = "action";
    /// A table declaration.
    TableId = "table";
    /// A parser declaration.
    ParserId = "parser";
    /// A control declaration.
    ControlId = "control";
    /// A value set declaration.
    ValueSetId = "value_set";
    /// A declared instance of an extern, parser, control or package.
    InstanceId = "instance";
    /// A parser state, within its parser.
    StateId = "state";
}

/// A checked program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Where it ends.
    pub end: Span,
    /// Types and what they consist of.
    pub types: Types,
    /// Names of `error` members in order of declaration: `core.p4`'s come first.
    pub errors: Vec<Arc<str>>,
    /// Variables and parameters.
    pub variables: PrimaryMap<VariableId, Variable>,
    /// Functions.
    pub functions: PrimaryMap<FunctionId, Function>,
    /// Extern functions.
    pub extern_functions: PrimaryMap<ExternFunctionId, ExternFunction>,
    /// Actions.
    pub actions: PrimaryMap<ActionId, Action>,
    /// Tables.
    pub tables: PrimaryMap<TableId, Table>,
    /// Parsers.
    pub parsers: PrimaryMap<ParserId, Parser>,
    /// Controls.
    pub controls: PrimaryMap<ControlId, Control>,
    /// Value sets.
    pub value_sets: PrimaryMap<ValueSetId, ValueSet>,
    /// Instances, declared or implied (direct application, constructor calls as arguments).
    pub instances: PrimaryMap<InstanceId, Instance>,
    /// Instances at top level, in order.
    pub top_level: Vec<InstanceId>,
    /// `main`, an instance of a package.
    pub main: Option<InstanceId>,
    /// `@pkginfo` and other annotations of `main` are on its instance; these are of the whole source.
    pub match_kinds: Vec<Arc<str>>,
}

/// An annotation, its expressions evaluated.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// Without the `@`.
    pub name: Arc<str>,
    /// What it says.
    pub body: AnnotationBody,
    /// Where.
    pub span: Span,
}

/// What an annotation says.
#[derive(Clone, Debug)]
pub enum AnnotationBody {
    /// Nothing.
    Empty,
    /// Tokens as written.
    Unstructured(Vec<AnnotationToken>),
    /// Values.
    Expressions(Vec<Expr>),
    /// Keys and values.
    Pairs(Vec<(Arc<str>, Expr)>),
}

/// Name, place and annotations that every declaration has.
#[derive(Clone, Debug)]
pub struct Decl {
    /// Name as declared.
    pub name: Arc<str>,
    /// Of the name.
    pub span: Span,
    /// Before it.
    pub annotations: Vec<Annotation>,
}

/// A variable or parameter.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Name, place.
    pub decl: Decl,
    /// Type.
    pub ty: Ty,
    /// What it is.
    pub kind: VariableKind,
}

/// What a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// A local, or declared in a parser or control.
    Local,
    /// A parameter of a function, method, action, parser or control.
    Param(Direction),
    /// A constructor parameter: a compile-time value or an instance.
    ConstructorParam,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name, place.
    pub decl: Decl,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Parameters.
    pub params: Vec<VariableId>,
    /// Result.
    pub ret: Ty,
    /// Body.
    pub body: Block,
}

/// An extern function, or a method or constructor of an extern.
#[derive(Clone, Debug)]
pub struct ExternFunction {
    /// Name, place.
    pub decl: Decl,
    /// Type parameters.
    pub type_params: Vec<TypeParamId>,
    /// Parameters.
    pub params: Vec<ExternParam>,
    /// Result.
    pub ret: Ty,
    /// Whether instances implement it.
    pub is_abstract: bool,
}

/// A parameter of an extern function.
#[derive(Clone, Debug)]
pub struct ExternParam {
    /// Name.
    pub decl: Decl,
    /// Direction.
    pub direction: Direction,
    /// Type.
    pub ty: Ty,
    /// Whether it has a default or is `@optional`, so that arguments may leave it out.
    pub optional: bool,
}

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    /// Name, place.
    pub decl: Decl,
    /// Parameters with direction first, then those from the control plane.
    pub params: Vec<VariableId>,
    /// Body.
    pub body: Block,
    /// The control it is declared in, if not at top level.
    pub control: Option<ControlId>,
}

/// A parser.
#[derive(Clone, Debug)]
pub struct Parser {
    /// Name, place.
    pub decl: Decl,
    /// Parameters.
    pub params: Vec<VariableId>,
    /// Constructor parameters.
    pub constructor_params: Vec<VariableId>,
    /// Variables (with initial values) and instances, in order of declaration.
    pub locals: Vec<LocalDecl>,
    /// Value sets.
    pub value_sets: Vec<ValueSetId>,
    /// States.
    pub states: PrimaryMap<StateId, State>,
    /// The state named `start`.
    pub start: Option<StateId>,
}

/// A declaration in a parser or control that happens when it is applied or instantiated.
#[derive(Clone, Debug)]
pub enum LocalDecl {
    /// A variable; evaluated each time it is applied.
    Variable(VariableId, Option<Expr>),
    /// An instance.
    Instance(InstanceId),
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// Name, place.
    pub decl: Decl,
    /// What it does.
    pub body: Block,
    /// Where it goes.
    pub transition: Transition,
}

/// Where a state goes.
#[derive(Clone, Debug)]
pub enum Transition {
    /// To one place.
    Goto(Target),
    /// By values.
    Select {
        /// Values.
        on: Vec<Expr>,
        /// Cases in order.
        cases: Vec<SelectCase>,
        /// Where.
        span: Span,
    },
}

impl Transition {
    /// Where it may lead, in the order of the cases.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        let (goto, cases) = match self {
            Transition::Goto(target) => (Some(*target), &[][..]),
            Transition::Select { cases, .. } => (None, cases.as_slice()),
        };
        goto.into_iter().chain(cases.iter().map(|case| case.target))
    }
}

/// A case of a select.
#[derive(Clone, Debug)]
pub struct SelectCase {
    /// One per value, or a single [`KeysetKind::Any`] (`default`, `_`) or [`KeysetKind::ValueSet`] for all.
    pub keys: Vec<Keyset>,
    /// Where to.
    pub target: Target,
    /// Where written.
    pub span: Span,
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A state.
    State(StateId),
    /// `accept`
    Accept,
    /// `reject`
    Reject,
}

/// A set of values.
#[derive(Clone, Debug)]
pub struct Keyset {
    /// Which.
    pub kind: KeysetKind,
    /// Where.
    pub span: Span,
}

/// Kinds of keyset. Expressions have the type of the value they are compared with.
#[derive(Clone, Debug)]
pub enum KeysetKind {
    /// One value.
    Value(Expr),
    /// Value and mask.
    Mask(Expr, Expr),
    /// Inclusive range.
    Range(Expr, Expr),
    /// All.
    Any,
    /// A value set.
    ValueSet(ValueSetId),
}

/// A value set.
#[derive(Clone, Debug)]
pub struct ValueSet {
    /// Name, place.
    pub decl: Decl,
    /// Type of its elements: a scalar, or a struct or tuple of scalars.
    pub element: Ty,
    /// How many it holds; may depend on a constructor parameter.
    pub size: Expr,
}

/// A control.
#[derive(Clone, Debug)]
pub struct Control {
    /// Name, place.
    pub decl: Decl,
    /// Parameters.
    pub params: Vec<VariableId>,
    /// Constructor parameters.
    pub constructor_params: Vec<VariableId>,
    /// Variables and instances, in order of declaration.
    pub locals: Vec<LocalDecl>,
    /// Actions, in order.
    pub actions: Vec<ActionId>,
    /// Tables, in order.
    pub tables: Vec<TableId>,
    /// `apply`.
    pub body: Block,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name, place.
    pub decl: Decl,
    /// Keys.
    pub keys: Vec<Key>,
    /// Actions. Includes `NoAction` where the default action is left out and it is not listed (as default only).
    pub actions: Vec<ActionUse>,
    /// What happens on a miss: index into `actions`, with all control-plane arguments.
    pub default_action: (usize, Vec<Expr>),
    /// Whether the program names a default action.
    pub default_is_explicit: bool,
    /// Whether it is `const`.
    pub const_default: bool,
    /// Entries with their effective priorities.
    pub entries: Vec<Entry>,
    /// `const entries`.
    pub const_entries: bool,
    /// `largest_priority_wins`, true if not given.
    pub largest_priority_wins: bool,
    /// `size`, if given.
    pub size: Option<Expr>,
    /// All other properties, of the architecture.
    pub properties: Vec<Property>,
}

/// A property that the architecture understands.
#[derive(Clone, Debug)]
pub struct Property {
    /// Name, place.
    pub decl: Decl,
    /// Whether `const`.
    pub is_const: bool,
    /// Value; constructor calls are instances.
    pub value: Expr,
}

/// A key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Value looked up.
    pub expr: Expr,
    /// `exact`, `lpm`, ...
    pub match_kind: Arc<str>,
    /// The expression as the control plane sees it without `@name` (`hdr.ipv4.dstAddr`, `meta.x[7:0]`).
    pub source_name: String,
    /// After it.
    pub annotations: Vec<Annotation>,
    /// Where.
    pub span: Span,
}

/// An action in a table.
#[derive(Clone, Debug)]
pub struct ActionUse {
    /// Which.
    pub action: ActionId,
    /// Arguments of its parameters with direction, evaluated when the action runs.
    pub args: Vec<Arg>,
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Where.
    pub span: Span,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// One per key.
    pub keys: Vec<Keyset>,
    /// Effective priority: as declared, or counted by `priority_delta` from the neighbours, or by position.
    pub priority: u32,
    /// Index into [`Table::actions`].
    pub action: usize,
    /// Control-plane arguments, compile-time values.
    pub args: Vec<Expr>,
    /// `const`.
    pub is_const: bool,
    /// After it.
    pub annotations: Vec<Annotation>,
    /// Where.
    pub span: Span,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Name, place. Anonymous ones have the name that `p4c` would give the control plane: the type's.
    pub decl: Decl,
    /// [`Ty::Extern`], [`Ty::Parser`], [`Ty::Control`] or [`Ty::Package`], with type arguments.
    pub ty: Ty,
    /// What is instantiated.
    pub of: Instantiated,
    /// Constructor arguments in parameter order; [`None`] for optional ones left out.
    pub args: Vec<Option<Expr>>,
    /// Implementations of abstract methods, by method name.
    pub methods: Vec<(Arc<str>, FunctionId)>,
    /// Instances declared beside the implementations of abstract methods.
    pub locals: Vec<InstanceId>,
    /// Whether it was not declared by name.
    pub is_anonymous: bool,
    /// Whether its type is named by a `typedef`.
    pub by_typedef: bool,
}

/// What an instance is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instantiated {
    /// An extern, by one of its constructors.
    Extern(ExternId, usize),
    /// A parser.
    Parser(ParserId),
    /// A control.
    Control(ControlId),
    /// A package.
    Package(PackageId),
}

/// Statements.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// In order.
    pub stmts: Vec<Stmt>,
    /// `@atomic` and others.
    pub annotations: Vec<Annotation>,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// Kinds of statement.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// A variable comes into being, with a value or without.
    Declare(VariableId, Option<Expr>),
    /// An instance declared inside a body: nothing at run time.
    Instance(InstanceId),
    /// `target = value`, or `target op= value` with `target` evaluated once. `value` has `target`'s type (for
    /// shifts, its own).
    Assign {
        /// An l-value.
        target: Expr,
        /// Compound operator.
        op: Option<BinaryOp>,
        /// Value.
        value: Expr,
    },
    /// An [`ExprKind::Call`] whose result is not used.
    Call(Expr),
    /// A scope.
    Block(Block),
    /// `if`
    If {
        /// `bool`.
        cond: Expr,
        /// If true.
        then: Block,
        /// If false.
        els: Block,
    },
    /// `switch` on the action that a table ran, or on a value. Fall-through is resolved: each case has all its
    /// labels.
    Switch {
        /// On what.
        on: SwitchOn,
        /// Cases.
        cases: Vec<SwitchCase>,
        /// `default`.
        default: Option<Block>,
    },
    /// `for (init; cond; update) body`
    For {
        /// Declarations, assignments, calls.
        init: Vec<Stmt>,
        /// `bool`.
        cond: Expr,
        /// Assignments, calls.
        update: Vec<Stmt>,
        /// Body.
        body: Block,
    },
    /// `for (x in a .. b)`; both of the variable's type.
    ForRange {
        /// The variable.
        variable: VariableId,
        /// First.
        low: Expr,
        /// Last, included.
        high: Expr,
        /// Body.
        body: Block,
    },
    /// `for (x in stack)` or over a list, whose elements are then compile-time known in number.
    ForEach {
        /// The variable.
        variable: VariableId,
        /// A stack, or a list.
        collection: Expr,
        /// Body.
        body: Block,
    },
    /// `return`
    Return(Option<Expr>),
    /// `exit`
    Exit,
    /// `break`
    Break,
    /// `continue`
    Continue,
}

/// What a switch is on.
#[derive(Clone, Debug)]
pub enum SwitchOn {
    /// `t.apply().action_run`; labels are [`SwitchLabel::Action`].
    Action(Expr),
    /// A value; labels are [`SwitchLabel::Value`].
    Value(Expr),
}

/// A case.
#[derive(Clone, Debug)]
pub struct SwitchCase {
    /// Any of these.
    pub labels: Vec<SwitchLabel>,
    /// What is done.
    pub body: Block,
}

/// A label.
#[derive(Clone, Debug)]
pub enum SwitchLabel {
    /// Index into [`Table::actions`].
    Action(usize),
    /// A compile-time value of the type switched on.
    Value(Expr),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Ty,
    /// Where.
    pub span: Span,
}

/// Kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `bool`.
    Bool(bool),
    /// `int`, `bit<w>` or `int<w>`, by type; within range of it. Members of serializable enums that have no name
    /// too. Of type `match_kind`, the index in [`Program::match_kinds`].
    Int(BigInt),
    /// `string`.
    String(Arc<str>),
    /// An `error`: its index in [`Program::errors`].
    Error(usize),
    /// A member of an enum, serializable or not: index in [`Enum::members`].
    EnumMember(EnumId, usize),
    /// A variable or parameter; also a constructor parameter, whose value instantiation gives.
    Variable(VariableId),
    /// An instance: an argument, or a receiver of methods.
    Instance(InstanceId),
    /// Field of a struct, header or union, by position.
    Field(Box<Expr>, usize),
    /// Element of a stack.
    Index(Box<Expr>, Box<Expr>),
    /// Element of a tuple or list, by constant position. That of a tuple can be written.
    Element(Box<Expr>, usize),
    /// `.next` of a stack.
    StackNext(Box<Expr>),
    /// `.last` of a stack.
    StackLast(Box<Expr>),
    /// `.lastIndex` of a stack, `bit<32>`.
    StackLastIndex(Box<Expr>),
    /// `.nextIndex` of a stack, `bit<32>`.
    StackNextIndex(Box<Expr>),
    /// Bits `high` to `low`.
    Slice {
        /// Of what.
        of: Box<Expr>,
        /// Most significant.
        high: u32,
        /// Least significant.
        low: u32,
    },
    /// `e[low +: width]` with `low` known at run time only; bits beyond `e` read as zero.
    PlusSlice {
        /// Of what.
        of: Box<Expr>,
        /// Least significant bit, unsigned.
        low: Box<Expr>,
        /// Width.
        width: u32,
    },
    /// One operand.
    Unary(UnaryOp, Box<Expr>),
    /// Two operands of one type (but for shifts and `++`). `&&` and `||` do not evaluate the right one needlessly.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `c ? a : b`; only one of `a`, `b` is evaluated.
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Conversion to this expression's type: numbers, `bool`, serializable enums, `type`s, lists to
    /// structs/headers/tuples of equal shape.
    Cast(Box<Expr>),
    /// A struct, header, tuple, stack or list value: all elements in order. A header made so is valid.
    Aggregate(Vec<Expr>),
    /// `{#}` as a header or union.
    InvalidHeader,
    /// The default value of this expression's type (for `...`, where it is not spelled out by an aggregate).
    Default,
    /// A call with a result, or as statement.
    Call(Box<Call>),
    /// `t.apply().hit`
    ApplyHit(TableId),
    /// `t.apply().miss`
    ApplyMiss(TableId),
    /// `t.apply().action_run`, only in a switch.
    ApplyActionRun(TableId),
    /// `e.isValid()` of a header or union.
    IsValid(Box<Expr>),
    /// `minSizeInBits` and friends of a type that depends on a type parameter.
    SizeOf(Ty, SizeOf),
}

/// Which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeOf {
    /// `minSizeInBits`
    MinBits,
    /// `minSizeInBytes`
    MinBytes,
    /// `maxSizeInBits`
    MaxBits,
    /// `maxSizeInBytes`
    MaxBytes,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whom.
    pub callee: Callee,
    /// Arguments in parameter order.
    pub args: Vec<Arg>,
}

/// An argument.
#[derive(Clone, Debug)]
pub struct Arg {
    /// None: `_` for an `out` parameter, or an optional one left out.
    pub expr: Option<Expr>,
    /// The parameter's direction.
    pub direction: Direction,
    /// Its place among the arguments as written, which is where it is evaluated: named ones may be in another order
    /// than the parameters.
    pub place: usize,
}

/// The positions of arguments in the order in which they are evaluated and copied out (P4-16, calling convention:
/// from left to right as they appear in the call).
pub fn evaluation_order(args: &[Arg]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..args.len()).collect();
    order.sort_by_key(|&i| args[i].place);
    order
}

/// Whom a call calls.
#[derive(Clone, Debug)]
pub enum Callee {
    /// A function, with type arguments.
    Function(FunctionId, Vec<Ty>),
    /// An extern function, with type arguments.
    ExternFunction(ExternFunctionId, Vec<Ty>),
    /// A method of an extern object.
    Method {
        /// [`ExprKind::Instance`], or a variable: parameter or constructor parameter of extern type.
        receiver: Expr,
        /// Its extern.
        extern_id: ExternId,
        /// Index in [`Extern::methods`].
        method: usize,
        /// Type arguments of the method.
        type_args: Vec<Ty>,
    },
    /// An action, called directly.
    Action(ActionId),
    /// `apply` of a control or parser: [`ExprKind::Instance`] or a constructor parameter.
    Apply(Expr),
    /// `apply` of a table.
    Table(TableId),
    /// `setValid` of a header.
    SetValid(Expr),
    /// `setInvalid` of a header.
    SetInvalid(Expr),
    /// `push_front` of a stack by a constant.
    PushFront(Expr, u32),
    /// `pop_front` of a stack by a constant.
    PopFront(Expr, u32),
}
