//! What this server connects to on somebody's word. Where that may be is judged as copy sources are: by the address that is connected to, so that a
//! name cannot lead elsewhere a moment later.

use crate::tls;
use greenroom_gateway::source::Sources;
use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use url::{Host, Url};

/// Err: why it may not be reached, as a sentence. A host that is a name is judged when it is connected to.
pub fn check(url: &Url, sources: &Sources) -> Result<(), String> {
    host(sources, url.host(), port(url))
}

/// What is wrong with a host, as a sentence, as far as it says so itself. One that is a name is judged when it is connected to.
pub fn host(sources: &Sources, host: Option<Host<&str>>, port: u16) -> Result<(), String> {
    let (host, address) = match host {
        Some(Host::Ipv4(address)) => (address.to_string(), IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => (address.to_string(), IpAddr::V6(address)),
        Some(Host::Domain("localhost")) => ("localhost".to_owned(), IpAddr::from([127, 0, 0, 1])),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("it names no host".to_owned()),
    };
    if sources.permits(&host, port, address) { Ok(()) } else { Err(forbidden(&host, port)) }
}

/// The addresses of a host that may be connected to, of which there is one at least.
pub async fn addresses(sources: &Sources, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let host = host.to_ascii_lowercase();
    let found = tokio::net::lookup_host((host.as_str(), port)).await?;
    let permitted: Vec<_> = found.filter(|address| sources.permits(&host, port, address.ip())).collect();
    if permitted.is_empty() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, forbidden(&host, port)));
    }
    Ok(permitted)
}

/// A client of that host alone: names of it are judged, redirects are not followed. An address in the URL is not looked up: `check` judges it.
pub fn client(url: &Url, sources: &Sources) -> ClientBuilder {
    let judge = Judge { sources: sources.clone(), port: port(url) };
    tls::http()
        .tls_backend_preconfigured(sources.trust().as_ref().clone())
        .dns_resolver(Arc::new(judge))
        .redirect(Policy::none())
        // A proxy would connect to whatever it is told.
        .no_proxy()
}

/// What lies at the bottom: the library's own words hold the URL, and that may hold a secret.
pub fn root(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Looks names up, and answers only the addresses that may be connected to.
struct Judge {
    sources: Sources,
    port: u16,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let (sources, port, host) = (self.sources.clone(), self.port, name.as_str().to_owned());
        Box::pin(async move {
            let permitted = addresses(&sources, &host, port).await?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

fn forbidden(host: &str, port: u16) -> String {
    format!("the address of {host} is not public; to allow it, start the server with --copy-source-allow {host}:{port}")
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(80)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::tls;

    pub fn sources(allowed: &[&str]) -> Sources {
        let own = SocketAddr::from(([127, 0, 0, 1], 10_000));
        let allowed = allowed.iter().map(|entry| entry.parse().expect("HOST:PORT")).collect();
        Sources::new(own, allowed, tls::trust(None).expect("a trust"))
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_addresses_that_it_leads_to() {
        let refused = addresses(&sources(&["localhost:82"]), "localhost", 83).await.expect_err("it leads here");
        assert!(refused.to_string().contains("--copy-source-allow localhost:83"), "{refused}");
        for dressed_up in ["127.1", "0x7f.1", "2130706433", "169.254.169.254"] {
            assert!(addresses(&sources(&["127.0.0.1:83"]), dressed_up, 83).await.is_err(), "{dressed_up}");
        }
        let found = addresses(&sources(&["localhost:83"]), "LOCALHOST", 83).await.expect("it is allowed");
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
    }
}
