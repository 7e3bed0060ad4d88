//! What commands share in speaking to people and to scripts.

use std::io::IsTerminal as _;

/// Whether text on standard error may be coloured.
pub(crate) fn stderr_is_coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal()
}

/// Lets a closed pipe end the program, as the shell expects of a filter.
#[allow(unsafe_code)] // one call, before any thread
pub(crate) fn restore_sigpipe() {
    // SAFETY: no thread runs yet and no handler of ours is installed; SIG_DFL is a valid disposition.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// `1 packet`, `2 packets`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
