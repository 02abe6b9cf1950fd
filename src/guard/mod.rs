//! The door out: a channel takes only [`Cleared`] content, and only this module makes it.

/// Content that may leave. It cannot be copied and is consumed by sending it.
#[derive(Debug)]
#[must_use = "cleared content that is not sent was cleared in vain"]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// The content, to send it.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The content, to look at it.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Content that nobody has looked at, for unit tests of what consumes it.
    #[cfg(test)]
    pub fn for_test(content: T) -> Self {
        Self(content)
    }
}
