//! Lowering and removing virtual devices, on a thread of its own: the kernel takes some milliseconds for each, in
//! which an advertisement would be late. Raising one takes a tenth of a millisecond and stays with the caller.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::device::Device;
use super::handle::{Command, GroupKey};
use super::link::Requests;
use crate::sys::ontime::Waker;

/// Whether a device is to be up. Held locked while the device is raised or lowered, so that neither can be done
/// behind the other.
#[derive(Debug, Clone, Default)]
pub struct Wanted(Arc<Mutex<bool>>);

impl Wanted {
    /// The wish, for as long as nobody else may act on it.
    pub fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Job {
    /// Down and without these addresses, unless it is wanted up again.
    Lower(GroupKey, Device, Wanted, Vec<IpAddr>),
    Delete(GroupKey, Device),
}

/// The thread; ends when dropped, after it has done everything.
pub struct Lowering {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Lowering {
    /// Starts it in the caller's network namespace. What fails is told as a command.
    pub fn spawn(failures: Sender<Command>, waker: Arc<Waker>) -> io::Result<Lowering> {
        let requests = Requests::open()?;
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new().name("on-time-lower".into());
        let thread = thread.spawn(move || run(requests, &queue, &failures, &waker))?;
        Ok(Lowering { jobs: Some(jobs), thread: Some(thread) })
    }

    fn add(&self, job: Job) {
        // The thread ends only after us.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }

    /// Lowers a device.
    pub fn lower(&self, group: &GroupKey, device: &Device, wanted: &Wanted, addresses: Vec<IpAddr>) {
        *wanted.lock() = false;
        self.add(Job::Lower(group.clone(), device.clone(), wanted.clone(), addresses));
    }

    /// Removes a device.
    pub fn delete(&self, group: &GroupKey, device: &Device) {
        self.add(Job::Delete(group.clone(), device.clone()));
    }
}

impl Drop for Lowering {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut requests: Requests, queue: &Receiver<Job>, failures: &Sender<Command>, waker: &Waker) {
    for job in queue {
        let (group, what, done) = match job {
            Job::Lower(group, device, wanted, addresses) => {
                let wanted = wanted.lock();
                let done = if *wanted { Ok(()) } else { device.release(&mut requests, &addresses) };
                (group, "lowering the virtual device", done)
            }
            Job::Delete(group, device) => {
                (group, "removal of the virtual device", device.delete(&mut requests))
            }
        };
        if let Err(error) = done {
            let _ = failures.send(Command::Failed(group, what, error));
            waker.wake();
        }
    }
}
