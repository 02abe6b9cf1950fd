//! All integration tests in one binary, a file per capability. What needs a real server reads its address from the
//! environment (`tests/run` sets it); see `support::peer`.

mod layers;
