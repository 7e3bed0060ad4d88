//! The codes of what is probably not meant.

crate::diagnostic_codes! {
    /// Codes of the linter.
    LINT;

    UNINITIALIZED_USE = "W0601", "uninitialized-use",
        "A variable is read on a path on which nothing was written to it. P4-16 leaves the value open; here it is zero. \
         Give the variable a value where it is declared, or on every path that leads to the read.";
    UNINITIALIZED_OUT = "W0602", "uninitialized-out-param",
        "An `out` parameter has no value at the end of a path. The caller's variable becomes zero. Write to the \
         parameter on every path, or make it `inout` if the caller's value is to be kept.";
    INVALID_HEADER = "W0603", "invalid-header",
        "A field of a header is used where the header is not valid, or on some path not valid: nothing extracted it or \
         called `setValid`, or `setInvalid` was called. Reading such a field gives zero here, and writing to it does \
         nothing. Ask first: `if (hdr.ipv4.isValid()) { ... }`.";
    UNUSED = "W0604", "unused",
        "Something is declared and nothing leads to it: a table that is never applied, an action that no table lists \
         and nothing calls, a variable that nothing reads or writes. Remove it, or use it where it was meant to be used.";
    UNREACHABLE_STATE = "W0605", "unreachable-state",
        "No transition that can be taken leads from `start` to this state of a parser.";
    SHADOWED_ENTRY = "W0606", "shadowed-entry",
        "Every key that this entry of a table matches is matched by an entry that is tried before it, so it is never \
         chosen. Put it first, or give it a better priority.";
    TRUNCATED_COMPARISON = "W0607", "truncating-cast",
        "A value is cast to fewer bits just to be compared: values that differ only in the bits cut off are taken for \
         equal. Compare at the larger width, or say with a slice (`x[7:0]`) that only these bits count.";
    UNREACHABLE_STATEMENT = "W0609", "unreachable-statement",
        "Nothing leads to this statement: `return`, `exit`, `break` or `continue` stands before it on every path.";
    DIRECT_EXTERN = "W0610", "direct-extern-elsewhere",
        "An action uses a direct counter or meter, and a table that runs the action does not have it as its `counters` \
         or `meters`, so there is no entry's counter to count by then, and no entry's meter to read. Counting does \
         nothing there, and reading gives what the meter said last of this packet, or green.";
    DROP_OVERWRITTEN = "W0608", "drop-overwritten",
        "A packet is marked to be dropped, and on the same path the egress port is then written, which takes the drop \
         back. If the packet shall be dropped, mark it last, or `return` or `exit` after marking it.";
}
