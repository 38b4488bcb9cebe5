//! Numbers at any byte of a buffer, in either byte order: ECMAScript's `DataView`, as a handle.
#![forbid(unsafe_code)]

use super::bytes::end_of_range;
use super::typed_array::Uint8Array;
use crate::error::Error;
use crate::memory::SharedBuffer;
use crate::sync::Ordering::Relaxed;
use crate::words::{Elements, Number, handles};
use core::fmt;

/// Numbers of all types at any byte of a range, in the byte order that each call names. Use it for data that another
/// program or a file format has laid out.
///
/// A `DataView` is a `Copy` handle: an offset and a length. Any number of views may overlap, and overlap typed arrays.
///
/// # Examples
///
/// ```
/// use slotsync::SharedBuffer;
/// use slotsync::arrays::DataView;
///
/// let buffer = SharedBuffer::new(64)?;
/// let header = DataView::new(&buffer, 3, 14)?;
/// header.set_be(0, 0xcafe_u16)?;
/// header.set_le(2, -1.5_f64)?;
/// header.set_le(10, 1_u32)?;
/// assert_eq!(header.get_be::<u16>(0)?, 0xcafe);
/// assert_eq!(header.get_le::<f64>(2)?, -1.5);
/// assert_eq!(header.get_be::<u32>(10)?, 0x0100_0000);
/// assert!(header.get_be::<u32>(11).is_err(), "that is beyond the view, though not beyond the buffer");
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// # It can tear
///
/// A number is read and written **byte by byte**, wherever it lies. Each byte is an atomic access by itself, without
/// order, and the number as a whole is not atomic. While another agent writes, a reader may see some bytes from before
/// the write and some from after it, which make a number that no agent wrote. The example program `tearing` shows it.
/// So let a lock, or a flag that says that the number is there, come between the write and the read:
///
/// ```
/// use slotsync::arrays::DataView;
/// use slotsync::{Event, SharedBuffer};
///
/// let buffer = SharedBuffer::new(16)?;
/// let (event, view) = (Event::new(&buffer, 0)?, DataView::rest(&buffer, 4)?);
/// std::thread::scope(|threads| {
///     threads.spawn(move || {
///         view.set_le(1, u64::MAX).unwrap(); // Byte by byte.
///         event.set();
///     });
///     event.wait();
///     assert_eq!(view.get_le::<u64>(1), Ok(u64::MAX)); // All of them.
/// });
/// # Ok::<(), slotsync::Error>(())
/// ```
///
/// Or use an element of a [`TypedArray`](super::TypedArray), which is always whole.
///
/// # Cross-process
///
/// A view works between processes as it does between threads. If a process dies in the middle of a write, some of the
/// bytes are written.
///
/// # Source
///
/// ECMAScript, *DataView Objects*. There, a flag of each call chooses the byte order.
#[derive(Clone, Copy)]
pub struct DataView<'buf> {
    bytes: Uint8Array<'buf>,
}

/// The least significant byte of a number comes first on this machine.
const IS_LITTLE_ENDIAN: bool = u16::from_ne_bytes([1, 0]) == 1;

