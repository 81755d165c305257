//! The teaching service.

pub mod alerts;
pub mod live;
pub mod page;
