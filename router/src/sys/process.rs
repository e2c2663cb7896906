//! The process itself: its heap, and what process 1 owes its orphans.

/// Makes all threads share one heap. Routes are decoded on one thread and put into the table on another; with a heap
/// for each, what one has freed is of no use to the others. To be called before there are threads.
pub fn share_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt sets a parameter of the allocator and has no other effects.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        // Large arrays live in mappings of their own, which grow without being copied and go back when freed. Said here,
        // the limit stays; else the first of them to be freed would raise it.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 22);
    }
}

/// Gives pages of the heap that nothing is on back to the system. Whoever wants memory waits meanwhile.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches nothing but what the allocator has free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes the exit codes of all children that have ended.
pub fn reap() {
    loop {
        // SAFETY: waitpid with a null status pointer and WNOHANG has no memory effects and does not block.
        let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        if pid <= 0 {
            return;
        }
    }
}
