//! Which IP addresses may be dialled.
//!
//! Decided here, for one address: public ones are allowed, special ones only where the operator's `private-addresses` names
//! them, some never. IPv6 spellings of an IPv4 address (mapped, NAT64) are judged as that IPv4 address; the other forms that
//! carry one (compatible, 6to4, Teredo, local NAT64) are refused whatever they carry, because no server is reached that way today.
//! Order: unwrap, never-list, carve-outs, table. IPv6 is refused by default outside `2000::/3`, so that a range assigned
//! tomorrow is refused too. Not decided here: names (`policy`) and when an address is looked up (`connect`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// One entry of `private-addresses`: a network and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarveOut {
    net: IpNet,
    port: Option<u16>,
}

/// Why an entry of `private-addresses` is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CarveOutError {
    /// Neither an address nor a network.
    #[error("an address or a network is written `10.1.2.3`, `10.1.0.0/16`, `10.1.2.3/32:8443` or `[fd00::1/128]:8443`")]
    Syntax,
    /// `/0` to `/7`.
    #[error("a network of more than a 256th of all addresses is no carve-out")]
    TooWide,
    /// Multicast, unspecified, broadcast.
    #[error("no server has such an address, so it cannot be granted")]
    Never,
}

/// What may be dialled beside public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    carve_outs: Vec<CarveOut>,
}

/// A refused address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the address {address} is {class}")]
pub struct Prohibited {
    /// As the resolver gave it.
    pub address: IpAddr,
    /// What it is.
    pub class: Class,
    /// The port it would have been dialled on.
    pub port: u16,
}

/// What a refused address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// RFC 1918, shared (100.64/10) or unique local (`fc00::/7`).
    Private,
    /// This machine.
    Loopback,
    /// `169.254/16`, `fe80::/10`.
    LinkLocal,
    /// Gives cloud credentials to whoever asks. Only a carve-out of exactly this address allows it.
    Metadata,
    /// Documentation, benchmarks, protocol assignments and what is not assigned at all.
    Reserved,
    /// Multicast, broadcast or unspecified: never a server, no carve-out helps.
    NotAServer,
    /// Carries an IPv4 address in a form that is out of use: no carve-out helps.
    Tunnel,
}

