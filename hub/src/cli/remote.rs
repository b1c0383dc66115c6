//! A running hub as a command's other end: its address and the token for it.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Url};

use super::exit::{Exit, fail, fail_with_help};

/// Which hub, and who asks.
#[derive(Debug, clap::Args)]
pub(super) struct Remote {
    /// The hub's address.
    #[arg(long, env = "HUB_URL", default_value = "http://127.0.0.1:8080", value_parser = hub_url)]
    pub(super) url: Url,
    /// The token; it shows in the process list: HUB_TOKEN or --token-file is better.
    #[arg(long, env = "HUB_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with the token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The hub's address, from the command line.
fn hub_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err("an address begins with http:// or https://".into())
    }
}

/// Whether the address is of this machine, where no proxy has a part.
fn is_here(url: &Url) -> bool {
    match url.host_str().unwrap_or_default() {
        "localhost" => true,
        host => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

impl Remote {
    /// The token, from wherever it was given.
    pub(super) fn token(&self) -> Result<String, Exit> {
        let token = match (&self.token_file, &self.token) {
            (Some(path), _) => std::fs::read_to_string(path).map_err(|error| {
                fail(Exit::Failed, format_args!("cannot read the token file {}: {error}", path.display()))
            })?,
            (None, Some(token)) => {
                if std::env::var("HUB_TOKEN").as_ref() != Ok(token) {
                    eprintln!("warning: --token shows in the process list; HUB_TOKEN or --token-file does not");
                }
                token.clone()
            }
            (None, None) => String::new(),
        };
        let token = token.trim();
        let help = "set HUB_TOKEN, or use --token-file, such as --token-file hub-data/token";
        if token.is_empty() {
            return Err(fail_with_help(Exit::NotAllowed, "there is no token, or an empty one", help));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fail_with_help(Exit::NotAllowed, "the token has characters that no token has", help));
        }
        Ok(token.to_owned())
    }

    /// A client that waits so long for each part of an answer.
    pub(super) fn client(&self, silence: Duration) -> reqwest::Result<Client> {
        let builder = Client::builder().connect_timeout(Duration::from_secs(5)).read_timeout(silence);
        if is_here(&self.url) { builder.no_proxy() } else { builder }.build()
    }
}
