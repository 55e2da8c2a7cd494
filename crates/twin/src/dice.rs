//! Chance that comes out the same every time.

/// Dice with a seed.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    sides: u64,
}

impl Dice {
    /// Falls once in so many throws, on average.
    pub fn new(seed: u64, sides: u64) -> Self {
        Self { state: seed, sides: sides.max(1) }
    }

    /// Whether this throw falls.
    pub fn fall(&mut self) -> bool {
        self.throw().is_multiple_of(self.sides)
    }

    /// Heads or tails.
    pub fn odd(&mut self) -> bool {
        self.throw() % 2 == 1
    }

    /// `SplitMix64`: small, and good enough to spread faults.
    fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
