//! What [`prometheus_client`] lacks for a service that is to be measured exactly:
//!
//! - a lock-free [`Histogram`] that is classic and native at once, with exemplars;
//! - created timestamps, of the histogram and of a [`Counter`], and [`LateBorn`] for
//!   families whose series are born with their first event;
//! - [`GaugeFunc`] and [`CounterFunc`], whose values are asked for at a scrape, and
//!   [`EncodeFamily`] for collectors;
//! - the three formats that a scrape may ask for, and their negotiation
//!   ([`exposition`]).
//!
//! Gauges, families, the registry and the model are `prometheus_client`'s.
//! Knows no HTTP, no socket, no role and no metric's meaning.
//!
//! ```
//! use golden_metrics::{Buckets, Counter, Histogram, exposition::Format, gather};
//! use prometheus_client::metrics::family::Family;
//! use prometheus_client::registry::Registry;
//!
//! let mut registry = Registry::default();
//! let orders = Family::<[(&str, &str); 1], Counter>::default();
//! let seconds = Histogram::new(&Buckets::new(&[0.1, 0.5, 1.0]));
//! registry.register("orders", "Orders taken", orders.clone());
//! registry.register("order_seconds", "Time that an order took", seconds.clone());
//!
//! // Resolved once, counted often: no lock, no allocation.
//! let paid = orders.get_or_create_owned(&[("state", "paid")]);
//! paid.inc();
//! seconds.observe(0.25, None);
//!
//! let format = Format::negotiate("text/plain; version=0.0.4");
//! let body = String::from_utf8(format.encode(&gather(&registry)?))?;
//! assert!(body.contains("orders_total{state=\"paid\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attachments;
mod collector;
mod counter;
pub mod exposition;
mod function;
mod gather;
mod histogram;
mod late_born;

pub use collector::{EncodeFamily, NO_LABELS, Traced};
pub use counter::Counter;
pub use function::{CounterFunc, GaugeFunc};
pub use gather::gather;
pub use histogram::{Buckets, Histogram};
pub use late_born::{LateBorn, created_before};
/// Prometheus' own model of a scrape, `io.prometheus.client`.
pub use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;
