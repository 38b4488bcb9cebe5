//! Odd inputs that are made from a seed: out of range, negative, fractions, infinities, NaN, numbers that overflow or
//! do not fit a float.

use super::javascript::Input;

/// Steele, Lea and Flood's SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Near a power of two, of either sign, or small.
    pub(crate) fn edge(&mut self, bits: usize) -> i128 {
        let power = 1_i128 << self.below(bits);
        let sign = self.one_of(&[1, 1, -1]);
        sign * self.one_of(&[power, power - 1, power + 1, power / 3, 0, 1, 2])
    }

    pub(crate) fn odd_number(&mut self) -> Input {
        let fraction = self.one_of(&[0.0, 0.0, 0.0, 0.5, -0.25, 0.999]);
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-9, 1e300, -1e25];
        Input::Number(match self.below(12) {
            0 => self.one_of(&special),
            1..=3 => self.next() as i32 as f64,
            _ => self.edge(64) as f64 + fraction,
        })
    }

    /// Where floats are special, and where a double lies between two floats of 32 bits, or beyond the greatest.
    pub(crate) fn odd_float(&mut self) -> Input {
        let special = [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-310];
        let narrow = f64::from(f32::from_bits(self.next() as u32));
        // Subnormal as a float of 32 bits, or almost infinite.
        let extreme = f64::from(f32::from_bits(self.next() as u32 & 0x807f_ffff | self.one_of(&[0, 0x7f00_0000])));
        // Half way to the next float of 32 bits, or a double's last place beside that.
        let between = |float: f64, nudge: u64| f64::from_bits((float.to_bits() | 0x1000_0000).wrapping_add(nudge));
        Input::Number(match self.below(8) {
            0 => self.one_of(&special),
            1 => f64::from_bits(self.next()),
            2 => narrow,
            3 => extreme,
            4 => between(narrow, self.one_of(&[0, 1, u64::MAX])),
            5 => between(f64::from(f32::MAX), self.one_of(&[0, 1, u64::MAX])),
            6 => f64::from(f32::from_bits(1)) * self.one_of(&[0.5, 0.500_000_1, 0.25, 1.5, 2.5, -0.5, -1.5]),
            _ => return self.odd_number(),
        })
    }

    /// An index of an array of this length, mostly.
    pub(crate) fn index(&mut self, length: usize) -> Input {
        match self.below(8) {
            0 => self.odd_number(),
            1 => Input::Number(self.below(length + 3) as f64 + self.one_of(&[-1.0, -0.5, 0.5, 0.999])),
            _ => Input::Number(self.below(length + 1) as f64),
        }
    }

    /// Where a view begins, and how many elements it has, in this number of bytes, mostly; now and then, all the rest.
    pub(crate) fn place(&mut self, bytes: usize, size: usize, rests: usize) -> [Input; 2] {
        let offset = match self.below(40) {
            0 => self.odd_number(),
            1 => Input::Undefined,
            2..4 => Input::Number(self.below(bytes + 20) as f64),
            _ => Input::Number((size * self.below(bytes / size + 1)) as f64 + self.one_of(&[0.0, 0.0, 0.0, 0.5])),
        };
        if self.below(rests) == 0 {
            return [offset, Input::Undefined];
        }
        let left = bytes.saturating_sub(offset.number() as usize) / size;
        let length = match self.below(40) {
            0 => self.odd_number(),
            1..3 => Input::Number(self.below(bytes) as f64),
            _ => Input::Number(self.below(left + 1) as f64 + self.one_of(&[0.0, 0.0, 0.0, 0.75])),
        };
        [offset, length]
    }

    /// Where a part of such an array begins or ends.
    pub(crate) fn position(&mut self, length: usize) -> Input {
        match self.below(8) {
            0..3 => Input::Number(-(self.below(length + 3) as f64) - self.one_of(&[0.0, 0.5])),
            _ => self.index(length),
        }
    }
}