impl<'buf> DataView<'buf> {
    /// Returns the view of `byte_length` bytes from `byte_offset` on, which may be anywhere in the buffer. Writes
    /// nothing.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the buffer ends before the view does, and [`Error::Unsupported`] in a
    /// loom model, whose atomics cannot overlay bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// assert_eq!(DataView::new(&buffer, 5, 3)?.byte_length(), 3);
    /// let beyond = DataView::new(&buffer, 5, 12).unwrap_err();
    /// assert_eq!(beyond.to_string(), "12 bytes from byte 5 are out of bounds: there are 16 bytes");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(buffer: &'buf SharedBuffer, byte_offset: usize, byte_length: usize) -> Result<Self, Error> {
        end_of_range(byte_offset, byte_length, buffer.byte_length())?;
        Ok(Self { bytes: Uint8Array::new(buffer, byte_offset, byte_length)? })
    }

    /// Returns the view of all bytes from `byte_offset` to the end of the buffer.
    ///
    /// Over a [growable](crate::BufferOptions::max_byte_length) buffer the view tracks the length: it grows as the
    /// buffer grows.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// assert_eq!(DataView::rest(&buffer, 5)?.byte_length(), 11);
    /// assert_eq!(DataView::rest(&buffer, 16)?.byte_length(), 0);
    /// assert!(DataView::rest(&buffer, 17).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn rest(buffer: &'buf SharedBuffer, byte_offset: usize) -> Result<Self, Error> {
        end_of_range(byte_offset, 0, buffer.byte_length())?;
        Ok(Self { bytes: Uint8Array::rest(buffer, byte_offset)? })
    }

    /// Returns the buffer that the bytes are in.
    pub fn buffer(&self) -> &'buf SharedBuffer {
        self.bytes.buffer()
    }

    /// Returns the offset of the view from the start of the buffer, in bytes.
    pub fn byte_offset(&self) -> usize {
        self.bytes.byte_offset()
    }

    /// Returns the number of bytes. If the view tracks the length of its buffer, it may be greater at each call.
    #[inline]
    pub fn byte_length(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the little-endian number at `byte_offset`, counted from the start of the view. Its least significant
    /// byte comes first.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// buffer.write_bytes(1, &[1, 2, 3])?;
    /// assert_eq!(view.get_le::<u16>(1)?, 0x0302);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_le<T: Number>(&self, byte_offset: usize) -> Result<T, Error> {
        self.read::<T>(byte_offset).map(T::from_lowest)
    }

    /// Returns the big-endian number at `byte_offset`, counted from the start of the view. Its most significant byte
    /// comes first, as in network protocols.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// buffer.write_bytes(1, &[1, 2, 3])?;
    /// assert_eq!(view.get_be::<u16>(1)?, 0x0203);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_be<T: Number>(&self, byte_offset: usize) -> Result<T, Error> {
        self.read::<T>(byte_offset).map(reversed::<T>).map(T::from_lowest)
    }

    /// Returns the number at `byte_offset`, counted from the start of the view, in the byte order of the machine, which
    /// a [`TypedArray`](super::TypedArray) has too.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::{DataView, Int32Array};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// Int32Array::new(&buffer, 8, 1)?.set(0, -77)?;
    /// assert_eq!(DataView::rest(&buffer, 3)?.get_ne::<i32>(5)?, -77);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_ne<T: Number>(&self, byte_offset: usize) -> Result<T, Error> {
        if IS_LITTLE_ENDIAN { self.get_le(byte_offset) } else { self.get_be(byte_offset) }
    }

    /// Writes a number at `byte_offset`, its least significant byte first. Wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// view.set_le(2, 0x0102_0304)?;
    /// let mut bytes = [0; 4];
    /// buffer.read_bytes(3, &mut bytes)?;
    /// assert_eq!(bytes, [4, 3, 2, 1]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn set_le<T: Number>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        self.write::<T>(byte_offset, T::into_lowest(value))
    }

    /// Writes a number at `byte_offset`, its most significant byte first. Wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// view.set_be(2, 0x0102_0304)?;
    /// let mut bytes = [0; 4];
    /// buffer.read_bytes(3, &mut bytes)?;
    /// assert_eq!(bytes, [1, 2, 3, 4]);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn set_be<T: Number>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        self.write::<T>(byte_offset, reversed::<T>(T::into_lowest(value)))
    }

    /// Writes a number at `byte_offset`, in the byte order of the machine. Wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view ends before the number does. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// view.set_ne(2, 0.5_f32)?;
    /// let mut bytes = [0; 4];
    /// buffer.read_bytes(3, &mut bytes)?;
    /// assert_eq!(bytes, 0.5_f32.to_ne_bytes());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn set_ne<T: Number>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        if IS_LITTLE_ENDIAN { self.set_le(byte_offset, value) } else { self.set_be(byte_offset, value) }
    }

    /// Reads as many bytes as `bytes` has room for, from `byte_offset` on, counted from the start of the view.
    /// Otherwise it does the same as [`SharedBuffer::read_bytes`], and can tear in the same way.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if the view has too few bytes, even if the buffer has more. Then nothing was
    /// written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let message = DataView::new(&buffer, 3, 20)?;
    /// message.set_be(0, 5_u16)?;
    /// message.write_bytes(2, b"hello")?;
    /// // A reader trusts no length: one that is too great is an error.
    /// let mut text = vec![0; message.get_be::<u16>(0)?.into()];
    /// message.read_bytes(2, &mut text)?;
    /// assert_eq!(text, b"hello");
    /// assert!(message.read_bytes(16, &mut text).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn read_bytes(&self, byte_offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.buffer().read_bytes(self.start_of(byte_offset, bytes.len())?, bytes)
    }

    /// Writes these bytes, from `byte_offset` on, counted from the start of the view. Otherwise it does the same as
    /// [`SharedBuffer::write_bytes`]. Wakes nobody.
    ///
    /// # Errors
    ///
    /// Returns [`Error::BytesOutOfBounds`] if they do not all fit into the view. Then nothing was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::SharedBuffer;
    /// use slotsync::arrays::DataView;
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::new(&buffer, 2, 3)?;
    /// view.write_bytes(1, &[7, 8])?;
    /// assert_eq!(view.get_le::<u16>(1)?, 0x0807);
    /// let beyond = view.write_bytes(2, &[7, 8]).unwrap_err();
    /// assert_eq!(beyond.to_string(), "2 bytes from byte 2 are out of bounds: there are 3 bytes");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn write_bytes(&self, byte_offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.buffer().write_bytes(self.start_of(byte_offset, bytes.len())?, bytes)
    }

    /// Returns the number in the lowest bits, as if it were little-endian.
    #[inline]
    fn read<T: Number>(&self, byte_offset: usize) -> Result<u64, Error> {
        let mut bytes = [0; size_of::<u64>()];
        // Relaxed, here and below: plain access orders nothing.
        let places = self.bytes_of::<T>(byte_offset)?.iter().zip(&mut bytes);
        places.for_each(|(place, byte)| *byte = place.load(Relaxed));
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes the number in the lowest bits, as if it were little-endian.
    #[inline]
    fn write<T: Number>(&self, byte_offset: usize, number: u64) -> Result<(), Error> {
        let places = self.bytes_of::<T>(byte_offset)?.iter().zip(number.to_le_bytes());
        places.for_each(|(place, byte)| place.store(byte, Relaxed));
        Ok(())
    }

    /// Returns the bytes of one number.
    #[inline]
    fn bytes_of<T: Number>(&self, byte_offset: usize) -> Result<Elements<'buf, u8>, Error> {
        let (bytes, count) = (self.bytes.elements_now(), size_of::<T>());
        let end = end_of_range(byte_offset, count, bytes.len())?;
        bytes.range(byte_offset..end).ok_or(Error::BytesOutOfBounds { byte_offset, count, bytes: bytes.len() })
    }

    /// Returns the offset in the buffer of `count` bytes of the view.
    fn start_of(&self, byte_offset: usize, count: usize) -> Result<usize, Error> {
        end_of_range(byte_offset, count, self.byte_length())?;
        Ok(self.byte_offset() + byte_offset)
    }
}

/// Reverses the bytes of a number in the lowest bits.
#[inline]
fn reversed<T: Number>(number: u64) -> u64 {
    number.swap_bytes() >> (8 * (size_of::<u64>() - size_of::<T>()))
}

handles! { DataView }

/// Shows offset and length, but no bytes.
impl fmt::Debug for DataView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataView")
            .field("byte_offset", &self.byte_offset())
            .field("byte_length", &self.byte_length())
            .finish()
    }
}

static_assertions::assert_impl_all!(DataView<'static>: Copy, Send, Sync);
