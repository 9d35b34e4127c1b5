//! An authority and the one certificate that it signs. The authority's key is never written, so that whoever trusts it
//! trusts that certificate and nothing to come; and it is bound to the certificate's names, whatever it might be made to sign.

use crate::fault::Fault;
use greenroom_gateway::time;
use greenroom_store::{Clock as _, SystemClock};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// In PEM.
pub struct Made {
    pub authority: String,
    pub certificate: String,
    pub key: String,
    /// As `2027-11-28`.
    pub until: String,
}

pub fn all(names: &[String]) -> Result<Made, Fault> {
    if let Some(name) = names.iter().find(|name| !is_address(name) && !is_host(name)) {
        return Err(Fault::Sign(format!("{name:?} is none")));
    }
    signed(names).map_err(|error| Fault::Sign(error.to_string()))
}

fn signed(names: &[String]) -> Result<Made, rcgen::Error> {
    let today = time::iso_seconds(SystemClock.now());
    let number = |from: usize, to: usize| today.get(from..to).and_then(|text| text.parse::<u16>().ok()).unwrap_or(1);
    let (year, month) = (i32::from(number(0, 4)), u8::try_from(number(5, 7)).unwrap_or(1));
    // From the month's first day, so that a clock a little behind does not refuse it; some clients take 398 days at most.
    let (from, until) = (date_time_ymd(year, month, 1), date_time_ymd(year + 1, month, 28));
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "Greenroom on this machine");
    (params.not_before, params.not_after) = (from, until);
    params.name_constraints = Some(constraints(names));
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?.pem();
    let mut leaf = CertificateParams::new(names.to_vec())?;
    leaf.distinguished_name.push(DnType::CommonName, "Greenroom's Blob endpoint");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (from, until);
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &Issuer::new(params, authority_key))?.pem();
    let until = format!("{}-{month:02}-28", year + 1);
    Ok(Made { authority, certificate, key: key.serialize_pem(), until })
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

/// Labels of letters, digits and hyphens; the first may be a star.
fn is_host(name: &str) -> bool {
    let plain =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    name.strip_prefix("*.").unwrap_or(name).split('.').all(plain)
}

/// Names bind names and addresses bind addresses: a kind of which none is permitted is excluded as a whole.
fn constraints(names: &[String]) -> NameConstraints {
    let (mut hosts, mut addresses) = (Vec::new(), Vec::new());
    for name in names {
        match name.parse::<IpAddr>() {
            Ok(address) => addresses.push(GeneralSubtree::IpAddress(whole(address))),
            Err(_) => hosts.push(GeneralSubtree::DnsName(name.trim_start_matches("*.").to_owned())),
        }
    }
    let mut excluded_subtrees = Vec::new();
    if addresses.is_empty() {
        let everywhere = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let everywhere = everywhere.map(|all| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(all, 0)));
        excluded_subtrees.extend(everywhere);
    }
    if hosts.is_empty() {
        excluded_subtrees.push(GeneralSubtree::DnsName(String::new()));
    }
    NameConstraints { permitted_subtrees: [hosts, addresses].concat(), excluded_subtrees }
}

fn whole(address: IpAddr) -> CidrSubnet {
    match address {
        IpAddr::V4(four) => CidrSubnet::V4(four.octets(), [0xff; 4]),
        IpAddr::V6(six) => CidrSubnet::V6(six.octets(), [0xff; 16]),
    }
}
