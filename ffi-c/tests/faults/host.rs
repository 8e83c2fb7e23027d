//! `faults/host.c`, through which a recorder performs the actions of its host.
#![expect(unsafe_code, reason = "calls C")]

use std::{
    env,
    ffi::{CStr, CString, c_char, c_int, c_long, c_void},
    fs::File,
    mem,
    os::fd::FromRawFd,
};

type Act = unsafe extern "C" fn(*const c_char, *const c_char) -> c_int;
type NewProcess = unsafe extern "C" fn() -> c_int;
type Wait = unsafe extern "C" fn(c_int) -> c_int;
type Progress = unsafe extern "C" fn(c_long);

pub(crate) struct Host {
    act: Act,
    fork: NewProcess,
    clone: NewProcess,
    wait: Wait,
    progress: Progress,
}

impl Host {
    pub(crate) fn load() -> Host {
        let path = CString::new(env::var("FAULTS_HOST").unwrap()).unwrap();
        // SAFETY: a library whose constructor maps a file.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        let find = |name: &CStr| {
            // SAFETY: a library that is open.
            let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
            assert!(!symbol.is_null(), "{name:?}");
            symbol
        };
        Host {
            // SAFETY: a function of that type in host.c.
            act: unsafe { mem::transmute::<*mut c_void, Act>(find(c"host_act")) },
            // SAFETY: as above.
            fork: unsafe { mem::transmute::<*mut c_void, NewProcess>(find(c"host_fork")) },
            // SAFETY: as above.
            clone: unsafe { mem::transmute::<*mut c_void, NewProcess>(find(c"host_clone")) },
            // SAFETY: as above.
            wait: unsafe { mem::transmute::<*mut c_void, Wait>(find(c"host_wait")) },
            // SAFETY: as above.
            progress: unsafe { mem::transmute::<*mut c_void, Progress>(find(c"host_progress")) },
        }
    }

    /// Performs an action on this process. Returns false if it failed.
    pub(crate) fn act(&self, action: &str, argument: &str) -> bool {
        let (action, argument) = (CString::new(action).unwrap(), CString::new(argument).unwrap());
        // SAFETY: two strings.
        unsafe { (self.act)(action.as_ptr(), argument.as_ptr()) == 0 }
    }

    /// Runs `work` in a forked child. Returns the status of the child.
    pub(crate) fn fork(&self, work: impl FnOnce()) -> c_int {
        // SAFETY: the child records and ends.
        self.child(unsafe { (self.fork)() }, work)
    }

    /// Does the same in a child for which no handler of `pthread_atfork` runs.
    pub(crate) fn clone_process(&self, work: impl FnOnce()) -> c_int {
        // SAFETY: as above.
        self.child(unsafe { (self.clone)() }, work)
    }

    fn child(&self, pid: c_int, work: impl FnOnce()) -> c_int {
        if pid == 0 {
            work();
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: waits for a child.
        unsafe { (self.wait)(pid) }
    }

    /// Reports the progress to the driver.
    pub(crate) fn set_progress(&self, done: u32) {
        // SAFETY: stores a number in a file that is mapped.
        unsafe { (self.progress)(c_long::from(done)) };
    }
}

/// The driver's channel: commands, and the results of commands.
pub(crate) fn channel() -> (File, File) {
    // SAFETY: the driver has opened it, and nothing else uses it.
    let commands = unsafe { File::from_raw_fd(200) };
    // SAFETY: as above.
    let answers = unsafe { File::from_raw_fd(201) };
    (commands, answers)
}
