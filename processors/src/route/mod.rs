//! Routes: which changes go to billing, Floworx, partners and notification, and which of their
//! fields go along.
//!
//! A route is data ([`RouteSpec`]): a condition on typed fields, a target and an allow-list. It is
//! checked whole when the configuration is loaded ([`Router::new`] names every fault at once) and
//! compiled to accessors, so routing an event looks nothing up by name.
//!
//! ```
//! use processors::route::{RouteSpec, Router};
//!
//! let spec = RouteSpec {
//!     name: "billing-orders".into(),
//!     family: "order".into(),
//!     when: r#"order.state in ["completed", "partial"] and order.total_price.currency == "INR""#.into(),
//!     target: "billing".into(),
//!     partner: None,
//!     fields: vec!["order.id".into(), "order.total_price.amount".into()],
//!     specification: None,
//! };
//! assert!(Router::new(vec![spec.clone()]).is_ok());
//!
//! let wrong = RouteSpec { when: "exists order.prioritty".into(), ..spec };
//! let faults = Router::new(vec![wrong]).unwrap_err();
//! assert_eq!(faults[0].to_string(), r#"route "billing-orders" tests field "order.prioritty", which order does not have"#);
//! assert_eq!(faults[0].help.as_deref(), Some(r#"nearest: "order.priority""#));
//! ```

pub mod condition;
mod defaults;
mod error;
mod fields;
pub mod names;
mod payload;
mod routed;
mod router;
mod spec;
mod subject;
mod value;

#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use defaults::{DEFAULT_ROUTES_TOML, default_routes};
pub(crate) use error::nearest_help;
pub use error::{RouteCode, RouteError, RoutePart, nearest};
pub use fields::{CHANGES, Field, fields};
pub use routed::Routed;
pub use router::Router;
pub use spec::{RouteFamily, RouteSpec, Target};
pub use subject::{EntityView, Subject};
pub use value::{Kind, List, Value};
