//! How long each part of a request may take. No wait in the sender is without one of these.

use std::time::Duration;

/// One bound for each wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a place in flight.
    pub place: Duration,
    /// Looking the name up.
    pub lookup: Duration,
    /// Reaching one of the addresses, the proxy's tunnel included.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the last byte sent to the head of the reply; also between two pieces of the request body.
    pub first_byte: Duration,
    /// Between two pieces of the reply's body.
    pub between_bytes: Duration,
    /// From the decision to the last byte, the wait for a place in flight included.
    pub total: Duration,
}

/// What a guest asks for; it can only shorten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shorter {
    /// Until there is a connection.
    pub connect: Option<Duration>,
    /// Until the head of the reply.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the reply's body.
    pub between_bytes: Option<Duration>,
}

impl Default for Timeouts {
    /// GitLab's own limit for a request is 60 s, Gitaly's about 55 s: a reply that takes longer does not come. So a place that does not
    /// come free in 90 s is held by replies that nobody reads; a call has 120 s, so the connector can still hear of it.
    fn default() -> Self {
        Self {
            place: Duration::from_secs(90),
            lookup: Duration::from_secs(10),
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            first_byte: Duration::from_secs(65),
            between_bytes: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}

impl Timeouts {
    /// With what the guest asks for, where that is shorter.
    pub fn shortened(self, guest: Shorter) -> Self {
        Self {
            first_byte: guest.first_byte.map_or(self.first_byte, |wanted| wanted.min(self.first_byte)),
            between_bytes: guest.between_bytes.map_or(self.between_bytes, |wanted| wanted.min(self.between_bytes)),
            ..self
        }
    }

    /// Until there is a connection, all steps together.
    pub fn connection(self, guest: Shorter) -> Duration {
        let all = self.lookup + self.connect + self.tls;
        guest.connect.map_or(all, |wanted| wanted.min(all))
    }
}
