//! The terminal of the shell: its size, single keys, and ^C while something is printed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// ^C came, and nobody has looked yet.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

extern "C" fn on_interrupt(_: libc::c_int) {
    INTERRUPT.store(true, Ordering::Relaxed);
}

/// From now on ^C ends no process: it interrupts what waits, and is there for [`take_interrupt`].
pub fn catch_interrupts() {
    // SAFETY: the handler only stores into an atomic, which a signal handler may. The structure is zeroed before it is
    // filled in, and zeros are valid for it. No SA_RESTART: reads are to return.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
    }
}

/// As if ^C had come.
pub fn interrupt() {
    INTERRUPT.store(true, Ordering::Relaxed);
}

/// Whether ^C came since this was asked last.
pub fn take_interrupt() -> bool {
    INTERRUPT.swap(false, Ordering::Relaxed)
}

/// Rows and columns of the terminal on standard output, if it is one that knows.
pub fn size() -> Option<(usize, usize)> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: TIOCGWINSZ writes one winsize, for which there is room; zeros are valid for it, whatever happens.
    let (done, size) = unsafe {
        let done = libc::ioctl(io::stdout().as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr());
        (done, size.assume_init())
    };
    (done == 0 && size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}

/// Waits for one key of the terminal on standard input, without an echo. ^C is a key, too.
pub fn key() -> io::Result<u8> {
    Raw::new()?.key()
}

/// The terminal on standard input without an echo, lines and signals, until this is dropped.
pub struct Raw {
    old: libc::termios,
}

impl Raw {
    /// From now on each key is there at once, ^C as well.
    pub fn new() -> io::Result<Raw> {
        let input = io::stdin().as_raw_fd();
        let mut old = MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: tcgetattr writes one termios, for which there is room; zeros are valid for it.
        let old = unsafe {
            if libc::tcgetattr(input, old.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            old.assume_init()
        };
        let mut raw = old;
        raw.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG);
        raw.c_cc[libc::VMIN] = 1;
        raw.c_cc[libc::VTIME] = 0;
        // SAFETY: tcsetattr only reads the structure.
        if unsafe { libc::tcsetattr(input, libc::TCSANOW, &raw) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Raw { old })
    }

    /// Waits for a key.
    pub fn key(&self) -> io::Result<u8> {
        let mut octet = 0u8;
        // What is typed behind the key stays where the line editor finds it: no buffer of ours may take it.
        loop {
            // SAFETY: read writes at most the one octet that there is room for.
            let read = unsafe { libc::read(io::stdin().as_raw_fd(), (&raw mut octet).cast(), 1) };
            let error = io::Error::last_os_error();
            match read {
                1 => return Ok(octet),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            }
        }
    }

    /// Waits for a key so long, or a little shorter.
    pub fn key_within(&self, time: Duration) -> io::Result<Option<u8>> {
        let mut input = libc::pollfd { fd: io::stdin().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let time = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: poll reads and writes the one structure that it is given.
        match unsafe { libc::poll(&mut input, 1, time) } {
            0 => Ok(None),
            1 => self.key().map(Some),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() == io::ErrorKind::Interrupted { Ok(None) } else { Err(error) }
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: tcsetattr only reads the structure; the settings are those from before.
        unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSANOW, &self.old) };
    }
}
