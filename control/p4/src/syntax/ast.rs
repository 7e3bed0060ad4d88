//! The syntax tree of P4-16, as written: names unresolved, nothing desugared, every node with its span.
//!
//! The shape follows the grammar of the specification (1.2.5 and its working draft). Names are shared strings;
//! meaning is given to them in [`crate::check`] only.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::source::Span;

/// A name as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// Text.
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
}

/// A whole source text after preprocessing.
#[derive(Clone, Debug, Default)]
pub struct SourceUnit {
    /// Top-level declarations in order.
    pub decls: Vec<Decl>,
    /// Where it ends.
    pub end: Span,
}

/// `@name`, `@name(tokens)` or `@name[structured]`.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// Without the `@`.
    pub name: Ident,
    /// What follows.
    pub body: AnnotationBody,
    /// All of it.
    pub span: Span,
}

/// What an annotation says.
#[derive(Clone, Debug)]
pub enum AnnotationBody {
    /// `@name`.
    Empty,
    /// `@name(...)`: the tokens as written.
    Unstructured(Vec<AnnotationToken>),
    /// `@name[e, e]`.
    Expressions(Vec<Expr>),
    /// `@name[k=e, k=e]`.
    Pairs(Vec<(Ident, Expr)>),
}

/// A token inside an unstructured annotation.
#[derive(Clone, Debug)]
pub struct AnnotationToken {
    /// As written; for a string literal, its value without quotes.
    pub text: Arc<str>,
    /// What kind.
    pub kind: AnnotationTokenKind,
    /// Where.
    pub span: Span,
}

/// Kinds of token that matter to readers of annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnotationTokenKind {
    /// A string literal.
    String,
    /// An integer with its value.
    Integer(BigInt),
    /// An identifier or keyword.
    Word,
    /// Anything else.
    Punctuation,
}

/// A declaration, at top level or inside a parser, control, extern or block.
#[derive(Clone, Debug)]
pub struct Decl {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// What.
    pub kind: DeclKind,
    /// All of it.
    pub span: Span,
}

/// Kinds of declaration.
#[derive(Clone, Debug)]
pub enum DeclKind {
    /// `const T name = value;`
    Const(ConstDecl),
    /// `T name;` or `T name = value;` in a body.
    Variable(VariableDecl),
    /// `T(args) name;`, perhaps with an initializer of abstract methods.
    Instantiation(Instantiation),
    /// `extern X<T> { ... }`
    Extern(ExternDecl),
    /// `extern R f<T>(...);`
    ExternFunction(FunctionSignature),
    /// A function with a body.
    Function(FunctionDecl),
    /// An action.
    Action(ActionDecl),
    /// `parser P(...)(...) { ... }`
    Parser(ParserDecl),
    /// `parser P<T>(...);`
    ParserType(BlockTypeDecl),
    /// `control C(...)(...) { ... apply { ... } }`
    Control(ControlDecl),
    /// `control C<T>(...);`
    ControlType(BlockTypeDecl),
    /// `package P<T>(...);`
    Package(BlockTypeDecl),
    /// `header`, `struct` or `header_union`.
    Composite(CompositeDecl),
    /// `enum E { ... }` or `enum bit<8> E { ... }`.
    Enum(EnumDecl),
    /// `typedef T name;`
    Typedef(TypedefDecl),
    /// `type T name;`
    NewType(TypedefDecl),
    /// `error { ... }`
    Error(Vec<Ident>),
    /// `match_kind { ... }`
    MatchKind(Vec<Ident>),
    /// `value_set<T>(size) name;`
    ValueSet(ValueSetDecl),
    /// `table t { ... }`
    Table(TableDecl),
}

/// `const T name = value;`
#[derive(Clone, Debug)]
pub struct ConstDecl {
    /// Type.
    pub ty: TypeRef,
    /// Name.
    pub name: Ident,
    /// Value.
    pub value: Expr,
}

