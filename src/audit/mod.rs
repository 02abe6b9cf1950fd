//! What was done.
