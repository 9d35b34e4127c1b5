//! Where events may be brought: judged as copy sources are, by the address that is connected to, so that a name cannot lead elsewhere a moment
//! later.

use greenroom_gateway::source::Sources;
use std::io;
use std::net::{IpAddr, SocketAddr};
use url::Host;

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

fn forbidden(host: &str, port: u16) -> String {
    format!("the address of {host} is not public; to allow it, start the server with --copy-source-allow {host}:{port}")
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
