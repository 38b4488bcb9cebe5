//! Handles that can be kept: a handle beside a reference count of the buffer that it borrows.

use super::buffer::SharedBuffer;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use std::sync::Arc;

/// A type that borrows a buffer: a slot, a primitive, an array, or a guard. It is what [`Owned`] can keep.
///
/// Implement it for a struct of handles of your own. The type must be covariant in the buffer's lifetime, which the body
/// of [`shorten`](Self::shorten) proves to the compiler.
///
/// # Examples
///
/// ```
/// use slotsync::{Error, Handle, Lock, Owned, SharedBuffer, Slot};
/// use std::sync::Arc;
/// use std::sync::atomic::Ordering::Relaxed;
///
/// /// Several handles over one buffer.
/// struct Counter<'buf> {
///     lock: Lock<'buf>,
///     total: Slot<'buf>,
/// }
///
/// impl Handle for Counter<'_> {
///     type Over<'buf> = Counter<'buf>;
///
///     fn shorten<'short, 'long: 'short>(handle: &'short Counter<'long>) -> &'short Counter<'short> {
///         handle
///     }
/// }
///
/// let buffer = Arc::new(SharedBuffer::new(8)?);
/// let counter = Owned::<Counter>::new(buffer, |buffer| {
///     Ok::<_, Error>(Counter { lock: Lock::new(buffer, 0)?, total: buffer.slot(1)? })
/// })?;
/// std::thread::spawn(move || {
///     let Counter { lock, total } = counter.get();
///     let _guard = lock.lock();
///     total.fetch_add(1, Relaxed);
/// })
/// .join()
/// .unwrap();
/// # Ok::<(), Error>(())
/// ```
pub trait Handle {
    /// This type, over a buffer that lives for `'buf`.
    type Over<'buf>;

    /// Shortens the lifetime of a handle. The body is `handle`.
    fn shorten<'short, 'long: 'short>(handle: &'short Self::Over<'long>) -> &'short Self::Over<'short>;
}

/// A handle together with a share in the buffer that it borrows, so that a struct, a task or a thread can keep it.
///
/// A plain handle such as [`Lock<'buf>`](crate::Lock) borrows its buffer, and costs nothing. Use `Owned` where the borrow
/// checker asks for `'static`. If the buffer lives as long as the program, [`SharedBuffer::leak`] is simpler.
///
/// The type of a field is `Owned<Lock<'static>>`. [`get`](Self::get) borrows the handle, so the fast path of a lock is the
/// same as that of a borrowed one. The guards that it returns borrow the `Owned`. [`map`](Self::map) makes a guard that
/// owns its share, which can move into another thread.
///
/// # Examples
///
/// ```
/// use slotsync::{Lock, LockGuard, Owned, SharedBuffer};
/// use std::sync::Arc;
///
/// let buffer = Arc::new(SharedBuffer::new(4096)?);
/// let lock = Owned::<Lock>::new(buffer, |buffer| Lock::new(buffer, 0))?;
/// let guard = lock.get().lock();
/// drop(guard);
///
/// // A guard that owns its share of the buffer.
/// let guard: Owned<LockGuard> = lock.map(|lock| lock.lock());
/// std::thread::spawn(move || drop(guard)).join().unwrap();
/// assert!(!lock.get().is_locked());
/// # Ok::<(), slotsync::Error>(())
/// ```
pub struct Owned<H: Handle> {
    /// The lifetime is not true: the handle is valid for as long as `buffer` is. `MaybeUninit` tells the compiler not to
    /// rely on the references in it, which could outlive the buffer in the middle of a drop.
    handle: MaybeUninit<H::Over<'static>>,
    buffer: Arc<SharedBuffer>,
}

