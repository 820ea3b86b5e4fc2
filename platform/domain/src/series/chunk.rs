//! Chunks as bytes. The first byte names the format; what it does not know a reader refuses.
//!
//! Times are differences of differences, so a regular series costs one byte a sample. Values that are decimal fractions are
//! kept as differences of whole numbers, all others as what differs from the value before, bit by bit (as in Gorilla, VLDB 2015,
//! section 4.1.2, in whole bytes). Every value comes back bit for bit.

use super::CHUNK_SAMPLES_MAX;
use super::points::{Bucket, Point};
use crate::time::UnixMs;

const RAW_1: u8 = 1;
const BUCKETS_1: u8 = 2;
const VALUES_BITS: u8 = 0xff;
/// Values are tried as whole numbers of 10^-0 to 10^-DECIMALS_MAX.
const DECIMALS_MAX: u8 = 4;
/// Larger whole numbers are not exact in a double.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Why bytes are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadChunk {
    #[error("the chunk has format {0}, which this version does not read")]
    Format(u8),
    #[error("the chunk ends too early")]
    Short,
    #[error("the chunk holds a number out of bounds")]
    Bounds,
}

/// Writes the samples of a chunk, which are in the order of time.
pub fn write_points(start: UnixMs, points: &[Point]) -> Vec<u8> {
    let mut out = vec![RAW_1];
    unsigned(&mut out, points.len() as u64);
    let times: Vec<i64> = points.iter().map(|p| p.at.0.wrapping_sub(start.0)).collect();
    write_regular(&mut out, &times);
    let values: Vec<f64> = points.iter().map(|p| p.value).collect();
    write_values(&mut out, &values);
    out
}

/// Reads the samples of a chunk.
pub fn read_points(start: UnixMs, bytes: &[u8]) -> Result<Vec<Point>, BadChunk> {
    let mut input = Reader { rest: bytes };
    let count = input.head(RAW_1)?;
    let times = input.regular(count)?;
    let values = input.values(count)?;
    Ok(times.into_iter().zip(values).map(|(at, value)| Point { at: UnixMs(start.0.wrapping_add(at)), value }).collect())
}

/// Writes the buckets of a chunk, which are in the order of time.
pub fn write_buckets(start: UnixMs, resolution_ms: u64, buckets: &[Bucket]) -> Vec<u8> {
    let mut out = vec![BUCKETS_1];
    unsigned(&mut out, buckets.len() as u64);
    let resolution = resolution_ms.max(1).cast_signed();
    let places: Vec<i64> = buckets.iter().map(|b| b.start.0.wrapping_sub(start.0) / resolution).collect();
    write_regular(&mut out, &places);
    let counts: Vec<i64> = buckets.iter().map(|b| b.count.cast_signed()).collect();
    write_regular(&mut out, &counts);
    for column in [|b: &Bucket| b.min, |b: &Bucket| b.max, |b: &Bucket| b.sum] {
        let values: Vec<f64> = buckets.iter().map(column).collect();
        write_values(&mut out, &values);
    }
    out
}

