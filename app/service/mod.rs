//! The teaching service.
