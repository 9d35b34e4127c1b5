//! CRC-64/NVME: the checksum of every frame and body, and Azure's `x-ms-content-crc64`.

use crc_fast::{CrcAlgorithm, Digest};

/// The reflected polynomial.
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;
/// x^0 and x^8 in reflected order: the highest bit is the lowest power.
const ONE: u64 = 1 << 63;
const ONE_BYTE: u64 = 1 << 55;

/// The checksum of content that comes in parts.
#[derive(Debug)]
pub struct Crc64(Digest);

impl Default for Crc64 {
    fn default() -> Self {
        Self(digest())
    }
}

impl Crc64 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finalize(&self) -> u64 {
        self.0.finalize()
    }
}

pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

pub fn digest() -> Digest {
    Digest::new(CrcAlgorithm::Crc64Nvme)
}

/// The checksum of two sequences one after the other, from the checksum of each and the length of the second.
///
/// The library has this too, at some 30 us a call: a list of 50,000 blocks would hold the catalog's writer for more than a second.
pub fn join(first: u64, second: u64, second_bytes: u64) -> u64 {
    multiply(shift(second_bytes), first) ^ second
}

/// The checksum of many sequences one after the other. Most are as long as the one before: what a length does to all that came before it is
/// worked out once.
#[derive(Debug)]
pub struct Joined {
    crc64: u64,
    bytes: u64,
    shift: u64,
}

impl Default for Joined {
    fn default() -> Self {
        Self { crc64: crc64(b""), bytes: 0, shift: ONE }
    }
}

impl Joined {
    pub fn add(&mut self, crc64: u64, bytes: u64) {
        if self.bytes != bytes {
            (self.bytes, self.shift) = (bytes, shift(bytes));
        }
        self.crc64 = multiply(self.shift, self.crc64) ^ crc64;
    }

    pub fn finalize(&self) -> u64 {
        self.crc64
    }
}

/// x^(8 * bytes) modulo the polynomial.
fn shift(mut bytes: u64) -> u64 {
    let (mut result, mut power) = (ONE, ONE_BYTE);
    while bytes != 0 {
        if bytes & 1 == 1 {
            result = multiply(result, power);
        }
        power = multiply(power, power);
        bytes >>= 1;
    }
    result
}

fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    for bit in (0..64).rev() {
        if a >> bit & 1 == 1 {
            product ^= b;
        }
        b = b >> 1 ^ (if b & 1 == 1 { POLYNOMIAL } else { 0 });
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_the_one_that_the_catalogue_of_crcs_lists() {
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    }

    proptest! {
        #[test]
        fn joined_checksums_are_those_of_the_whole(first: Vec<u8>, second: Vec<u8>) {
            let whole = [first.as_slice(), &second].concat();
            prop_assert_eq!(join(crc64(&first), crc64(&second), second.len() as u64), crc64(&whole));
        }

        #[test]
        fn many_are_joined_as_one_after_the_other(parts in prop::collection::vec((any::<u64>(), 0..4u64), 0..9)) {
            let mut joined = Joined::default();
            parts.iter().for_each(|(crc64, bytes)| joined.add(*crc64, *bytes));
            let one_by_one = parts.iter().fold(crc64(b""), |all, (crc64, bytes)| join(all, *crc64, *bytes));
            prop_assert_eq!(joined.finalize(), one_by_one);
        }

        #[test]
        fn joining_agrees_with_the_library_at_any_length(first: u64, second: u64, bytes in 0..1u64 << 44) {
            let library = crc_fast::checksum_combine(CrcAlgorithm::Crc64Nvme, first, second, bytes);
            prop_assert_eq!(join(first, second, bytes), library);
        }
    }
}
