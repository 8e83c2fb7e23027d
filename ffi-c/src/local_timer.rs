//! Local timers: timers bound to one thread.

use ictus::{LocalTimer, Stopwatch};

use crate::{
    guard::guard,
    ictus_status, ictus_timer,
    status::check_observation,
    string::{borrow, free, into_out},
};

/// A local timer: a timer bound to the thread that created it, for the hottest loops. It
/// saves that thread a lookup at each call. Only that thread may use it and free it:
/// observations that other threads record through it may be lost.
#[derive(Debug)]
pub struct ictus_local_timer(LocalTimer);

/// Creates a local timer: binds a timer to the calling thread. Free it in the same thread
/// with `ictus_local_timer_free`. The timer may be freed before the local timer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_local_timer_new(
    timer: *const ictus_timer,
    out: *mut *mut ictus_local_timer,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or a timer that was not freed.
        let timer = unsafe { borrow(timer) }?;
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, || Ok(ictus_local_timer(timer.0.local()))) }
    })
}

/// Records one duration in seconds that ends now. Returns `ICTUS_STATUS_VALUE` as
/// `ictus_timer_observe` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_local_timer_observe(
    local: *const ictus_local_timer,
    seconds: f64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or this thread's local timer, which was not freed.
        let local = unsafe { borrow(local) }?;
        local.0.observe(seconds);
        check_observation(seconds)
    })
}

/// Records one duration in seconds that ended at `end`, a result of `ictus_now` in this
/// process. It does not read the clock. Returns `ICTUS_STATUS_VALUE` as
/// `ictus_timer_observe` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_local_timer_observe_at(
    local: *const ictus_local_timer,
    seconds: f64,
    end: u64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or this thread's local timer, which was not freed.
        let local = unsafe { borrow(local) }?;
        local.0.observe_at(seconds, Stopwatch::from_bits(end).stamp());
        check_observation(seconds)
    })
}

/// Records the time from `begun` to now, in seconds. `begun` is a result of `ictus_now` in
/// this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_local_timer_observe_since(
    local: *const ictus_local_timer,
    begun: u64,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or this thread's local timer, which was not freed.
        let local = unsafe { borrow(local) }?;
        local.0.observe_since(Stopwatch::from_bits(begun));
        Ok(())
    })
}

/// Frees a local timer. Observations recorded through it are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_local_timer_free(local: *mut ictus_local_timer) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_local_timer_new`, and not used again.
        unsafe { free(local) };
        Ok(())
    });
}