impl<H: Handle> Owned<H> {
    /// Makes a handle over the buffer, and keeps both.
    ///
    /// # Errors
    ///
    /// Returns the error of `attach`.
    pub fn new<E>(
        buffer: Arc<SharedBuffer>,
        attach: impl for<'buf> FnOnce(&'buf SharedBuffer) -> Result<H::Over<'buf>, E>,
    ) -> Result<Self, E> {
        // SAFETY: the handle is over this buffer, which is kept beside it.
        let handle = unsafe { Self::erase(attach(&buffer)?) };
        Ok(Self { handle, buffer })
    }

    /// Returns the handle, for as long as this is borrowed.
    #[inline]
    pub fn get(&self) -> &H::Over<'_> {
        // `shorten` is generic over the longer lifetime, so it cannot let the handle out as a `'static` one.
        H::shorten(self.handle())
    }

    /// Returns the handle with a lifetime that is not true: for code that is generic over that lifetime.
    #[inline]
    fn handle(&self) -> &H::Over<'static> {
        // SAFETY: it was initialized by `erase`, and only the drop takes it out.
        unsafe { self.handle.assume_init_ref() }
    }

    /// Returns the buffer.
    pub fn buffer(&self) -> &Arc<SharedBuffer> {
        &self.buffer
    }

    /// Makes another handle or a guard from this handle, with a share of its own in the buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Owned, Permit, Semaphore, SharedBuffer};
    /// use std::sync::Arc;
    ///
    /// let buffer = Arc::new(SharedBuffer::new(4)?);
    /// let semaphore = Owned::<Semaphore>::new(buffer, |buffer| Semaphore::initialize(buffer, 0, 1))?;
    /// let permit: Owned<Permit> = semaphore.map(|semaphore| semaphore.permit());
    /// assert_eq!(semaphore.get().permits(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.get().permits(), 1);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    ///
    /// The result may borrow from the buffer, but not from the handle, which can be dropped before it:
    ///
    /// ```compile_fail,E0515
    /// # use slotsync::{Handle, Owned, Slot};
    /// struct Named<'buf>(Slot<'buf>, String);
    /// struct Name<'buf>(&'buf str);
    /// # impl Handle for Named<'_> {
    /// #     type Over<'buf> = Named<'buf>;
    /// #     fn shorten<'short, 'long: 'short>(handle: &'short Named<'long>) -> &'short Named<'short> { handle }
    /// # }
    /// # impl Handle for Name<'_> {
    /// #     type Over<'buf> = Name<'buf>;
    /// #     fn shorten<'short, 'long: 'short>(handle: &'short Name<'long>) -> &'short Name<'short> { handle }
    /// # }
    /// fn name(named: &Owned<Named<'static>>) -> Owned<Name<'static>> {
    ///     named.map(|named| Name(&named.1))
    /// }
    /// ```
    pub fn map<U: Handle>(&self, make: impl for<'buf> FnOnce(Borrowed<'_, 'buf, H>) -> U::Over<'buf>) -> Owned<U> {
        // SAFETY: it is made of a handle over this buffer, which is kept beside it. It borrows from the buffer alone: a
        // `Borrowed` lends the handle for less than `'buf`.
        let handle = unsafe { Owned::<U>::erase(make(Borrowed { owned: self, buffer: PhantomData })) };
        Owned { handle, buffer: Arc::clone(&self.buffer) }
    }

    /// Makes another handle or a guard from this handle, if that succeeds.
    ///
    /// # Errors
    ///
    /// Returns the error of `make`.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{Lock, LockGuard, Owned, SharedBuffer, TimedOut};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let buffer = Arc::new(SharedBuffer::new(4)?);
    /// let lock = Owned::<Lock>::new(buffer, |buffer| Lock::new(buffer, 0))?;
    /// let guard: Owned<LockGuard> = lock.try_map(|lock| lock.lock_for(Duration::from_secs(1)))?;
    /// let late: Result<Owned<LockGuard>, TimedOut> = lock.try_map(|lock| lock.lock_for(Duration::ZERO));
    /// assert!(late.is_err());
    /// # drop(guard);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn try_map<U: Handle, E>(
        &self,
        make: impl for<'buf> FnOnce(Borrowed<'_, 'buf, H>) -> Result<U::Over<'buf>, E>,
    ) -> Result<Owned<U>, E> {
        // SAFETY: as in `map`.
        let handle = unsafe { Owned::<U>::erase(make(Borrowed { owned: self, buffer: PhantomData })?) };
        Ok(Owned { handle, buffer: Arc::clone(&self.buffer) })
    }

    /// Forgets the lifetime of a handle.
    ///
    /// # Safety
    ///
    /// The handle borrows from nothing but the contents of a buffer that is kept beside the result, or from what lives for
    /// ever.
    unsafe fn erase(handle: H::Over<'_>) -> MaybeUninit<H::Over<'static>> {
        let handle = MaybeUninit::new(handle);
        // SAFETY: the two types differ in a lifetime only, so they have one layout. The handle is used as long as the
        // buffer lives, by way of `get`, which never lets out a longer lifetime than that of its borrow.
        unsafe { core::mem::transmute_copy::<MaybeUninit<H::Over<'_>>, _>(&handle) }
    }
}

/// The handle of an [`Owned`], for the closure of [`map`](Owned::map) and [`try_map`](Owned::try_map).
///
/// It lends the handle for less time than `'buf`, so the result of the closure borrows from the buffer alone.
pub struct Borrowed<'a, 'buf, H: Handle> {
    owned: &'a Owned<H>,
    buffer: PhantomData<fn(&'buf ()) -> &'buf ()>,
}

impl<'buf, H: Handle> Deref for Borrowed<'_, 'buf, H> {
    type Target = H::Over<'buf>;

    #[inline]
    fn deref(&self) -> &H::Over<'buf> {
        // SAFETY: the two types differ in a lifetime only. Code that is generic over `'buf` makes nothing of the handle that
        // lives longer than the buffer.
        unsafe { &*core::ptr::from_ref(self.owned.handle()).cast() }
    }
}

impl<H: Handle> Drop for Owned<H> {
    fn drop(&mut self) {
        // SAFETY: it was initialized by `erase`, and nobody uses it afterwards. The buffer is dropped after this.
        unsafe { self.handle.assume_init_drop() };
    }
}

impl<H: Handle> Clone for Owned<H>
where
    for<'buf> H::Over<'buf>: Clone,
{
    fn clone(&self) -> Self {
        // SAFETY: a copy of a handle over this buffer, which is kept beside it.
        let handle = unsafe { Self::erase(self.get().clone()) };
        Self { handle, buffer: Arc::clone(&self.buffer) }
    }
}

impl<H: Handle> fmt::Debug for Owned<H>
where
    for<'buf> H::Over<'buf>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owned").field(self.get()).finish()
    }
}
