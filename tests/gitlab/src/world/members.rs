//! Memberships of users in groups and projects.

use jiff::{Timestamp, civil::Date};

use super::access::AccessLevel;

/// What somebody is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A project.
    Project(u64),
    /// A group.
    Group(u64),
}

/// One direct membership.
#[derive(Debug, Clone)]
pub struct Member {
    /// Of what.
    pub source: Source,
    /// Who.
    pub user_id: u64,
    /// With which role.
    pub access_level: AccessLevel,
    /// Since when.
    pub created_at: Timestamp,
    /// By whose hand.
    pub created_by: Option<u64>,
    /// Until when.
    pub expires_at: Option<Date>,
}

/// All direct memberships.
#[derive(Debug, Default)]
pub struct Members {
    rows: Vec<Member>,
    // The first day on which a membership ends, so that not every request looks at every row.
    next_end: Option<Date>,
}

impl Members {
    /// Adds a member, or changes the role of one that is there.
    pub fn set(&mut self, member: Member) {
        self.next_end = [self.next_end, member.expires_at].into_iter().flatten().min();
        match self.rows.iter_mut().find(|row| row.source == member.source && row.user_id == member.user_id) {
            Some(row) => *row = member,
            None => self.rows.push(member),
        }
    }

    /// Ends a membership; false when there was none.
    pub fn remove(&mut self, source: Source, user_id: u64) -> bool {
        let before = self.rows.len();
        self.rows.retain(|row| row.source != source || row.user_id != user_id);
        self.rows.len() != before
    }

    /// Ends what is past its day.
    pub fn end_expired(&mut self, today: Date) {
        if self.next_end.is_none_or(|end| end > today) {
            return;
        }
        self.rows.retain(|row| row.expires_at.is_none_or(|end| end > today));
        self.next_end = self.rows.iter().filter_map(|row| row.expires_at).min();
    }

    /// Ends every membership of `source`, for a project or group that is gone.
    pub fn remove_source(&mut self, source: Source) {
        self.rows.retain(|row| row.source != source);
    }

    /// Direct members of `source`, in the order in which they joined.
    pub fn of(&self, source: Source) -> impl Iterator<Item = &Member> {
        self.rows.iter().filter(move |row| row.source == source)
    }

    /// The direct membership of one user.
    pub fn get(&self, source: Source, user_id: u64) -> Option<&Member> {
        self.rows.iter().find(|row| row.source == source && row.user_id == user_id)
    }

    /// Everything that one user is a direct member of.
    pub fn of_user(&self, user_id: u64) -> impl Iterator<Item = &Member> {
        self.rows.iter().filter(move |row| row.user_id == user_id)
    }
}
