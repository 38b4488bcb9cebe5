//! Numbers at any byte of a buffer, in either byte order: ECMAScript's view of them, as a handle.
#![forbid(unsafe_code)]

use crate::buffer::SharedBuffer;
use crate::bytes::end_of_range;
use crate::element::Element;
use crate::error::Error;
use crate::typed_array::Uint8Array;
use core::fmt;

/// Numbers of all types at any byte of a range, in the byte order that each call names: for what another program, or a
/// format, has laid out.
///
/// A `DataView` is a `Copy` handle: an offset and a length. Any number of them may overlap, and overlap typed arrays.
///
/// # Examples
///
/// ```
/// use slotsync::{DataView, SharedBuffer};
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
/// A number is read and written **byte by byte**, wherever it lies. Each byte is an atomic access by itself, without order,
/// and the number is not: who reads while another agent writes may see some bytes from before and some from after, which
/// make a number that nobody wrote. The example program `tearing` shows it. So let a lock, or whatever says that the
/// number is there, come between the write and the read:
///
/// ```
/// use slotsync::{DataView, Event, SharedBuffer};
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
/// Or take an element of a [`TypedArray`](crate::TypedArray), which is always whole. To race for the same bytes by a view and
/// by longer elements or slots is an [access of two sizes](crate::TypedArray#overlapping-accesses-of-two-sizes).
///
/// # Cross-process
///
/// As between threads. A writer that dies in the midst leaves what it wrote.
///
/// # Source
///
/// ECMAScript, *DataView Objects*. There, one flag says which byte order.
#[derive(Clone, Copy)]
pub struct DataView<'buf> {
    bytes: Uint8Array<'buf>,
}

/// Does this machine have the least significant byte first?
const IS_LITTLE_ENDIAN: bool = u16::from_ne_bytes([1, 0]) == 1;

