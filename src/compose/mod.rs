//! Findings into a brief. The findings' own sentences, in an order and a length that the reader can take in
//! within a minute. A model chooses within bounds (`select`); it words nothing.

mod notice;
mod plan;
mod select;
mod words;

pub use notice::{Notice, missed, not_reached, notice, quiet_days, too_late};
pub use plan::{Inputs, add_notices, compose};
pub use select::{Plain, Prompt, Sight, Why, can_be_selected, plain, prompt, select};

#[cfg(test)]
mod select_tests;
#[cfg(test)]
mod tests;