/// `T name;` or `T name = value;`
#[derive(Clone, Debug)]
pub struct VariableDecl {
    /// Type.
    pub ty: TypeRef,
    /// Name.
    pub name: Ident,
    /// Initial value.
    pub init: Option<Expr>,
}

/// `T(args) name = { objDeclarations };`
#[derive(Clone, Debug)]
pub struct Instantiation {
    /// What is instantiated.
    pub ty: TypeRef,
    /// Constructor arguments.
    pub args: Vec<Argument>,
    /// Instance name.
    pub name: Ident,
    /// Functions and instantiations that implement abstract methods.
    pub initializer: Option<Vec<Decl>>,
}

/// `extern X<T> { ... }`
#[derive(Clone, Debug)]
pub struct ExternDecl {
    /// Name.
    pub name: Ident,
    /// Type parameters.
    pub type_params: Vec<Ident>,
    /// Constructors: name is the extern's.
    pub constructors: Vec<ConstructorDecl>,
    /// Methods.
    pub methods: Vec<MethodDecl>,
}

/// A constructor prototype.
#[derive(Clone, Debug)]
pub struct ConstructorDecl {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// The name as written.
    pub name: Ident,
    /// Parameters.
    pub params: Vec<Param>,
}

/// A method prototype.
#[derive(Clone, Debug)]
pub struct MethodDecl {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Whether the instantiation has to implement it.
    pub is_abstract: bool,
    /// The rest.
    pub signature: FunctionSignature,
}

/// A function, method or extern function without its body.
#[derive(Clone, Debug)]
pub struct FunctionSignature {
    /// Return type; `void` is [`TypeKind::Void`].
    pub ret: TypeRef,
    /// Name.
    pub name: Ident,
    /// Type parameters.
    pub type_params: Vec<Ident>,
    /// Parameters.
    pub params: Vec<Param>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionDecl {
    /// Its signature.
    pub signature: FunctionSignature,
    /// Its body.
    pub body: BlockStmt,
}

/// An action.
#[derive(Clone, Debug)]
pub struct ActionDecl {
    /// Name.
    pub name: Ident,
    /// Parameters; those without direction come from the control plane.
    pub params: Vec<Param>,
    /// Its body.
    pub body: BlockStmt,
}

/// A parser.
#[derive(Clone, Debug)]
pub struct ParserDecl {
    /// Its type.
    pub signature: BlockTypeDecl,
    /// Constructor parameters.
    pub constructor_params: Vec<Param>,
    /// Constants, instances, variables, value sets.
    pub locals: Vec<Decl>,
    /// States.
    pub states: Vec<ParserState>,
}

/// Name, type parameters and parameters of a parser, control or package (type).
#[derive(Clone, Debug)]
pub struct BlockTypeDecl {
    /// Name.
    pub name: Ident,
    /// Type parameters.
    pub type_params: Vec<Ident>,
    /// Parameters.
    pub params: Vec<Param>,
}

/// A control.
#[derive(Clone, Debug)]
pub struct ControlDecl {
    /// Its type.
    pub signature: BlockTypeDecl,
    /// Constructor parameters.
    pub constructor_params: Vec<Param>,
    /// Constants, actions, tables, instances, variables.
    pub locals: Vec<Decl>,
    /// `apply { ... }`
    pub apply: BlockStmt,
}

/// `header`, `struct`, `header_union`.
#[derive(Clone, Debug)]
pub struct CompositeDecl {
    /// Which.
    pub kind: CompositeKind,
    /// Name.
    pub name: Ident,
    /// Type parameters.
    pub type_params: Vec<Ident>,
    /// Fields.
    pub fields: Vec<Field>,
}

/// Which composite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompositeKind {
    /// `header`
    Header,
    /// `struct`
    Struct,
    /// `header_union`
    HeaderUnion,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Type.
    pub ty: TypeRef,
    /// Name.
    pub name: Ident,
}

