//! Models: one trait, an adapter per wire. Every call consumes a [`Reservation`](crate::limits::Reservation).
