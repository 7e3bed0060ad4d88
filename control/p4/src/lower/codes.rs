//! The codes of lowering: what the compiler understands and cannot bring into the pipeline IR.

use crate::diagnostic_codes;

diagnostic_codes! {
    /// Codes of elaboration and lowering.
    LOWER;

    NOT_SUPPORTED = "E0501", "not-supported",
        "The program is valid P4-16, but uses a construct here that is not lowered to the pipeline yet. Code that \
         no part of `main` reaches may use anything.";
    NO_MAIN = "E0502", "no-main",
        "The program does not instantiate a package named `main`, so there is nothing to run. Programs end in \
         something like `V1Switch(MyParser(), ...) main;`.";
    UNKNOWN_ARCHITECTURE = "E0503", "unknown-architecture",
        "The package that `main` instantiates belongs to no architecture that is known here. The architecture is \
         recognised by the name of its package, such as `V1Switch`.";
    NOT_CONSTANT = "E0504", "not-a-compile-time-value",
        "A value has to be known when the program is compiled, and depends on something that is only known when \
         a packet is processed.";
    RECURSION = "E0505", "recursion",
        "A function, action, parser or control calls itself, directly or by way of others. P4-16 has no recursion.";
    TOO_LARGE = "E0506", "program-too-large",
        "Elaborating the program gives more statements, slots or instances than the compiler is ready to make.";
    INVALID_ENTRY = "E0507", "invalid-entry",
        "An entry of a table does not fit the key it is for: a mask on a longest-prefix key that is no prefix, a \
         range with its ends the wrong way round, a wildcard on an exact key.";
    INVALID_PROPERTY = "E0508", "invalid-property",
        "A property of a table has a value that the architecture does not understand, such as an `implementation` \
         that is neither an action profile nor an action selector.";
    INVALID_ANNOTATION = "E0509", "invalid-annotation",
        "An annotation that the control plane depends on, such as `@id` or `@name`, is malformed or contradicts \
         another one.";
    TABLE_FULL = "E0510", "table-too-small",
        "A table is declared with more entries than its `size` has room for. The control plane may change the entries of \
         a table that are not `const`, and `size` says how many there may be.";
    LANGUAGE_ONLY = "W0501", "language-only",
        "The program has no `main`, or one of an architecture that is not known here, so it was checked against the \
         rules of the language and no further. Running it is an error.";
    NOT_IMPLEMENTED = "W0502", "extern-without-implementation",
        "The program declares an extern that the architecture does not have. A call of it does nothing: its `out` \
         arguments and its result are zero, and `inout` arguments keep their value.";
    PADDED_HEADER = "W0503", "header-not-whole-bytes",
        "A header that is taken from a packet or put into one is not made of whole bytes. Packets are, so the header \
         takes whole bytes on the wire, with the bits that are missing after its last field; what they hold is kept.";
    IGNORED_PROPERTY = "W0504", "ignore-prop",
        "A table has a property that the architecture does not know. It is ignored: tables of other architectures may \
         understand it, or its name is misspelled.";
    IGNORED_KEY = "W0505", "selector-without-group",
        "A key of a table is matched by `selector`, and the table is not implemented by an `action_selector`, which \
         would choose a member of a group by the hash of such keys. The key is ignored.";
    SAME_KEY_NAME = "W0506", "duplicate-key-name",
        "Two keys of a table have the same name for the control plane. P4Runtime tells them apart by their ids, tools \
         that go by names do not. Give one of them another `@name`.";
    CONST_TABLE_FULL = "W0507", "const-table-too-small",
        "A table has more constant entries than its `size` says. The entries are all there and nothing can be added to \
         them, so the table is as large as they are many. Make `size` as large, or leave it out.";
    INTERNAL = "E0599", "internal-error",
        "The compiler made a pipeline that breaks the pipeline's own rules. This is a defect of the compiler, not \
         of the program.";
}
