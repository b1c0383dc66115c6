//! Where the billing database is and how it may be reached: checked before anything connects.

use std::net::IpAddr;

use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What is wrong with the URL of a database. None of it is repeated: it carries the password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PostgresUrlFault {
    /// The parser does not take it.
    #[error("the billing database's URL is not one that PostgreSQL understands")]
    Unreadable,
    /// libpq's modes that check certificates.
    #[error(
        "the billing database's URL has a sslmode other than disable, prefer and require; require checks certificates"
    )]
    SslMode,
    /// There is no host.
    #[error("the billing database's URL names no host")]
    NoHost,
    /// Another machine, without TLS.
    #[error("the billing database's URL leads to another machine without sslmode=require")]
    Plain,
}

/// Reads a URL.
pub(super) fn parse(url: &str, allow_plain: bool) -> Result<Config, PostgresUrlFault> {
    // The parser's message may quote a part of the URL.
    let config: Config = url.parse().map_err(|_| {
        if url.contains("sslmode=verify") || url.contains("sslmode=allow") {
            PostgresUrlFault::SslMode
        } else {
            PostgresUrlFault::Unreadable
        }
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(PostgresUrlFault::NoHost);
    }
    if config.get_ssl_mode() != SslMode::Require && !allow_plain && !is_local(&config) {
        return Err(PostgresUrlFault::Plain);
    }
    Ok(config)
}

/// Whether the connection stays on this machine.
fn is_local(config: &Config) -> bool {
    let host = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(host),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// TLS that checks the server's certificate against those that the system trusts.
pub(super) fn tls() -> Result<MakeRustlsConnect, String> {
    let (tls, unreadable) = MakeRustlsConnect::with_native_certs()
        .map_err(|error| format!("the system's certificates cannot be used for the billing database: {error:?}"))?;
    if !unreadable.is_empty() {
        tracing::warn!(count = unreadable.len(), "some of the system's certificates cannot be read");
    }
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_needs_tls() {
        for (url, fault) in [
            ("host=127.0.0.1 user=hub", None),
            ("host=/run/postgresql user=hub", None),
            ("postgresql://hub@[::1]/billing", None),
            ("postgresql://hub@localhost/billing?sslmode=prefer", None),
            ("postgresql://hub@db.example/billing?sslmode=require", None),
            ("postgresql://hub@db.example/billing", Some(PostgresUrlFault::Plain)),
            ("postgresql://hub@db.example/billing?sslmode=prefer", Some(PostgresUrlFault::Plain)),
            ("host=localhost,db.example user=hub", Some(PostgresUrlFault::Plain)),
            ("host=localhost hostaddr=192.0.2.1 user=hub", Some(PostgresUrlFault::Plain)),
            ("user=hub", Some(PostgresUrlFault::NoHost)),
            ("postgresql://hub@db.example/billing?sslmode=verify-full", Some(PostgresUrlFault::SslMode)),
            ("mysql://hub:pass-word@db.example/billing", Some(PostgresUrlFault::Unreadable)),
        ] {
            assert_eq!(parse(url, false).err(), fault, "{url}");
            assert!(fault.is_none_or(|fault| !fault.to_string().contains("pass-word")));
        }
        assert!(parse("host=db.example user=hub", true).is_ok());
    }

    #[test]
    fn the_systems_certificates_can_be_used() {
        assert!(tls().is_ok());
    }
}
