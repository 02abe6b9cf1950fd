//! All integration tests in one binary, a file per capability. They drive the built program as a person would.

mod layers;
mod northwind;
mod program;