/// An `enum`.
#[derive(Clone, Debug)]
pub struct EnumDecl {
    /// The type its members' values have, if it is serializable.
    pub underlying: Option<TypeRef>,
    /// Name.
    pub name: Ident,
    /// Members, with values if it is serializable.
    pub members: Vec<(Ident, Option<Expr>)>,
}

/// `typedef` or `type`.
#[derive(Clone, Debug)]
pub struct TypedefDecl {
    /// What it stands for.
    pub target: TypedefTarget,
    /// New name.
    pub name: Ident,
}

/// What a `typedef` stands for.
#[derive(Clone, Debug)]
pub enum TypedefTarget {
    /// A type.
    Type(TypeRef),
    /// A composite or enum declared in place.
    Decl(Box<Decl>),
}

/// A `value_set`.
#[derive(Clone, Debug)]
pub struct ValueSetDecl {
    /// Type of its elements.
    pub element: TypeRef,
    /// How many it holds.
    pub size: Expr,
    /// Name.
    pub name: Ident,
}

/// A table.
#[derive(Clone, Debug)]
pub struct TableDecl {
    /// Name.
    pub name: Ident,
    /// Properties in order.
    pub properties: Vec<TableProperty>,
}

/// A table's property.
#[derive(Clone, Debug)]
pub struct TableProperty {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Which.
    pub kind: TablePropertyKind,
    /// All of it.
    pub span: Span,
}

/// Kinds of table property.
#[derive(Clone, Debug)]
pub enum TablePropertyKind {
    /// `key = { ... }`
    Key(Vec<KeyElement>),
    /// `actions = { ... }`
    Actions(Vec<ActionRef>),
    /// `entries = { ... }`, perhaps `const`.
    Entries {
        /// Whether `const`.
        is_const: bool,
        /// The entries.
        entries: Vec<EntryDecl>,
    },
    /// Any other: `size = 4;`, `const default_action = a(1);`.
    Custom {
        /// Whether `const`.
        is_const: bool,
        /// Which.
        name: Ident,
        /// Value.
        value: Expr,
    },
}

/// One key.
#[derive(Clone, Debug)]
pub struct KeyElement {
    /// What is matched.
    pub expr: Expr,
    /// How.
    pub match_kind: Ident,
    /// After it.
    pub annotations: Vec<Annotation>,
    /// All of it.
    pub span: Span,
}

/// An action named in a table, with its bound arguments.
#[derive(Clone, Debug)]
pub struct ActionRef {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Whether it begins with a dot: looked up at top level.
    pub dotted: bool,
    /// Which.
    pub name: Ident,
    /// Arguments, if written.
    pub args: Option<Vec<Argument>>,
    /// All of it.
    pub span: Span,
}

