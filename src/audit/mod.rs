//! What was done: append-only, hash-chained, written before the effect is visible.
