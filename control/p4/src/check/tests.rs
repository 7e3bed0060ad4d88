//! Small programs, and what is found in them.
