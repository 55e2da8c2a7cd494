//! What `plumb` knows that its tests, and the tests of the template, use as well.

pub mod pattern;
