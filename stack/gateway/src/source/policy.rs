//! Which addresses a copy source may have. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A source that an operator allows, whatever its address: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    host: String,
    port: u16,
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not HOST:PORT, such as 127.0.0.1:10000");
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = port.parse().map_err(|_| bad())?;
        if host.is_empty() { Err(bad()) } else { Ok(Self { host, port }) }
    }
}

/// Whether a source named so may be fetched from this address. What is not on the public internet is refused: a copy must not reach
/// what its sender cannot.
pub fn permits(allowed: &[Allowed], host: &str, port: u16, address: IpAddr) -> bool {
    allowed.iter().any(|entry| entry.host == host && entry.port == port) || is_public(address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Source: IANA, "IPv4 Special-Purpose Address Registry".
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || matches!((a, b, c), (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _) | (224..=255, ..));
    !special
}

/// Source: IANA, "IPv6 Special-Purpose Address Registry". Of what is neither global unicast nor a dressed-up IPv4 address, nothing.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, benchmarking, documentation.
        [0x2001, 0 | 2 | 0xdb8, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_fetched_from() {
        for public in ["20.60.1.1", "8.8.8.8", "2603:1030::1", "::ffff:20.60.1.1", "64:ff9b::8.8.8.8"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for inner in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(inner.parse().expect("an address")), "{inner}");
        }
    }

    #[test]
    fn an_operator_allows_one_host_and_port() {
        let allowed = ["127.0.0.1:10000".parse().expect("good"), "[::1]:9".parse().expect("good")];
        let here = IpAddr::from([127, 0, 0, 1]);
        assert!(permits(&allowed, "127.0.0.1", 10000, here));
        assert!(permits(&allowed, "::1", 9, "::1".parse().expect("an address")));
        assert!(!permits(&allowed, "127.0.0.1", 10001, here));
        assert!(!permits(&allowed, "localhost", 10000, here));
        for bad in ["", "host", ":80", "host:", "host:port", "host:70000"] {
            assert!(bad.parse::<Allowed>().is_err(), "{bad}");
        }
    }
}