impl AddressPolicy {
    /// Reads `private-addresses`. The error comes with the entry.
    pub fn parse(entries: &[String]) -> Result<Self, (String, CarveOutError)> {
        let parse = |entry: &String| entry.parse().map_err(|error| (entry.clone(), error));
        Ok(Self { carve_outs: entries.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether `address` may be dialled on `port`.
    pub fn judge(&self, address: IpAddr, port: u16) -> Result<(), Prohibited> {
        let plain = unwrap(address);
        let Some(class) = classify(plain) else { return Ok(()) };
        if self.carves_out(plain, port, class) { Ok(()) } else { Err(Prohibited { address, class, port }) }
    }

    fn carves_out(&self, address: IpAddr, port: u16, class: Class) -> bool {
        let exact = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
        let covers =
            |entry: &&CarveOut| entry.net.contains(&address) && entry.port.is_none_or(|granted| granted == port);
        match class {
            Class::NotAServer | Class::Tunnel => false,
            Class::Metadata => self.carve_outs.iter().filter(covers).any(|entry| exact(&entry.net)),
            _ => self.carve_outs.iter().any(|entry| covers(&entry)),
        }
    }
}

impl Prohibited {
    /// What the operator could change, if anything could.
    pub fn hint(&self) -> String {
        match self.class {
            Class::NotAServer | Class::Tunnel => {
                "no grant can allow such an address: check the server's name".to_owned()
            }
            _ => {
                let net = IpNet::from(unwrap(self.address));
                let entry = match net {
                    IpNet::V4(net) => format!("{net}:{}", self.port),
                    IpNet::V6(net) => format!("[{net}]:{}", self.port),
                };
                format!(
                    "if this is your server, add `private-addresses = [\"{entry}\"]` under `[network]` of the grant"
                )
            }
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "private",
            Self::Loopback => "this machine's own",
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud metadata service's",
            Self::Reserved => "reserved",
            Self::NotAServer => "not a server's",
            Self::Tunnel => "an IPv4 address in disguise",
        })
    }
}

impl FromStr for CarveOut {
    type Err = CarveOutError;

    fn from_str(text: &str) -> Result<Self, CarveOutError> {
        let (net, port) = split_port(text)?;
        let port = port.map(parse_port).transpose()?;
        let net = net
            .parse::<IpNet>()
            .or_else(|_| net.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| CarveOutError::Syntax)?;
        if net.prefix_len() < 8 {
            return Err(CarveOutError::TooWide);
        }
        match classify(net.network()) {
            Some(Class::NotAServer | Class::Tunnel) => Err(CarveOutError::Never),
            _ if unwrap(net.network()) != net.network() => Err(CarveOutError::Never),
            _ => Ok(Self { net: net.trunc(), port }),
        }
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), CarveOutError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (net, port) = rest.split_once(']').ok_or(CarveOutError::Syntax)?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(CarveOutError::Syntax)?) };
        return Ok((net, port));
    }
    match text.split_once(':') {
        Some((net, port)) if net.contains('.') => Ok((net, Some(port))),
        _ => Ok((text, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, CarveOutError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).ok_or(CarveOutError::Syntax)
}

/// The IPv4 address that a mapped or NAT64 (`64:ff9b::/96`) address stands for.
fn unwrap(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [head @ .., a, b, c, d] = v6.octets();
    let mapped = v6.to_ipv4_mapped().is_some();
    let nat64 = head == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
    if mapped || nat64 { Ipv4Addr::new(a, b, c, d).into() } else { address }
}

fn classify(address: IpAddr) -> Option<Class> {
    const METADATA: [IpAddr; 5] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        // Task credentials of Amazon ECS, Azure's wire server, Alibaba.
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    ];
    if METADATA.contains(&address) {
        return Some(Class::Metadata);
    }
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Option<Class> {
    use Class::*;
    const fn net(a: u8, b: u8, c: u8, len: u8) -> Ipv4Net {
        Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), len)
    }
    const TABLE: [(Ipv4Net, Class); 15] = [
        (net(0, 0, 0, 8), NotAServer),
        (net(10, 0, 0, 8), Private),
        (net(100, 64, 0, 10), Private),
        (net(127, 0, 0, 8), Loopback),
        (net(169, 254, 0, 16), LinkLocal),
        (net(172, 16, 0, 12), Private),
        (net(192, 0, 0, 24), Reserved),
        (net(192, 0, 2, 24), Reserved),
        (net(192, 88, 99, 24), Reserved),
        (net(192, 168, 0, 16), Private),
        (net(198, 18, 0, 15), Reserved),
        (net(198, 51, 100, 24), Reserved),
        (net(203, 0, 113, 24), Reserved),
        (net(224, 0, 0, 4), NotAServer),
        (net(240, 0, 0, 4), Reserved),
    ];
    if address.is_broadcast() {
        return Some(NotAServer);
    }
    TABLE.iter().find(|(net, _)| net.contains(&address)).map(|(_, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> Option<Class> {
    use Class::*;
    const fn net(a: u16, b: u16, c: u16, len: u8) -> Ipv6Net {
        Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), len)
    }
    const TABLE: [(Ipv6Net, Class); 13] = [
        (net(0xfc00, 0, 0, 7), Private),
        (net(0xfe80, 0, 0, 10), LinkLocal),
        (net(0xfec0, 0, 0, 10), Private),
        (net(0xff00, 0, 0, 8), NotAServer),
        (net(0x2002, 0, 0, 16), Tunnel),
        (net(0x2001, 0, 0, 32), Tunnel),
        // Local-use NAT64: the IPv4 address sits at a place the operator chose, so it cannot be unwrapped.
        (net(0x64, 0xff9b, 1, 48), Tunnel),
        (net(0, 0, 0, 96), Tunnel),
        (net(0x2001, 0, 0, 23), Reserved),
        (net(0x2001, 0xdb8, 0, 32), Reserved),
        (net(0x3fff, 0, 0, 20), Reserved),
        // AS112: answers for misdirected private look-ups.
        (net(0x2620, 0x4f, 0x8000, 48), Reserved),
        (net(0x100, 0, 0, 64), Reserved),
    ];
    const GLOBAL: Ipv6Net = net(0x2000, 0, 0, 3);
    match address {
        Ipv6Addr::UNSPECIFIED => return Some(NotAServer),
        Ipv6Addr::LOCALHOST => return Some(Loopback),
        _ => {}
    }
    let listed = TABLE.iter().find(|(net, _)| net.contains(&address)).map(|(_, class)| *class);
    listed.or(if GLOBAL.contains(&address) { None } else { Some(Reserved) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(grants: &[&str], address: &str) -> Result<(), Class> {
        let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
        let policy = AddressPolicy::parse(&grants).unwrap();
        policy.judge(address.parse().unwrap(), 443).map_err(|prohibited| prohibited.class)
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "172.65.251.78",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "2606:4700:90:0:f22e:fbec:5bed:a9b9",
        ] {
            assert_eq!(judge(&[], address), Ok(()), "{address}");
        }
    }

    #[test]
    fn every_special_range_is_refused_by_default() {
        use Class::*;
        for (address, class) in [
            ("0.0.0.0", NotAServer),
            ("0.1.2.3", NotAServer),
            ("10.0.0.1", Private),
            ("100.64.0.1", Private),
            ("100.127.255.255", Private),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("169.254.1.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("100.100.100.200", Metadata),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.1", Reserved),
            ("192.0.0.192", Metadata),
            ("192.0.2.1", Reserved),
            ("192.88.99.1", Reserved),
            ("192.168.1.1", Private),
            ("198.18.0.1", Reserved),
            ("198.19.255.255", Reserved),
            ("198.51.100.1", Reserved),
            ("203.0.113.1", Reserved),
            ("224.0.0.1", NotAServer),
            ("239.255.255.255", NotAServer),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", NotAServer),
            ("::", NotAServer),
            ("::1", Loopback),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("ff02::1", NotAServer),
            ("fd00:ec2::254", Metadata),
            ("100::1", Reserved),
            ("2001:db8::1", Reserved),
            ("2001:2::1", Reserved),
            ("2001:20::1", Reserved),
            ("3fff::1", Reserved),
            ("2620:4f:8000::1", Reserved),
            ("5f00::1", Reserved),
            ("4000::1", Reserved),
        ] {
            assert_eq!(judge(&[], address), Err(class), "{address}");
        }
    }

    #[test]
    fn mapped_and_nat64_spellings_are_judged_as_the_ipv4_address() {
        for prefix in ["::ffff:", "64:ff9b::"] {
            assert_eq!(judge(&[], &format!("{prefix}127.0.0.1")), Err(Class::Loopback));
            assert_eq!(judge(&[], &format!("{prefix}169.254.169.254")), Err(Class::Metadata));
            assert_eq!(judge(&[], &format!("{prefix}10.0.0.1")), Err(Class::Private));
            assert_eq!(judge(&[], &format!("{prefix}1.1.1.1")), Ok(()));
            assert_eq!(judge(&["10.0.0.1/32"], &format!("{prefix}10.0.0.1")), Ok(()));
        }
    }

    #[test]
    fn forms_that_hide_an_ipv4_address_are_refused_whatever_they_carry() {
        for address in
            ["::127.0.0.1", "::1.1.1.1", "2002:7f00:1::", "2002:101:101::1", "2001:0:7f00:1::1", "64:ff9b:1::a00:1"]
        {
            assert_eq!(judge(&["127.0.0.1/32", "10.0.0.0/8"], address), Err(Class::Tunnel), "{address}");
        }
    }

    #[test]
    fn a_carve_out_allows_what_it_names_and_no_more() {
        for (grant, address, allowed) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("10.1.0.0/16", "10.1.2.4", true),
            ("10.1.2.3/16", "10.1.9.9", true),
            ("10.1.2.3/32:443", "10.1.2.3", true),
            ("10.1.2.3/32:8443", "10.1.2.3", false),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("fd00::/8", "fd12::1", true),
            ("[fd12::1/128]:443", "fd12::1", true),
            ("[fd12::1]:444", "fd12::1", false),
            ("[fd12::1]", "fd12::1", true),
            ("100::/64", "100::1", true),
            ("169.254.0.0/16", "169.254.7.7", true),
            ("169.254.0.0/16", "169.254.169.254", false),
            ("169.254.169.254/32", "169.254.169.254", true),
            ("fd00::/8", "fd00:ec2::254", false),
        ] {
            assert_eq!(judge(&[grant], address).is_ok(), allowed, "{grant} {address}");
        }
    }

    #[test]
    fn what_is_no_carve_out_is_refused() {
        use CarveOutError::*;
        for (text, error) in [
            ("", Syntax),
            ("gitlab.example.com", Syntax),
            ("10.0.0.1/33", Syntax),
            ("10.0.0.1:0", Syntax),
            ("10.0.0.1:+1", Syntax),
            ("[fd00::1", Syntax),
            ("[fd00::1]443", Syntax),
            ("0.0.0.0/0", TooWide),
            ("::/0", TooWide),
            ("fc00::/7", TooWide),
            ("0.0.0.0", Never),
            ("224.0.0.1", Never),
            ("::ffff:10.0.0.1", Never),
            ("2002::/16", Never),
        ] {
            assert_eq!(text.parse::<CarveOut>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_hint_is_an_entry_that_helps() {
        let policy = AddressPolicy::default();
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "169.254.169.254"] {
            let address = address.parse().unwrap();
            let hint = policy.judge(address, 8443).unwrap_err().hint();
            let entry = hint.split('"').nth(1).unwrap().to_owned();
            assert_eq!(AddressPolicy::parse(&[entry]).unwrap().judge(address, 8443), Ok(()), "{hint}");
        }
    }

    proptest! {
        #[test]
        fn the_spelling_of_an_ipv4_address_never_changes_the_verdict(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let policy = AddressPolicy::default();
            let verdict = policy.judge(v4.into(), 443).is_ok();
            prop_assert_eq!(policy.judge(v4.to_ipv6_mapped().into(), 443).is_ok(), verdict);
            let nat64 = Ipv6Addr::from_bits((0x0064_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(policy.judge(nat64.into(), 443).is_ok(), verdict);
            prop_assert!(policy.judge(v4.to_ipv6_compatible().into(), 443).is_err());
        }
    }
}
