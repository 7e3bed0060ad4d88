//! The text form of a program: [`print()`] writes it, [`parse`] reads it.
//!
//! Invariant: `parse(print(p)) == p` for every program within the limits below, and what is parsed can be
//! printed and parsed again. Parsing ends for every input with a program or one [`ParseError`]; it needs stack
//! for at most [`limit::EXPRESSION_DEPTH`](crate::verify::limit::EXPRESSION_DEPTH) nested expressions and [`limit::NESTING`](crate::verify::limit::NESTING) nested blocks, and refuses
//! constants of more than [`CONSTANT_BYTES`] in total, lest a few characters ask for all memory.
//!
//! # Form
//!
//! White space separates; `//` begins a comment that ends with the line. A *name* is a word, or a string in
//! double quotes with the escapes `\" \\ \n \r \t \u{1f}`. A number is decimal or `0x` hexadecimal. A constant
//! is a width and a value: `8w0x1f`, `8w31`, `8w0b1_1111`. Everything numbered is declared in order and
//! referred to by its index (`hdr0`, `var12`), and so may be referred to before it is declared; only a field is
//! referred to by its name as well as by its position (`hdr0.dst`, `hdr0.1`), once its header is declared.
//!
//! ```text
//! program demo for v1model {
//!     ports 511;
//!     errors NoError, PacketTooShort, NoMatch, StackOutOfBounds, HeaderTooShort, ParserTimeout,
//!         ParserInvalidArgument;
//!     header_type htype0 ethernet_t { dst: 48; src: 48; type: 16; options: varbit 320; }
//!     header hdr0 "hdr.ethernet": htype0;
//!     header hdr1 "hdr.ip.v4": htype0 in union0;
//!     stack stack0 "hdr.vlan": hdr2, hdr3 next var1;
//!     union union0 "hdr.ip": hdr1, hdr4;
//!     var var0 "meta.x": 16;
//!
//!     counter counter0 "c" id 0x12000001 packets size 16;
//!     counter counter1 "dc" id 0x13000002 packets_and_bytes size 0 direct table0;
//!     meter meter0 "m" bytes size 16;
//!     register register0 "r" width 32 size 16 initial 32w0x0;
//!     digest digest0 "d" { port: 32; src: 48; }
//!     profile profile0 "p" size 128 selector crc16 width 16 max_group_size 8;
//!     value_set valueset0 "v" { key: 16 exact; } size 4;
//!     preserve preserve0 vars var0, var1 headers hdr0;
//!
//!     action action0 "I.set" id 0x01000003 hidden (port: var0) { var0 = add(var0, 16w0x1); }
//!     table table0 "I.t" id 0x02000004 {
//!         key lpm 32 "hdr.ip.dst" = hdr1.dst;
//!         action action0 default_only table_only copy_in { var3 = 8w0x1; } copy_out { var4 = var3; };
//!         default const action0(16w0x7);
//!         entry (32w0xa000000/8) const priority 3: action0(16w0x5);
//!         const_entries; smallest_priority_wins; idle_timeout;
//!         size 1024;
//!         profile profile0; direct_counter counter1; direct_meter meter1;
//!     }
//!     parser parser0 "P" {
//!         error var2;
//!         steps 256;
//!         start state0;
//!         state state0 start {
//!             extract hdr0;
//!             transition select (hdr0.type, var0) {
//!                 (16w0x800, any): state1;
//!                 (16w0x800 &&& 16w0xff00, 16w0x1 .. 16w0x5): accept;
//!                 (valueset0, signed 16w0xffff .. 16w0x1): accept;
//!                 valueset1: reject;
//!             }
//!         }
//!         state state1 ip { transition accept; }
//!     }
//!     body body0 ingress { call parser0; apply table0; enqueue resize(var0, 32), 32w0x0; }
//!     ingress body0;
//!     egress body1;
//! }
//! ```
//!
//! A table's match is `v` (exact), `v/8` (prefix), `v &&& m` (ternary), `v .. w` (range) or `any`; its actions
//! are referred to by index or by position (`action0(..)`, `1(..)`).
//!
//! Statements:
//!
//! ```text
//! var0 = var1;  hdr0.dst = 48w0x1;  stack0[var1].vid[3:0] = 4w0x1;
//! set_valid hdr0;  set_invalid stack0[var1];  copy_header hdr0, hdr1;  push_front stack0, 1;  pop_front stack0, 1;
//! if eq(var0, 16w0x1) { .. } else if valid hdr0 { .. } else { .. }
//! switch var0 { case 16w0x1, 16w0x2 { .. } default { .. } }
//! loop 16 { .. break; .. continue; } update { .. }
//! return;  exit;  catch { .. }  atomic { .. }
//! apply table0 hit var1 action_run var2;
//! call action0;  call body1;  call parser0 copy_out { .. }
//! extract hdr0;  extract hdr0, 32w0x40;  lookahead var0;  advance 32w0x8;  verify eq(var0, var1), 32w0x2;
//! emit hdr0;
//! count counter0[var1];  count counter1;  meter meter0[var1] -> var2;  meter meter1 -> var2;
//! read register0[var1] -> var2;  write register0[var1], var2;
//! hash crc16 (var0, hdr0.dst) -> var1;  hash csum16 (var0) payload -> var1;  random 8w0x0, 8w0xff -> var1;
//! digest digest0 (var0, hdr0.src);  log "x is {}" (var0);  assert eq(var0, var1) "main.p4:7";
//! truncate 32w0x40;  mirror received 32w0x5, preserve0;  mirror live 32w0x5, preserve0;
//! enqueue var0, 32w0x0;  replicate var0, 32w0x0;  resubmit preserve0;  recirculate preserve0;
//! transmit;  drop ingress_drop;
//! ```
//!
//! Expressions are constants, places, intrinsics (`ingress_port`, `now_ns`, ...), `valid hdr0`, `slice(x, 7, 4)`,
//! `resize(x, 32)`, `resize_signed(x, 32)`, `mux(c, x, y)`, and operators by name: `not neg add sub mul div mod
//! sat_add_u sat_sub_u sat_add_s sat_sub_s and or xor shl shr sar eq ne lt_u le_u lt_s le_s concat`.

use crate::Program;

mod lexer;
mod parse;
mod print;
mod word;

/// Bytes that all constants of more than 128 bits in one text may take.
pub const CONSTANT_BYTES: u64 = 64 << 20;

/// Where and why a text is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub message: String,
}

/// Writes a program.
pub fn print(program: &Program) -> String {
    print::program(program)
}

/// Reads a program.
pub fn parse(text: &str) -> Result<Program, ParseError> {
    parse::program(text)
}

#[cfg(test)]
mod tests;
