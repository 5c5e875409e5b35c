//! `gitlab-sim`: an instance as a process of its own. Prints where it is, as JSON on one line, and serves until it is stopped.

use std::process::ExitCode;

use gitlab_sim::{Settings, Simulator, SimulatorBuilder, seed};

const HELP: &str = "\
gitlab-sim: a GitLab that behaves like GitLab, on loopback

usage: gitlab-sim [options]

  --port <n>             listen on this port (default: a free one)
  --seed <name>          begin with a world: `demo` or `empty` (default: empty)
  --base-path <path>     mount under a path such as /gitlab
  --tls                  speak TLS with a certificate of a fresh authority
  --version <version>    behave like this version (default: 18.9.0-ee)
  --tier <tier>          free or premium (default: premium)
  --repositories <dir>   keep repositories in this folder (default: a temporary one)

The first line on standard output is JSON: `url`, and with a seed `token`, `user_id` and `project_id`; with TLS `ca_pem`.
Everything else about the instance is under `<url>/-/sim/`.
";

/// What was asked for.
struct Wish {
    builder: SimulatorBuilder,
    seed: String,
}

fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Wish>, String> {
    let mut arguments = arguments;
    let mut settings = Settings::default();
    let mut builder = Simulator::builder();
    let mut seed = "empty".to_owned();
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{name}` needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--tls" => builder = builder.tls(),
            "--port" => {
                let port = value()?;
                builder = builder.port(port.parse().map_err(|_| format!("`{port}` is not a port"))?);
            }
            "--base-path" => builder = builder.base_path(&value()?),
            "--repositories" => builder = builder.repositories(value()?.into()),
            "--version" => settings.version = value()?.parse().map_err(|error| format!("{error}"))?,
            "--tier" => settings.tier = value()?.parse().map_err(|error| format!("{error}"))?,
            "--seed" => seed = value()?,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    if seed != "demo" && seed != "empty" {
        return Err(format!("there is no seed `{seed}`: `demo` or `empty`"));
    }
    Ok(Some(Wish { builder: builder.settings(settings), seed }))
}

async fn run(wish: Wish) -> anyhow::Result<()> {
    let running = wish.builder.start().await?;
    let mut told = serde_json::json!({ "url": running.url() });
    if let Some(pem) = running.ca_pem() {
        told["ca_pem"] = pem.into();
    }
    if wish.seed == "demo" {
        let demo = seed::demo(&running.admin())?;
        told["token"] = demo.token.secret.into();
        told["user_id"] = demo.alice.into();
        told["project_id"] = demo.project.into();
    }
    say(&told.to_string());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line that callers read")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "a command says on standard error what it cannot do")]
fn complain(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let wish = match read(std::env::args().skip(1)) {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
        Err(text) => return complain(&format!("error: {text}\nhint: `gitlab-sim --help` lists the options")),
    };
    match run(wish).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("error: {error}")),
    }
}
