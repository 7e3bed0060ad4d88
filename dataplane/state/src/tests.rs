//! Tests of the whole: programs made for them, and what changes and lookups do together.

mod concurrency;
mod fixture;
mod matching;
mod succession;
mod writing;
