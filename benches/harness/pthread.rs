//! The peers that cross processes: a `pthread_mutex_t` and a `pthread_rwlock_t` in a shared mapping,
//! `PTHREAD_PROCESS_SHARED`.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

pub(crate) struct PthreadMutex(NonNull<libc::pthread_mutex_t>);

// SAFETY: many threads may use the C library's mutex at once.
unsafe impl Sync for PthreadMutex {}

impl PthreadMutex {
    pub(crate) fn new() -> Self {
        let mutex = page::<libc::pthread_mutex_t>();
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: no other thread uses the two objects yet, and the attributes are initialized before they are used.
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

/// Returns memory for one object, which child processes share.
fn page<T>() -> NonNull<T> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANON);
    // SAFETY: this is a new mapping, at an address that the system chooses.
    let page = unsafe { libc::mmap(null_mut(), size_of::<T>(), protection, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    NonNull::new(page.cast()).expect("a mapping")
}

pub(crate) struct PthreadRwLock(NonNull<libc::pthread_rwlock_t>);

// SAFETY: many threads may use the C library's lock at once.
unsafe impl Sync for PthreadRwLock {}

impl PthreadRwLock {
    pub(crate) fn new() -> Self {
        let lock = page::<libc::pthread_rwlock_t>();
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: no other thread uses the two objects yet, and the attributes are initialized before they are used.
        unsafe {
            assert_eq!(libc::pthread_rwlockattr_init(attributes.as_mut_ptr()), 0);
            assert_eq!(libc::pthread_rwlockattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_rwlock_init(lock.as_ptr(), attributes.as_ptr()), 0);
        }
        Self(lock)
    }

    #[inline]
    pub(crate) fn read(&self) -> PthreadRwGuard<'_> {
        // SAFETY: initialized above, and mapped as long as this process lives.
        let error = unsafe { libc::pthread_rwlock_rdlock(self.0.as_ptr()) };
        assert_eq!(error, 0);
        PthreadRwGuard(self)
    }

    #[inline]
    pub(crate) fn write(&self) -> PthreadRwGuard<'_> {
        // SAFETY: as above.
        let error = unsafe { libc::pthread_rwlock_wrlock(self.0.as_ptr()) };
        assert_eq!(error, 0);
        PthreadRwGuard(self)
    }
}

pub(crate) struct PthreadRwGuard<'a>(&'a PthreadRwLock);

impl Drop for PthreadRwGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as above; this thread holds it.
        unsafe { libc::pthread_rwlock_unlock(self.0.0.as_ptr()) };
    }
}