/// Reads the buckets of a chunk.
pub fn read_buckets(start: UnixMs, resolution_ms: u64, bytes: &[u8]) -> Result<Vec<Bucket>, BadChunk> {
    let mut input = Reader { rest: bytes };
    let length = input.head(BUCKETS_1)?;
    let (places, counts) = (input.regular(length)?, input.regular(length)?);
    let (mins, maxs, sums) = (input.values(length)?, input.values(length)?, input.values(length)?);
    let resolution = resolution_ms.cast_signed();
    let columns = places.into_iter().zip(counts).zip(mins).zip(maxs).zip(sums);
    Ok(columns
        .map(|((((place, count), min), max), sum)| Bucket {
            start: UnixMs(start.0.wrapping_add(place.wrapping_mul(resolution))),
            min,
            max,
            sum,
            count: count.cast_unsigned(),
        })
        .collect())
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign in few bytes.
fn signed(out: &mut Vec<u8>, value: i64) {
    unsigned(out, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
}

fn write_regular(out: &mut Vec<u8>, values: &[i64]) {
    let (mut before, mut step) = (0_i64, 0_i64);
    for value in values {
        let next = value.wrapping_sub(before);
        signed(out, next.wrapping_sub(step));
        (before, step) = (*value, next);
    }
}

fn write_values(out: &mut Vec<u8>, values: &[f64]) {
    let decimals = (0..=DECIMALS_MAX).find_map(|decimals| Some((decimals, wholes(values, decimals)?)));
    let Some((decimals, wholes)) = decimals else {
        out.push(VALUES_BITS);
        return write_bits(out, values);
    };
    out.push(decimals);
    let mut before = 0_i64;
    for whole in wholes {
        signed(out, whole.wrapping_sub(before));
        before = whole;
    }
}

/// Returns the values as whole numbers of so many decimals, if every one of them comes back bit for bit.
fn wholes(values: &[f64], decimals: u8) -> Option<Vec<i64>> {
    let scale = 10_f64.powi(i32::from(decimals));
    let whole = |value: &f64| {
        let scaled = (value * scale).round();
        let exact = scaled.abs() < WHOLE_MAX && (scaled / scale).to_bits() == value.to_bits();
        // -0 is a whole number with another sign bit.
        (exact && !(scaled == 0.0 && value.is_sign_negative())).then_some(scaled as i64)
    };
    values.iter().map(whole).collect()
}

fn write_bits(out: &mut Vec<u8>, values: &[f64]) {
    let mut before = 0_u64;
    for value in values {
        let differs = value.to_bits() ^ before;
        before = value.to_bits();
        let (leading, trailing) = (differs.leading_zeros() / 8, (differs.trailing_zeros() / 8).min(7));
        if differs == 0 {
            out.push(0x80);
            continue;
        }
        out.push((leading as u8) << 4 | trailing as u8);
        let bytes = differs.to_be_bytes();
        out.extend_from_slice(&bytes[leading as usize..8 - trailing as usize]);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn head(&mut self, format: u8) -> Result<usize, BadChunk> {
        let found = self.byte()?;
        if found != format {
            return Err(BadChunk::Format(found));
        }
        let count = usize::try_from(self.unsigned()?).map_err(|_| BadChunk::Bounds)?;
        if count > CHUNK_SAMPLES_MAX { Err(BadChunk::Bounds) } else { Ok(count) }
    }

    fn byte(&mut self) -> Result<u8, BadChunk> {
        let (first, rest) = self.rest.split_first().ok_or(BadChunk::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    fn unsigned(&mut self) -> Result<u64, BadChunk> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(BadChunk::Bounds);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BadChunk::Bounds)
    }

    fn signed(&mut self) -> Result<i64, BadChunk> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    fn regular(&mut self, count: usize) -> Result<Vec<i64>, BadChunk> {
        let (mut before, mut step) = (0_i64, 0_i64);
        (0..count)
            .map(|_| {
                step = step.wrapping_add(self.signed()?);
                before = before.wrapping_add(step);
                Ok(before)
            })
            .collect()
    }

    fn values(&mut self, count: usize) -> Result<Vec<f64>, BadChunk> {
        let decimals = self.byte()?;
        if decimals == VALUES_BITS {
            return self.bits(count);
        }
        if decimals > DECIMALS_MAX {
            return Err(BadChunk::Format(decimals));
        }
        let (scale, mut before) = (10_f64.powi(i32::from(decimals)), 0_i64);
        (0..count)
            .map(|_| {
                before = before.wrapping_add(self.signed()?);
                Ok(before as f64 / scale)
            })
            .collect()
    }

    fn bits(&mut self, count: usize) -> Result<Vec<f64>, BadChunk> {
        let mut before = 0_u64;
        (0..count)
            .map(|_| {
                let head = self.byte()?;
                let (leading, trailing) = (usize::from(head >> 4), usize::from(head & 0x0f));
                if leading + trailing > 8 {
                    return Err(BadChunk::Bounds);
                }
                let mut bytes = [0; 8];
                for place in &mut bytes[leading..8 - trailing] {
                    *place = self.byte()?;
                }
                before ^= u64::from_be_bytes(bytes);
                Ok(f64::from_bits(before))
            })
            .collect()
    }
}
