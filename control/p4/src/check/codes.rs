//! The codes of the checker: what each finding about names, types and rules means.
//!
//! E03xx is about names and types, E04xx about the rules of the language, W03xx warns.

crate::diagnostic_codes! {
    /// Codes of the checker.
    CHECK;

    UNKNOWN_NAME = "E0301", "unknown-name",
        "A name is used that nothing visible at this place declares. P4 looks names up from the innermost scope \
         outwards, and everything but parser states has to be declared before it is used. A leading dot looks at \
         the top level only. Without `#include <core.p4>` even `packet_in`, `NoAction` and `exact` are unknown.";
    DUPLICATE_NAME = "E0302", "duplicate-name",
        "Two declarations in the same scope give the same name a meaning. Only functions and the methods of an \
         extern may share a name, if the number or the names of their parameters tell them apart. A local \
         declaration may not hide a parameter either.";
    WRONG_KIND_OF_NAME = "E0303", "wrong-kind-of-name",
        "The name exists, but it stands for something that cannot be used here: a type where a value is needed, \
         a value where a type is needed, a table where an action is needed.";
    UNKNOWN_MEMBER = "E0304", "unknown-member",
        "A struct, header, enum, extern or other type has no field, member or method of this name.";
    USED_BEFORE_DECLARATION = "E0305", "used-before-declaration",
        "P4 wants declarations before uses, with the one exception of parser states. Move the declaration up.";

    MISMATCHED_TYPES = "E0310", "mismatched-types",
        "A value of one type stands where another type is needed. P4 converts implicitly only `int` (literals \
         without width) to `bit<w>` and `int<w>`, and serializable enums to their underlying type; all else \
         needs a cast, and a cast changes either the width or the sign but not both.";
    MISMATCHED_OPERANDS = "E0311", "mismatched-operands",
        "The two operands of an operator have different types. Both operands of arithmetic, bitwise and \
         comparison operators need the same width and the same sign: cast one, as in `(bit<16>)x + y`.";
    UNDEFINED_OPERATION = "E0312", "undefined-operation",
        "The operator, index, slice or field access is not defined for values of this type. Bitwise operators \
         need a width (`~8w1`, not `~1`), `!` needs a `bool`, `[m:l]` needs bits.";
    INVALID_CAST = "E0313", "invalid-cast",
        "There is no cast between these two types. Legal are casts between `bit<1>` and `bool`, between `bit<w>` \
         and `int<w>` of the same width, between widths of the same sign, from and to `int`, between a \
         serializable enum or a `type` and what it is made of, and of lists in braces to the structs, headers, \
         tuples, stacks and lists that they can stand for.";
    TYPE_ARGUMENT_COUNT = "E0314", "type-argument-count",
        "A generic type or function is given the wrong number of type arguments, or one that is not generic is \
         given some, or a generic type is used without any.";
    CANNOT_INFER = "E0315", "cannot-infer-type",
        "A type argument is neither written nor determined by the arguments of the call. Write it, as in \
         `packet.lookahead<bit<8>>()`.";
    INVALID_WIDTH = "E0316", "invalid-width",
        "The width of a `bit<w>`, `int<w>` or `varbit<w>`, or the size of a stack, has to be a constant that is \
         not negative, known without constructor parameters, and not absurdly large. `int<w>` needs at least one \
         bit.";
    INVALID_ELEMENT_TYPE = "E0317", "invalid-element-type",
        "Types cannot be nested at will. Headers contain bits, varbits, booleans, serializable enums, and structs \
         of those; header unions contain headers; structs and tuples contain no `int`, `string`, `void`, \
         `match_kind`, extern, parser, control or package.";
    RECURSIVE_DECLARATION = "E0318", "recursive-declaration",
        "Something refers to itself in its own declaration: a type that contains itself, a control that \
         instantiates or applies itself, a function or action that calls itself. P4 has no recursion.";
    WRONG_ARGUMENTS = "E0320", "wrong-arguments",
        "A call passes too few or too many arguments, names a parameter that does not exist, gives one twice, or \
         mixes named with positional arguments. Either all arguments are named or none is.";
    NO_MATCHING_OVERLOAD = "E0321", "no-matching-overload",
        "No function, method or constructor of this name takes this number of arguments or arguments of these \
         names, or more than one does. Types take no part in the choice.";
    NOT_CALLABLE = "E0322", "not-callable",
        "What stands before the parentheses cannot be called. Functions, actions, methods, `apply` of tables, \
         controls and parsers, and constructors can.";
    OUT_OF_RANGE = "E0323", "out-of-range",
        "A constant lies outside of what its place allows: the value of an enum member that its underlying type \
         cannot represent, a slice beyond the width, an index beyond the size.";
    DIVISION = "E0324", "invalid-division",
        "Division and modulo are defined for numbers that are not negative, so not for `int<w>`, and a divisor that \
         is known may not be zero.";
    SHIFT_AMOUNT = "E0325", "invalid-shift",
        "The amount of a shift has to be unsigned: of type `bit<w>`, or a constant that is not negative. An `int` \
         without width can be shifted by a constant only.";
    NOT_CONSTANT = "E0326", "not-constant",
        "A compile-time known value is needed: literals, constants, members of enums and errors, and operators on \
         those. Where types depend on it (widths, sizes, slices, indexes of tuples), constructor parameters do \
         not count.";
    UNKNOWN_WIDTH = "E0327", "unknown-width",
        "A value of type `int` stands where a width is needed and nothing determines one. Write it into the \
         literal, as in `8w5`, or cast.";
    CONSTANT_TOO_LARGE = "E0328", "constant-too-large",
        "A constant expression of type `int` grows beyond what the compiler is ready to compute with.";
    IMPLEMENTATION_MISMATCH = "E0330", "implementation-mismatch",
        "A parser, control or method does not fit the type that it has to implement: the number, directions and \
         types of the parameters have to agree, as has the type that is returned.";
    TYPE_TOO_LARGE = "E0331", "type-too-large",
        "A type grows beyond what the compiler is ready to handle, most often by nesting tuples or type arguments.";

    NOT_AN_LVALUE = "E0401", "not-an-lvalue",
        "Something is assigned to, or passed as `out` or `inout`, that is no storage: a constant, the result of a \
         call or a cast. Variables, `out` and `inout` parameters, their fields, elements and slices \
         can be written.";
    READ_ONLY = "E0402", "read-only",
        "`in` parameters, parameters without direction and constants can only be read. Copy the value to a \
         variable, or declare the parameter `inout`.";
    CALL_NOT_ALLOWED = "E0403", "call-not-allowed",
        "This cannot be called from here. Parsers are called from parser states; controls and tables from the \
         `apply` block of a control; actions from `apply` blocks and actions; `verify` from parsers; constructors \
         where instances are declared.";
    MISSING_RETURN = "E0404", "missing-return",
        "A function that returns a value reaches its end on some path without `return`.";
    MISPLACED_STATEMENT = "E0405", "misplaced-statement",
        "The statement is not allowed here: `return` and `exit` not in parsers, `exit` not in functions, `break` and \
         `continue` only in loops, a value behind `return` only in functions that return one.";
    PARSER_STATES = "E0406", "parser-states",
        "Every parser has a state named `start`; `accept` and `reject` are built in and cannot be declared.";
    PARAMETER_DIRECTION = "E0407", "parameter-direction",
        "The direction of a parameter does not fit: constructor parameters have none, externs, `string` and `int` \
         are passed without direction, parameters with default values are `in` or have no direction.";
    INSTANTIATION_NOT_ALLOWED = "E0408", "instantiation-not-allowed",
        "This cannot be instantiated here. Parsers are instantiated in parsers, controls in controls, externs at \
         top level, in parsers and controls, packages at top level. Actions, functions, states and `apply` \
         blocks instantiate nothing.";
    TABLE_PROPERTY = "E0409", "invalid-table-property",
        "A property of a table is missing, given twice, in the wrong order or of the wrong type. `actions` is \
         required; `default_action` and `entries` stand behind `actions`, and `entries` behind `key`.";
    TABLE_ACTION = "E0410", "invalid-table-action",
        "An action of a table is not listed in `actions`, listed twice, or bound to the wrong arguments. Parameters \
         with direction are bound in the list of actions, those without only by entries, the default action or \
         the control plane.";
    TABLE_ENTRY = "E0411", "invalid-table-entry",
        "An entry of a table does not fit: one keyset per key, constant, of the kind that the key's `match_kind` \
         takes; priorities only in tables where more than one entry can match, positive, and not in `const \
         entries`.";
    TABLE_KEY = "E0412", "invalid-table-key",
        "The key of a table has to be a value that can be compared, with a `match_kind` that is declared, and a \
         name for the control plane: where the expression yields none, `@name` gives it.";
    SWITCH_LABEL = "E0413", "invalid-switch-label",
        "A label of a `switch` is not a constant of the type switched on or an action of the table, is there \
         twice, or stands behind `default`.";
    STATIC_ASSERTION = "E0414", "static-assertion-failed",
        "A `static_assert` of the program, or of a library it includes, does not hold.";
    ANNOTATION = "E0415", "misused-annotation",
        "An annotation has a body of the wrong form, is given twice where once is allowed, or stands where it means \
         nothing. Structured annotations contain constant strings, integers and booleans.";
    ABSTRACT_METHOD = "E0416", "abstract-methods",
        "An extern with abstract methods is instantiated with an initializer that implements each of them once, and \
         nothing else; externs without abstract methods take no initializer.";
    TYPE_NOT_ALLOWED = "E0417", "type-not-allowed",
        "A value of this type cannot exist here. There are no variables, results or run-time parameters of types \
         `int`, `string`, `match_kind`, `void`, nor of parsers, controls, packages and externs, which are \
         instantiated instead.";
    DEFAULT_VALUE = "E0418", "invalid-default-value",
        "A default value stands where there can be none: for an `out` or `inout` parameter, or an `@optional` one; \
         or `...` stands for a type that has no default value, or not last.";
    ACTION_PARAMETERS = "E0419", "action-parameters",
        "Parameters of an action: those without direction, which the control plane sets, stand last; none is an \
         extern, a `string` or an `int`.";
    SELECT = "E0420", "invalid-select",
        "A `select` compares values of bits, booleans, enums and tuples of those with keysets of the same types and \
         number.";
    NOT_IN_PARSER = "E0421", "stack-access-not-allowed",
        "`next`, `last` and `lastIndex` of a header stack belong to parsers, which know what is extracted next. In \
         controls, elements go by their index.";
    CORE_DECLARATION_MISSING = "E0422", "core-declaration-missing",
        "The language relies on a declaration of `core.p4` that is missing, such as the action `NoAction` of a table \
         without default action. Add `#include <core.p4>`.";
    GENERIC_DECLARATION = "E0423", "generic-not-allowed",
        "Parsers and controls with a body cannot be generic; only their types, functions, externs, packages and \
         composite types can.";

    LITERAL_TRUNCATED = "W0301", "overflow",
        "A constant does not fit the width it is converted to; only its lowest bits are kept. A negative constant \
         that is converted to `bit<w>` wraps around.";
    SHADOWED_NAME = "W0302", "shadow",
        "A declaration hides another one of the same name from an enclosing scope.";
    UNREACHABLE_CASE = "W0303", "unreachable",
        "A case can never be chosen, because one before it matches everything.";
    DEPRECATED = "W0304", "deprecated",
        "Something is used whose declaration says, with `@deprecated`, that it should not be.";
    DUPLICATE_PRIORITIES = "W0305", "duplicate-priorities",
        "Two entries of a table have the same priority: which one wins where both match is not defined.";
    ENTRIES_OUT_OF_ORDER = "W0306", "entries-out-of-priority-order",
        "The entries of a table are not written in the order in which they are tried.";
    IMPLIED_REJECT = "W0307", "parser-transition",
        "A state of a parser ends without `transition`, which means `transition reject`. Where packets are to be \
         refused, write that; where parsing is done, write `transition accept`.";
    MISMATCHED_ENTRY = "W0308", "mismatch",
        "A value or mask contains bits that can never match, such as a one where the mask has a zero.";
    SECOND_NAME = "W0310", "second-name",
        "An element has more than one `@name`. P4-16 allows one at most; the first counts.";
    INT_AS_NEW_TYPE = "W0309", "int-as-new-type",
        "A number without width stands where a value of a `type` is needed. P4-16 wants a cast here, as a `type` is \
         different from what it is made of; p4c does without one, and so does Heddle. Write `(port_id_t)0`.";
}
