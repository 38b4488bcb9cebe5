//! The peer that crosses processes: a `pthread_mutex_t` in a shared mapping, `PTHREAD_PROCESS_SHARED`.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

pub(crate) struct PthreadMutex(NonNull<libc::pthread_mutex_t>);

// SAFETY: to be used by many threads at once is what the C library's mutex is for.
unsafe impl Sync for PthreadMutex {}

impl PthreadMutex {
    pub(crate) fn new() -> Self {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANON);
        // SAFETY: a new mapping, at an address of the system's choice.
        let page = unsafe { libc::mmap(null_mut(), size_of::<libc::pthread_mutex_t>(), protection, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        let mutex = NonNull::new(page.cast::<libc::pthread_mutex_t>()).expect("a mapping");
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: both objects are ours alone, and the attributes are initialized before they are used.
        unsafe {
            assert_eq!(libc::pthread_mutexattr_init(attributes.as_mut_ptr()), 0);
            assert_eq!(libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_mutex_init(mutex.as_ptr(), attributes.as_ptr()), 0);
        }
        Self(mutex)
    }

    #[inline]
    pub(crate) fn lock(&self) -> PthreadGuard<'_> {
        // SAFETY: initialized above, and mapped as long as this process lives.
        let error = unsafe { libc::pthread_mutex_lock(self.0.as_ptr()) };
        assert_eq!(error, 0);
        PthreadGuard(self)
    }
}

pub(crate) struct PthreadGuard<'a>(&'a PthreadMutex);

impl Drop for PthreadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as above; this thread holds it.
        unsafe { libc::pthread_mutex_unlock(self.0.0.as_ptr()) };
    }
}
