//! The audience.
