//! Each command: from what was typed to how it ends.

mod component;
mod inspect;

use crate::cli::Command;
use crate::failure::{Exit, Failure};
use crate::output::Output;

pub(crate) fn run(command: Command, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Inspect(inspect) => inspect::run(&inspect, output),
        Command::Component(component) => component::run(&component, output),
    }
}
