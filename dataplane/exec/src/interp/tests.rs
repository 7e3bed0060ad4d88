//! Small programs, built by hand, and what has to come of them: every kind of expression and statement.

mod expressions;
mod headers;
mod parsers;
mod passes;
mod statements;
mod switch;
mod tables;