impl<'buf> DataView<'buf> {
    /// The view of `byte_length` bytes from `byte_offset` on, which may be anywhere in the buffer. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the buffer ends before the view does. [`Error::Unsupported`]: in a loom model, whose
    /// atomics cannot overlay bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// assert_eq!(DataView::new(&buffer, 5, 3)?.byte_length(), 3);
    /// let beyond = DataView::new(&buffer, 5, 12).unwrap_err();
    /// assert_eq!(beyond.to_string(), "12 bytes from byte 5 on were asked for, but there are 16 bytes");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn new(buffer: &'buf SharedBuffer, byte_offset: usize, byte_length: usize) -> Result<Self, Error> {
        end_of_range(byte_offset, byte_length, buffer.byte_length())?;
        Ok(Self { bytes: Uint8Array::new(buffer, byte_offset, byte_length)? })
    }

    /// The view of all bytes from `byte_offset` to the end of the buffer. Over a [growable](SharedBuffer::growable) one it
    /// tracks the length: as the buffer grows, the view does.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
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

    /// The buffer that the bytes are in.
    pub fn buffer(&self) -> &'buf SharedBuffer {
        self.bytes.buffer()
    }

    /// How many bytes after the start of the buffer the view begins.
    pub fn byte_offset(&self) -> usize {
        self.bytes.byte_offset()
    }

    /// How many bytes there are. If the view tracks the length of its buffer, there may be more at each call.
    #[inline]
    pub fn byte_length(&self) -> usize {
        self.bytes.len()
    }

    /// The number whose least significant byte is the one at `byte_offset`, counted from the start of the view:
    /// little-endian.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// buffer.write_bytes(1, &[1, 2, 3])?;
    /// assert_eq!(view.get_le::<u16>(1)?, 0x0302);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_le<T: Element>(&self, byte_offset: usize) -> Result<T, Error> {
        self.read::<T>(byte_offset).map(T::from_little_endian)
    }

    /// The number whose most significant byte is the one at `byte_offset`, counted from the start of the view: big-endian,
    /// as on the wire.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::rest(&buffer, 1)?;
    /// buffer.write_bytes(1, &[1, 2, 3])?;
    /// assert_eq!(view.get_be::<u16>(1)?, 0x0203);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_be<T: Element>(&self, byte_offset: usize) -> Result<T, Error> {
        self.read::<T>(byte_offset).map(reversed::<T>).map(T::from_little_endian)
    }

    /// The number at `byte_offset`, counted from the start of the view, in the byte order of the machine: as a
    /// [`TypedArray`](crate::TypedArray) has it.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, Int32Array, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// Int32Array::new(&buffer, 8, 1)?.set(0, -77)?;
    /// assert_eq!(DataView::rest(&buffer, 3)?.get_ne::<i32>(5)?, -77);
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    #[inline]
    pub fn get_ne<T: Element>(&self, byte_offset: usize) -> Result<T, Error> {
        if IS_LITTLE_ENDIAN { self.get_le(byte_offset) } else { self.get_be(byte_offset) }
    }

    /// Writes a number whose least significant byte is to be the one at `byte_offset`. Wakes nobody.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
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
    pub fn set_le<T: Element>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        self.write::<T>(byte_offset, T::into_little_endian(value))
    }

    /// Writes a number whose most significant byte is to be the one at `byte_offset`. Wakes nobody.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
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
    pub fn set_be<T: Element>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        self.write::<T>(byte_offset, reversed::<T>(T::into_little_endian(value)))
    }

    /// Writes a number in the byte order of the machine. Wakes nobody.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before the number does. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
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
    pub fn set_ne<T: Element>(&self, byte_offset: usize, value: T) -> Result<(), Error> {
        if IS_LITTLE_ENDIAN { self.set_le(byte_offset, value) } else { self.set_be(byte_offset, value) }
    }

    /// Reads as many bytes as there is room for, from `byte_offset` on, counted from the start of the view: what is no number,
    /// such as a text. Otherwise as [`SharedBuffer::read_bytes`], with what can tear there.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before, though the buffer be longer. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(64)?;
    /// let message = DataView::new(&buffer, 3, 20)?;
    /// message.set_be(0, 5_u16)?;
    /// message.write_bytes(2, b"hello")?;
    /// // Who reads believes no length: one that is too great is an error.
    /// let mut text = vec![0; message.get_be::<u16>(0)?.into()];
    /// message.read_bytes(2, &mut text)?;
    /// assert_eq!(text, b"hello");
    /// assert!(message.read_bytes(16, &mut text).is_err());
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn read_bytes(&self, byte_offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.buffer().read_bytes(self.start_of(byte_offset, bytes.len())?, bytes)
    }

    /// Writes these bytes, from `byte_offset` on, counted from the start of the view. Otherwise as
    /// [`SharedBuffer::write_bytes`]. Wakes nobody.
    ///
    /// # Errors
    ///
    /// [`Error::BytesOutOfBounds`]: the view ends before they do. Nothing is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use slotsync::{DataView, SharedBuffer};
    ///
    /// let buffer = SharedBuffer::new(16)?;
    /// let view = DataView::new(&buffer, 2, 3)?;
    /// view.write_bytes(1, &[7, 8])?;
    /// assert_eq!(view.get_le::<u16>(1)?, 0x0807);
    /// let beyond = view.write_bytes(2, &[7, 8]).unwrap_err();
    /// assert_eq!(beyond.to_string(), "2 bytes from byte 2 on were asked for, but there are 3 bytes");
    /// # Ok::<(), slotsync::Error>(())
    /// ```
    pub fn write_bytes(&self, byte_offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.buffer().write_bytes(self.start_of(byte_offset, bytes.len())?, bytes)
    }

    fn read<T: Element>(&self, byte_offset: usize) -> Result<T::Bytes, Error> {
        let mut bytes = T::Bytes::default();
        self.place::<T>(byte_offset)?.copy_to(0, bytes.as_mut())?;
        Ok(bytes)
    }

    fn write<T: Element>(&self, byte_offset: usize, bytes: T::Bytes) -> Result<(), Error> {
        self.place::<T>(byte_offset)?.copy_from(0, bytes.as_ref())
    }

    /// The bytes of one number.
    fn place<T: Element>(&self, byte_offset: usize) -> Result<Uint8Array<'buf>, Error> {
        let end = end_of_range(byte_offset, size_of::<T>(), self.byte_length())?;
        self.bytes.subarray(byte_offset..end)
    }

    /// Where so many bytes of the view begin in the buffer.
    fn start_of(&self, byte_offset: usize, count: usize) -> Result<usize, Error> {
        end_of_range(byte_offset, count, self.byte_length())?;
        Ok(self.byte_offset() + byte_offset)
    }
}

fn reversed<T: Element>(mut bytes: T::Bytes) -> T::Bytes {
    bytes.as_mut().reverse();
    bytes
}

/// Says offset and length, and nothing of the bytes.
impl fmt::Debug for DataView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataView")
            .field("byte_offset", &self.byte_offset())
            .field("byte_length", &self.byte_length())
            .finish()
    }
}

static_assertions::assert_impl_all!(DataView<'static>: Copy, Send, Sync);
