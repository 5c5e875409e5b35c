//! Labels of projects.

use super::table::Table;

/// One label.
#[derive(Debug, Clone)]
pub struct Label {
    /// Id on the instance.
    pub id: u64,
    /// Its project.
    pub project_id: u64,
    /// Its name.
    pub name: String,
    /// `#` and six hex digits.
    pub color: String,
    /// Free text.
    pub description: Option<String>,
}

/// All labels.
#[derive(Debug, Default)]
pub struct Labels {
    /// Rows by id.
    pub table: Table<Label>,
}

impl Labels {
    /// Those of one project, by name as GitLab lists them.
    pub fn of(&self, project_id: u64) -> Vec<&Label> {
        let mut found: Vec<&Label> = self.table.iter().filter(|label| label.project_id == project_id).collect();
        found.sort_by_key(|label| label.name.to_lowercase());
        found
    }
}
