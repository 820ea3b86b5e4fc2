//! Changes inputs, by a sequence of numbers that is the same for the same seed.

/// Numbers that are where things break.
const NUMBERS: &[u64] =
    &[0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX, 1 << 63];
/// Longest that an input grows to.
const BYTES_MAX: usize = 64 * 1024;

/// A source of mutations (xorshift64*, Vigna 2016).
pub(in crate::hostile) struct Mutator(u64);

impl Mutator {
    pub(in crate::hostile) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number.
    pub(in crate::hostile) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below a bound, or 0.
    pub(in crate::hostile) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }

    /// Returns one of the pool with one to eight changes.
    pub(super) fn mutated(&mut self, pool: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
        let at = self.below(pool.len());
        let mut input = pool[at].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, pool, words);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str]) {
        let at = self.below(input.len() + 1);
        let some = self.below(16);
        match self.below(10) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << (some % 8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = (self.next() >> 56) as u8;
                }
            }
            2 => drop(input.drain(at..(at + some).min(input.len()))),
            3 => self.put(input, at, &[(some as u8).wrapping_mul(17)].repeat(some)),
            4 => input.truncate(at),
            5 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                let bytes = &number[..1 << (some % 4)];
                let end = (at + bytes.len()).min(input.len());
                input.splice(at..end, bytes.iter().copied());
            }
            // A part of its own, once more, somewhere else.
            6 => {
                let from = self.below(input.len() + 1);
                let until = (from + self.below(64)).min(input.len());
                let part = input[from..until].to_vec();
                self.put(input, at, &part);
            }
            7 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_string();
                self.put(input, at, number.as_bytes());
            }
            // The rest of another one.
            8 => {
                let other = &pool[self.below(pool.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ if !words.is_empty() => {
                let word = words[self.below(words.len())];
                self.put(input, at, word.as_bytes());
            }
            _ => {}
        }
    }

    fn put(&mut self, input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
        input.splice(at..at, bytes.iter().copied());
    }
}
