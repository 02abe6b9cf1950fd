//! How fast.
fn main(){}
