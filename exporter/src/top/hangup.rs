//! A terminal that has hung up: its window was closed, or the connection to it was lost.
//!
//! The terminal library reads the end of the input again and again and does not return, so a thread
//! watches for the hang-up, and ends the process.

use std::{io, thread};

use rustix::event::{PollFd, PollFlags, poll};

/// The exit code of a process that SIGHUP ended, as shells show it.
const EXIT_CODE: i32 = 128 + 1;

/// Ends the process as soon as its terminal hangs up. There is no screen to restore then.
pub(super) fn exit_on_hangup() -> io::Result<()> {
    thread::Builder::new().name("ictus-hangup".to_owned()).spawn(wait)?;
    Ok(())
}

fn wait() {
    let terminal = io::stdout();
    loop {
        // A hang-up is reported although no event was requested.
        let mut watched = [PollFd::new(&terminal, PollFlags::empty())];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => {
                std::process::exit(EXIT_CODE);
            }
            // The terminal cannot be watched: SIGHUP still ends the command while it waits for keys.
            _ => return,
        }
    }
}
