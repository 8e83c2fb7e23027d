//! The signals of an action that goes on: SIGTERM and SIGINT end it, SIGHUP makes it read its files again.

use std::thread;

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};

use crate::{
    error::{Error, Result},
    stop::Stop,
};

/// A flag that SIGTERM and SIGINT set, as long as the guard lives. Where there is nothing to reload,
/// SIGHUP ends the process, as whoever closes a terminal expects.
pub(super) fn stop(reload: Option<impl Fn() + Send + 'static>) -> Result<(Stop, Guard)> {
    let hangup = reload.as_ref().map(|_| SIGHUP);
    let mut signals = Signals::new([SIGTERM, SIGINT].into_iter().chain(hangup)).map_err(Error::Start)?;
    let guard = Guard(signals.handle());
    let stop = Stop::new();
    thread::Builder::new()
        .name("ictus-signal".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                for signal in signals.forever() {
                    match &reload {
                        Some(reload) if signal == SIGHUP => reload(),
                        _ => return stop.set(),
                    }
                }
            }
        })
        .map_err(Error::Start)?;
    Ok((stop, guard))
}

/// Ends the thread that waits for signals.
pub(super) struct Guard(Handle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.close();
    }
}
