//! Findings into a brief. What stands here is the wording without a model: the findings' own sentences, in an order
//! and a length that the reader can take in within a minute.

mod notice;
mod plan;

pub use notice::{Notice, notice};
pub use plan::{Inputs, compose};

#[cfg(test)]
mod tests;
