//! The routes that a new configuration starts with.

use super::RouteSpec;

/// The routes that a new configuration starts with, as they stand in it.
pub const DEFAULT_ROUTES_TOML: &str = include_str!("defaults.toml");

/// [`DEFAULT_ROUTES_TOML`], read.
pub fn default_routes() -> Vec<RouteSpec> {
    #[derive(serde::Deserialize)]
    struct Routes {
        routes: Vec<RouteSpec>,
    }
    toml::from_str::<Routes>(DEFAULT_ROUTES_TOML).expect("a test reads the default routes").routes
}
