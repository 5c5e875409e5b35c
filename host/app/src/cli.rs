//! What was typed, as typed. What it means is decided by each command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Keeps a folder of Markdown and YAML files and a GitLab project in step, with a connector that nobody has to trust.
#[derive(Debug, Parser)]
#[command(name = "gitlab-sync", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 done, 1 failed, 2 wrong arguments, 3 refused or outside the contract, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// For every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print JSON for programs instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours; `auto` is on a terminal and without NO_COLOR.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inspect(Inspect),
    Component(Component),
}

/// Say what a component can do, before anyone runs it.
///
/// Reads any component. Only one that fits the contract is compiled, to ask it with nothing granted what it wants.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 everything lies inside the contract, 3 something does not, 1 it cannot be read."
)]
pub(crate) struct Inspect {
    /// The component.
    pub(crate) file: PathBuf,
    /// A newer version: say what it could do that FILE could not.
    pub(crate) new: Option<PathBuf>,
    /// A grant (TOML): say what the component would get with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) grant: Option<PathBuf>,
}

/// Write the connector that this program carries to a file.
#[derive(Debug, Args)]
pub(crate) struct Component {
    /// Where to; must not exist yet.
    pub(crate) file: PathBuf,
}
