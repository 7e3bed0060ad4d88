// The P4-16 core library (specification, appendix "P4 core library").

#ifndef _CORE_P4_
#define _CORE_P4_

// Errors that the language itself raises. A program adds its own with further `error` declarations.
error {
    NoError,                // nothing went wrong
    PacketTooShort,         // extract, lookahead or advance past the end of the packet
    NoMatch,                // no case of a select matched
    StackOutOfBounds,       // extract into, or last of, a stack with no such element
    HeaderTooShort,         // more bits extracted into a varbit than it holds
    ParserTimeout,          // the parser took more steps than the target allows
    ParserInvalidArgument   // an argument that the target does not support
}

// The packet as a parser reads it: bits and a cursor.
extern packet_in {
    // Reads a header of fixed size at the cursor, makes it valid and moves the cursor behind it.
    // T is a header type without varbit fields, or the `next` of a stack.
    void extract<T>(out T hdr);

    // The same for a header with one varbit field, which gets variableFieldSizeInBits bits.
    void extract<T>(out T variableSizeHeader, in bit<32> variableFieldSizeInBits);

    // The next bits as a T of fixed size; the cursor stays.
    T lookahead<T>();

    // Moves the cursor.
    void advance(in bit<32> sizeInBits);

    // Length of the packet in bytes, where the target knows it.
    bit<32> length();
}

// The packet as a deparser writes it.
extern packet_out {
    // Appends a header if it is valid, and the parts of a stack, union or struct in order.
    void emit<T>(in T hdr);
}

// In a parser: if `check` is false, sets the parser's error and goes to the state `reject`.
extern void verify(in bool check, in error toSignal);

// Does nothing.
@noWarn("unused")
action NoAction() {}

// How the fields of a table's key are matched. An architecture may add more.
match_kind {
    exact,      // equal
    ternary,    // equal in the bits that the entry's mask selects
    lpm         // equal in the entry's number of leading bits; the longest wins
}

// Stops compilation with `message` unless `check` is true. The value is that of `check`, so that a constant can
// be declared by it:
//     const bool wide_enough = static_assert(WIDTH >= 16, "WIDTH is too small");
extern bool static_assert(bool check, string message);

// The same without words.
extern bool static_assert(bool check);

#endif
