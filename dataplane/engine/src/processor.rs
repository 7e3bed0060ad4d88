//! Which processors a thread runs on, and who goes first there.

#![allow(
    unsafe_code,
    reason = "the calls for affinity and scheduling have no safe wrapper in the standard library"
)]

use std::io;

/// Processors that this thread may run on.
pub(crate) fn allowed_processors() -> io::Result<Vec<usize>> {
    // SAFETY: a processor set is plain data for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is as large as is said and lives through the call; 0 is the calling thread.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the numbers are below the size of the set.
    Ok((0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect())
}

/// Binds the calling thread to one processor.
pub(crate) fn bind_to(processor: usize) -> io::Result<()> {
    if processor >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: a processor set is plain data for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is below the size of the set.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the set is as large as is said and lives through the call; 0 is the calling thread.
    if unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How much less of a processor the control plane gets than packets do when both want it, as `nice` counts.
const NICENESS: libc::c_int = 5;

/// Has the calling thread, and those that it starts from now on, leave processors to workers where both want them. For
/// threads that serve controllers: they wait for nothing that packets do not have to wait for as well.
pub fn stand_back() {
    // SAFETY: takes numbers only; 0 is the calling thread.
    let refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } != 0;
    // A thread may always ask for less; one that has less already stays as it is.
    debug_assert!(!refused || io::Error::last_os_error().raw_os_error() == Some(libc::EACCES));
}

/// Has the calling thread go before every ordinary thread of the machine: `SCHED_FIFO` at its lowest priority, so that one
/// that wakes waits for no turn to end. Needs `CAP_SYS_NICE`, or an `RLIMIT_RTPRIO` of at least 1.
pub fn go_first() -> io::Result<()> {
    // SAFETY: scheduling parameters are plain data for which all zeros is valid.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = 1;
    // SAFETY: the parameters live through the call; 0 is the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether the calling thread has [gone first](go_first).
#[cfg(test)]
pub(crate) fn goes_first() -> bool {
    // SAFETY: takes a number only; 0 is the calling thread.
    unsafe { libc::sched_getscheduler(0) == libc::SCHED_FIFO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_bound_to_an_allowed_processor_and_no_other() {
        std::thread::spawn(|| {
            let allowed = allowed_processors().expect("readable");
            let last = *allowed.last().expect("this runs somewhere");
            bind_to(last).expect("allowed");
            assert_eq!(allowed_processors().expect("readable"), [last]);
            assert!(bind_to(usize::MAX).is_err());
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn a_thread_that_goes_first_is_scheduled_as_real_time() {
        std::thread::spawn(|| match go_first() {
            Ok(()) => assert!(goes_first()),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}"),
        })
        .join()
        .expect("no panic");
    }
}