/// An entry of a table.
#[derive(Clone, Debug)]
pub struct EntryDecl {
    /// Whether `const`.
    pub is_const: bool,
    /// `priority = e :`
    pub priority: Option<Expr>,
    /// What is matched: a tuple of keysets.
    pub keys: Keyset,
    /// What is done.
    pub action: ActionRef,
    /// After it.
    pub annotations: Vec<Annotation>,
    /// All of it.
    pub span: Span,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Direction.
    pub direction: Direction,
    /// Type.
    pub ty: TypeRef,
    /// Name.
    pub name: Ident,
    /// Default value.
    pub default: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// Direction of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// None written.
    None,
    /// `in`
    In,
    /// `out`
    Out,
    /// `inout`
    InOut,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeRef {
    /// What.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// Kinds of type.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `bool`
    Bool,
    /// `error`
    Error,
    /// `match_kind`
    MatchKind,
    /// `string`
    String,
    /// `void`
    Void,
    /// `_`, to be inferred.
    DontCare,
    /// `int` without width.
    InfInt,
    /// `bit<w>`; plain `bit` is one bit wide.
    Bit(Option<Box<Expr>>),
    /// `int<w>`
    Int(Box<Expr>),
    /// `varbit<w>`
    Varbit(Box<Expr>),
    /// `Name`, `.Name`, `Name<args>`.
    Named {
        /// Whether it begins with a dot.
        dotted: bool,
        /// Name.
        name: Ident,
        /// Type arguments; empty if none are written.
        args: Vec<TypeRef>,
    },
    /// `T[size]`
    Array(Box<TypeRef>, Box<Expr>),
    /// `tuple<...>`
    Tuple(Vec<TypeRef>),
    /// `list<T>`
    List(Box<TypeRef>),
}

/// A parser state.
#[derive(Clone, Debug)]
pub struct ParserState {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// Name.
    pub name: Ident,
    /// What it does.
    pub stmts: Vec<Stmt>,
    /// Where it goes; none: reject.
    pub transition: Option<Transition>,
    /// All of it.
    pub span: Span,
}

/// `transition ...`
#[derive(Clone, Debug)]
pub enum Transition {
    /// `transition name;`
    Goto(Ident),
    /// `transition select(...) { ... }`
    Select {
        /// Selected on.
        on: Vec<Expr>,
        /// Cases in order.
        cases: Vec<SelectCase>,
        /// All of it.
        span: Span,
    },
}

/// One case.
#[derive(Clone, Debug)]
pub struct SelectCase {
    /// What matches.
    pub keys: Keyset,
    /// Where to.
    pub target: Ident,
    /// All of it.
    pub span: Span,
}

/// A keyset: alone or a tuple.
#[derive(Clone, Debug)]
pub struct Keyset {
    /// One per component. A keyset without parentheses has one.
    pub elements: Vec<KeysetElement>,
    /// Whether it is written as a tuple in parentheses.
    pub is_tuple: bool,
    /// All of it.
    pub span: Span,
}

/// One component of a keyset.
#[derive(Clone, Debug)]
pub struct KeysetElement {
    /// What.
    pub kind: KeysetKind,
    /// Where.
    pub span: Span,
}

/// Kinds of keyset.
#[derive(Clone, Debug)]
pub enum KeysetKind {
    /// A value, or a value set's name.
    Expr(Expr),
    /// `a &&& b`
    Mask(Expr, Expr),
    /// `a .. b`
    Range(Expr, Expr),
    /// `default`
    Default,
    /// `_`
    DontCare,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// `{ ... }`
#[derive(Clone, Debug)]
pub struct BlockStmt {
    /// Before it.
    pub annotations: Vec<Annotation>,
    /// In order.
    pub stmts: Vec<Stmt>,
    /// All of it.
    pub span: Span,
}

/// Kinds of statement.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `;`
    Empty,
    /// Variable, constant or (in parsers and controls) instantiation.
    Decl(Box<Decl>),
    /// `l = e;`, or with an operator, `l += e;`.
    Assign {
        /// Written to.
        target: Expr,
        /// Compound operator.
        op: Option<BinaryOp>,
        /// Value.
        value: Expr,
    },
    /// A call: the expression is an [`ExprKind::Call`]. Includes `T.apply(...)` of a type.
    Call(Expr),
    /// `{ ... }`
    Block(BlockStmt),
    /// `if`
    If {
        /// Condition.
        cond: Expr,
        /// If true.
        then: Box<Stmt>,
        /// If false.
        els: Option<Box<Stmt>>,
    },
    /// `switch`
    Switch {
        /// On what.
        on: Expr,
        /// Cases.
        cases: Vec<SwitchCase>,
    },
    /// `for (init; cond; update) body`
    For {
        /// Before it.
        annotations: Vec<Annotation>,
        /// Declarations, assignments and calls.
        init: Vec<Stmt>,
        /// Condition.
        cond: Expr,
        /// Assignments and calls.
        update: Vec<Stmt>,
        /// Body.
        body: Box<Stmt>,
    },
    /// `for (T x in collection) body`
    ForIn {
        /// Before it.
        annotations: Vec<Annotation>,
        /// Type of the variable.
        ty: TypeRef,
        /// The variable.
        name: Ident,
        /// What is iterated over.
        collection: ForCollection,
        /// Body.
        body: Box<Stmt>,
    },
    /// `return;` or `return e;`
    Return(Option<Expr>),
    /// `exit;`
    Exit,
    /// `break;`
    Break,
    /// `continue;`
    Continue,
}

/// What a `for ... in` goes over.
#[derive(Clone, Debug)]
pub enum ForCollection {
    /// A stack or list.
    Expr(Expr),
    /// `a .. b`
    Range(Expr, Expr),
}

/// A case of a `switch`.
#[derive(Clone, Debug)]
pub struct SwitchCase {
    /// None: `default`.
    pub label: Option<Expr>,
    /// None: falls through to the next case.
    pub body: Option<BlockStmt>,
    /// Of the label.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// Kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// An integer: value, and width and sign if written (`8w0x1F`, `4s1`).
    Int {
        /// Value.
        value: BigInt,
        /// `(width, signed)`.
        width: Option<(u32, bool)>,
        /// 2, 8, 10 or 16, as it is written.
        base: u32,
    },
    /// A string.
    String(Arc<str>),
    /// `true`, `false`
    Bool(bool),
    /// `this`
    This,
    /// `...`
    Dots,
    /// A name; `dotted`: looked up at top level.
    Name {
        /// Whether it begins with a dot.
        dotted: bool,
        /// Name.
        name: Ident,
    },
    /// A type where an expression stands: before `.member` (`error.NoError`, `E.A`, `T.apply`), or called as a
    /// constructor.
    Type(TypeRef),
    /// `e[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `e[high:low]`
    Slice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `e[low +: width]`
    PlusSlice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `{a, b}`, perhaps with `...` last.
    List(Vec<Expr>),
    /// `{#}`
    InvalidHeader,
    /// `{a = 1, b = 2}`; `dots`: ends in `...`.
    Struct {
        /// Fields.
        fields: Vec<(Ident, Expr)>,
        /// Whether the rest takes default values.
        dots: bool,
    },
    /// `(e)`, kept for messages.
    Paren(Box<Expr>),
    /// `!e ~e -e +e`
    Unary(UnaryOp, Box<Expr>),
    /// Two operands.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `c ? a : b`
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `e.member`
    Member(Box<Expr>, Ident),
    /// `f(args)`, `f<T>(args)`, `e.m(args)`, `T(args)`.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// Type arguments as written.
        type_args: Vec<TypeRef>,
        /// Arguments.
        args: Vec<Argument>,
    },
    /// `(T) e`
    Cast(TypeRef, Box<Expr>),
    /// `a &&& b` where an expression is allowed to be a set (initializers of list elements).
    Mask(Box<Expr>, Box<Expr>),
    /// `a .. b`, likewise.
    Range(Box<Expr>, Box<Expr>),
    /// `default` or `_`, likewise.
    DontCare,
    /// What could not be parsed; an error has been reported.
    Error,
}

/// An argument: positional or named; none for `_`.
#[derive(Clone, Debug)]
pub struct Argument {
    /// `name =`
    pub name: Option<Ident>,
    /// Value; none for `_`.
    pub value: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    LogicalNot,
    /// `~`
    BitNot,
    /// `-`
    Neg,
    /// `+`
    Plus,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `|+|`
    SatAdd,
    /// `|-|`
    SatSub,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `<=`
    Le,
    /// `>=`
    Ge,
    /// `<`
    Lt,
    /// `>`
    Gt,
    /// `!=`
    Ne,
    /// `==`
    Eq,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `|`
    BitOr,
    /// `++`
    Concat,
    /// `&&`
    And,
    /// `||`
    Or,
}
