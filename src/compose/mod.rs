//! Findings into a brief. What stands here is the wording without a model: the findings' own sentences, in an order
//! and a length that the reader can take in within a minute.

mod form;
mod ground;
mod notice;
mod plan;
mod word;
mod words;

pub use form::Form;
pub use notice::{Notice, missed, not_reached, notice, quiet_days, too_late};
pub use plan::{Inputs, add_notices, compose};
pub use word::{Plain, Prompt, Sight, Why, can_be_worded, plain, prompt, word};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod word_tests;
