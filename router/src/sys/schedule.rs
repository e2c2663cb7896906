//! The place of threads among each other.

/// `struct sched_attr` of linux/sched/types.h, first version.
#[repr(C)]
#[derive(Clone, Copy)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

const _: () = assert!(size_of::<SchedAttr>() == 48);

/// As all threads are at first, but for what they start: that begins as it would without ours.
const FAIR: SchedAttr = SchedAttr {
    size: size_of::<SchedAttr>() as u32,
    policy: libc::SCHED_OTHER as u32,
    flags: libc::SCHED_FLAG_RESET_ON_FORK as u64,
    nice: 0,
    priority: 0,
    runtime: 0,
    deadline: 0,
    period: 0,
};

fn set_schedule(attr: &SchedAttr) -> bool {
    // SAFETY: thread 0 is the caller; the attribute is live and carries its size.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, std::ptr::from_ref(attr), 0) == 0 }
}

/// Sets the best nice value that can be had and is no better than that of `attr`.
fn set_nice(attr: SchedAttr) {
    let _ = (attr.nice..=0).any(|nice| set_schedule(&SchedAttr { nice, ..attr }));
}

/// Shortest time slice that the scheduler grants (`sched_setattr`, since Linux 6.12).
const SLICE: u64 = 100_000;

/// Makes the calling thread punctual as far as permitted: timers without slack, round-robin
/// scheduling at the lowest real-time priority if wanted. Without that a short time slice, which
/// needs no permission: the fair scheduler serves a task the sooner the less it asks for; and the
/// best nice value that can be had. Says whether real-time scheduling was granted.
pub fn be_punctual(real_time: bool) -> bool {
    // SAFETY: no pointers.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1u64, 0u64, 0u64, 0u64) };
    if real_time && set_schedule(&SchedAttr { policy: libc::SCHED_RR as u32, priority: 1, ..FAIR }) {
        return true;
    }
    set_nice(SchedAttr { nice: -20, runtime: SLICE, ..FAIR });
    false
}

/// Puts the calling thread before those that only have routes to take in, as far as permitted: what the table has to say
/// to the kernel moves packets, while what comes from neighbours can wait in their sockets. A punctual thread comes before
/// it still.
pub fn be_preferred() {
    set_nice(SchedAttr { nice: -10, ..FAIR });
}
