//! Labels of projects and groups.

use jiff::Timestamp;

use super::members::Source;
use super::table::Table;

/// One label.
#[derive(Debug, Clone)]
pub struct Label {
    /// Id on the instance.
    pub id: u64,
    /// Whose it is.
    pub owner: Source,
    /// Its name.
    pub name: String,
    /// `#` and six hex digits.
    pub color: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All labels.
#[derive(Debug, Default)]
pub struct Labels {
    /// Rows by id.
    pub table: Table<Label>,
}

impl Labels {
    /// Those of any of these, by name as GitLab lists them.
    pub fn of(&self, owners: &[Source]) -> Vec<&Label> {
        let mut found: Vec<&Label> = self.table.iter().filter(|label| owners.contains(&label.owner)).collect();
        found.sort_by_key(|label| label.name.to_lowercase());
        found
    }

    /// The one of this name that any of these has.
    pub fn named(&self, owners: &[Source], name: &str) -> Option<&Label> {
        self.table.iter().find(|label| label.name == name && owners.contains(&label.owner))
    }
}
