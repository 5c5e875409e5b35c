//! What was typed, as typed. What it means is decided by each command.

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The connection that is meant where none is named.
pub(crate) const DEFAULT_CONNECTION: &str = "default";

/// Keeps a folder of Markdown and YAML files and a GitLab project in step, with a connector that nobody has to trust.
#[derive(Debug, Parser)]
#[command(name = "gitlab-sync", version, max_term_width = 100)]
#[command(
    after_help = "Master key: GITLAB_SYNC_MASTER_KEY, which holds it or is `keyring:` for the system's keyring; else a file.\n\nExit status: 0 done, 1 failed, 2 wrong arguments, 3 refused or outside the contract, 130 interrupted."
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
    #[arg(long, global = true, display_order = 100)]
    pub(crate) json: bool,
    /// When to use colours; `auto` is on a terminal and without `NO_COLOR`.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 101)]
    pub(crate) color: Color,
    /// Where connections are kept, instead of `GITLAB_SYNC_HOME` or the platform's place for data.
    #[arg(long, global = true, value_name = "DIR", display_order = 102)]
    pub(crate) home: Option<PathBuf>,
    /// The connection that is meant.
    #[arg(short = 'c', long, global = true, value_name = "NAME", default_value = DEFAULT_CONNECTION, display_order = 103)]
    pub(crate) connection: String,
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
    #[cfg(feature = "demo")]
    Demo(Demo),
    Connect(Connect),
    Projects(Projects),
    Branches(Branches),
    Configure(Configure),
    Plan(Plan),
    Push(Push),
    Pull(Pull),
    Sync(Sync),
    Conflicts(Conflicts),
    Resolve(Resolve),
    Status(Status),
    Diagnose(Diagnose),
    Webhook(Webhook),
    Disconnect(Disconnect),
    Serve(Serve),
    Keys(Keys),
    User(User),
    Inspect(Inspect),
    Component(Component),
}

/// Walk through the main job against a bundled GitLab: connect, configure, push, pull and a webhook.
///
/// Needs no GitLab, no network and no settings. Everything it prints comes from the real calls.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to put the files, instead of a new folder among the temporary ones.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
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
    #[arg(conflicts_with = "grant")]
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

/// Connect to a GitLab with an access token, which is sealed before this ends.
///
/// The token comes from `GITLAB_TOKEN`, from a pipe, or from a prompt that does not show it; never from an argument.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The instance, or any page of it. If left out, and `GITLAB_OAUTH_BASE_URL` is not set: the one that the connection has, reached
    /// as it was; gitlab.com for a new connection.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The folder with the files; this folder if left out, or the one that the connection has.
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// What the connector may do; naming it approves it as `inspect` prints it today. `files-read-write` if left out, or the one that
    /// the connection has.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// A private address that the server's name may have, such as 10.20.0.7/32. May be repeated.
    #[arg(long = "private-address", value_name = "ADDRESS")]
    pub(crate) private_addresses: Vec<String>,
    /// A PEM file with certificates to trust beside the platform's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// An HTTP proxy to tunnel through; proxy variables are never read.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Allow `http://`: the token then crosses the network in the clear.
    #[arg(long)]
    pub(crate) plain_text: bool,
}

/// List the projects that the token can push to.
#[derive(Debug, Args)]
pub(crate) struct Projects {
    /// Only those with this in their name.
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) search: String,
}

/// List the branches of a project.
#[derive(Debug, Args)]
pub(crate) struct Branches {
    /// Its number or its full path; the configured one if left out.
    pub(crate) project: Option<String>,
    /// Only those with this in their name.
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) search: String,
}

/// Choose what to sync. Moves no file.
///
/// On a terminal, what is left out is asked for.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").args(["project", "create"]))]
pub(crate) struct Configure {
    /// An existing project: its number or its full path.
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// A new private project of this name; `group/NAME` makes it in that group.
    #[arg(long, value_name = "NAME")]
    pub(crate) create: Option<String>,
    /// The project's default branch if left out.
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// A folder of the repository to sync; all of it if left out. May be repeated.
    #[arg(long = "directory", value_name = "DIR")]
    pub(crate) directories: Vec<String>,
    /// Names to sync, such as `*.md`; Markdown and YAML if left out. May be repeated.
    #[arg(long = "pattern", value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// What becomes of a file that both sides changed and whose lines do not merge.
    #[arg(long, value_name = "POLICY", default_value = "keep-both")]
    pub(crate) conflicts: Policy,
    /// What the first `sync` brings where; prints it as a plan.
    #[arg(long, value_name = "DIRECTION")]
    pub(crate) first: Option<First>,
    /// What commits say, where a push says nothing else: `{summary}`, `{files}` and `{branch}` are filled in.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message_template: Option<String>,
    /// Whom commits name as their author, if not the token's user. Naming it approves this author and no other.
    #[arg(long, value_name = "NAME", requires = "author_email")]
    pub(crate) author_name: Option<String>,
    /// The author's address.
    #[arg(long, value_name = "ADDRESS", requires = "author_name")]
    pub(crate) author_email: Option<String>,
    /// Write here from now on, although another installation did. Without a project, all else stays as it is configured.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Who puts the webhook into GitLab; as it was if left out, and `manual` at first.
    #[arg(long, value_name = "WHO")]
    pub(crate) webhook: Option<Hooking>,
    /// Where your receiver is, as GitLab reaches it; `auto` and `manual` need it. With `auto`, naming it approves webhooks for this address
    /// and no other.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
}

/// Who puts the webhook into GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hooking {
    /// The connector makes it, looks after it and removes it on `disconnect`.
    Auto,
    /// You paste the URL and the secret; `webhook secret` prints it.
    Manual,
    /// Nobody: there is no webhook and no secret.
    None,
}

/// What the first sync brings where. Where both sides have a file already, the side it comes from wins; the other version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// GitLab gets what the folder has.
    Push,
    /// The folder gets what GitLab has.
    Pull,
    /// Both get what the other has.
    Merge,
}

/// What becomes of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// GitLab's version in place, ours kept as a conflict.
    KeepBoth,
    /// The pushing or pulling side wins, the other is kept as a conflict.
    LastWriteWins,
    /// Sync nothing until it is resolved.
    Fail,
}

/// Say what a sync would do. Changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[arg(default_value = "both")]
    pub(crate) direction: Direction,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// For commands that wait for GitLab.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// End at a rate limit instead of waiting until GitLab takes requests again.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    Push,
    Pull,
    Both,
}

/// Bring the branch to what the folder says, in one commit where it fits.
#[derive(Debug, Args)]
pub(crate) struct Push {
    #[command(flatten)]
    pub(crate) moving: Moving,
    /// First lines of the commit's message; `{summary}`, `{files}` and `{branch}` are filled in.
    #[arg(short, long)]
    pub(crate) message: Option<String>,
}

/// Bring the folder to what the branch says.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    pub(crate) moving: Moving,
}

/// Pull, then push.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) moving: Moving,
    /// First lines of the commit's message; `{summary}`, `{files}` and `{branch}` are filled in.
    #[arg(short, long)]
    pub(crate) message: Option<String>,
}

/// For commands that move files.
#[derive(Debug, Args)]
pub(crate) struct Moving {
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do what the plan of this digest says and nothing else.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) plan: Option<String>,
    /// Go on although many files would be deleted.
    #[arg(long)]
    pub(crate) approve_deletions: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// List the conflicts that wait to be resolved.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Conflicts {
    #[command(subcommand)]
    pub(crate) command: Option<ConflictsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictsCommand {
    /// Print both versions of one, with what differs.
    Show {
        /// As `conflicts` lists it.
        id: String,
    },
}

/// Put the chosen version of a conflict into the folder; the next push ships it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("choice").required(true).args(["ours", "theirs", "merged", "file"]))]
pub(crate) struct Resolve {
    /// As `conflicts` lists it.
    pub(crate) id: String,
    /// The folder's version.
    #[arg(long)]
    pub(crate) ours: bool,
    /// GitLab's version.
    #[arg(long)]
    pub(crate) theirs: bool,
    /// The lines of both: where both changed the same ones, the folder's first and then GitLab's.
    #[arg(long)]
    pub(crate) merged: bool,
    /// The content of this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Say what is configured and when it was last in step. Reaches nothing.
#[derive(Debug, Args)]
pub(crate) struct Status {}

/// Probe everything a sync needs, one check after the other.
#[derive(Debug, Args)]
pub(crate) struct Diagnose {}

/// The webhook in GitLab, its secret, and deliveries that a server of yours received.
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Say whether deliveries can arrive: URL, secret, events, branch, state, last delivery. Changes nothing.
    Status,
    /// Bring the webhook in GitLab to what is wanted: make it, put it right, or wake it.
    Repair,
    /// Make a new secret and give it to GitLab. The one before stays good for an hour; pasted by hand, until GitLab has used the new one.
    Rotate,
    Follow(Follow),
    Secret(WebhookSecret),
    /// Print where `serve` takes this connection's deliveries: what comes after the server's address in GitLab's URL field.
    Path,
    Verify(WebhookVerify),
}

/// Print the secret to paste into GitLab under Settings → Webhooks.
///
/// It is good as `Secret token` and, from GitLab 19.0 on, as `Signing token`; both may be set at once.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").args(["set", "rotate", "retire"]))]
#[command(after_help = "Examples:
  Take the secret of a webhook that is there already:
    gitlab-sync webhook secret --set < secret-file
  Replace it without losing a delivery:
    gitlab-sync webhook secret --rotate    # paste what it prints into GitLab, unless the connector has given it")]
pub(crate) struct WebhookSecret {
    /// Take the one of a webhook that is there already: from `GITLAB_SYNC_WEBHOOK_SECRET`, a pipe or a prompt. The one before stays good
    /// beside it, until it is retired.
    #[arg(long)]
    pub(crate) set: bool,
    /// Make a new one and print it. Where the connector looks after the webhook, it gives it to GitLab. The one before stays good until
    /// GitLab has used the new one.
    #[arg(long)]
    pub(crate) rotate: bool,
    /// End the one before at once.
    #[arg(long)]
    pub(crate) retire: bool,
}

/// Say who sent a delivery and what it asks for. Reaches nothing.
///
/// With a connection, its secret and its settings are what the delivery is compared with. Without one, give the secret in
/// `GITLAB_SYNC_WEBHOOK_SECRET` or a file, and what is synced with `--project` and `--branch`; then no connection is
/// looked at. A second line of it is the secret before, or the other one of a hook that sends a token and a signature.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("saved").required(true).args(["headers", "delivery"]))]
#[command(after_help = "Exit status: 0 it is verified, 3 it is rejected, 1 it cannot be read.

Examples:
  gitlab-sync webhook verify --headers headers.txt --body body.json
  A signed delivery of last week:
    gitlab-sync webhook verify --headers h.txt --body b.json --received-at 2026-11-14T09:30:00Z
  For somebody without a connection:
    gitlab-sync webhook verify --delivery d.json --secret-file s.txt --project 42 --branch main")]
pub(crate) struct WebhookVerify {
    /// One `Name: value` per line, or a JSON object.
    #[arg(long, value_name = "FILE", requires = "body")]
    pub(crate) headers: Option<PathBuf>,
    /// As received, byte for byte.
    #[arg(long, value_name = "FILE", requires = "headers")]
    pub(crate) body: Option<PathBuf>,
    /// Both in one file: JSON with `headers` and `body`, an entry of GitLab's own log of a webhook, or the request as it came over the wire.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "body"])]
    pub(crate) delivery: Option<PathBuf>,
    /// When it came, if it was saved: `2026-11-14T09:30:00Z`, seconds since 1970, a time as in HTTP, or `header` for its own `Date`, which
    /// proves nothing. A signature is good for five minutes.
    #[arg(long, value_name = "TIME")]
    pub(crate) received_at: Option<String>,
    /// The secret, for somebody without a connection; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The number of the project that is synced, for somebody without a connection.
    #[arg(long, value_name = "ID", requires = "branch")]
    pub(crate) project: Option<u64>,
    /// The branch of it.
    #[arg(long, value_name = "NAME", requires = "project")]
    pub(crate) branch: Option<String>,
}

/// Want a webhook for merge requests and comments of a group or a project, for connections that read records.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("place").required(true).args(["group", "project"]))]
pub(crate) struct Follow {
    /// The group's number. Takes Premium and the Owner role.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) group: Option<u64>,
    /// The project's number. Takes the Maintainer role.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) project: Option<u64>,
    /// Who puts the webhook into GitLab.
    #[arg(long, value_name = "WHO", default_value = "auto")]
    pub(crate) webhook: Hooking,
    /// Where your receiver is, as GitLab reaches it.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
}

/// Remove the webhook, and forget the token, the secrets and the settings. Files stay on both sides.
///
/// A token that is no longer good keeps nobody: what could not be removed in GitLab is named. A webhook that was pasted there has to be
/// deleted there; its secret is no longer good for anything.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {}

/// Stay up: receive webhooks, sync what changed, and show it on a page.
///
/// Ends on SIGINT or SIGTERM: takes nothing new, lets what runs end, and goes on from there when it is started again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  Look around, with nothing to set up:
    gitlab-sync serve --demo
  For real, on this machine; the first command prints the token to sign in with:
    gitlab-sync user add ana --organisation acme --role admin
    gitlab-sync serve    # then open http://127.0.0.1:8470
  For a team and for GitLab, behind something that speaks HTTPS:
    gitlab-sync serve --public-url https://sync.example.com --workspaces /srv/workspaces")]
pub(crate) struct Serve {
    /// Settings (TOML); the options here come before them.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen; 127.0.0.1:8470 if nothing is said.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where people and GitLab reach this server, such as `https://sync.example.com`.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The folder below which connections made on the page have their files.
    #[arg(long, value_name = "DIR")]
    pub(crate) workspaces: Option<PathBuf>,
    /// Print every setting with its default and what it does, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Show everything against a bundled GitLab with sample tenants, in a folder that is gone at the end.
    #[cfg(feature = "demo")]
    #[arg(long, conflicts_with_all = ["workspaces", "config"])]
    pub(crate) demo: bool,
}

/// Change the keys that seal the secrets.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a new master key and new data keys. If it is interrupted, run it again.
    ///
    /// The new key takes the old one's place in the file. With `GITLAB_SYNC_NEW_MASTER_KEY` that one is taken instead, and from then on belongs
    /// into `GITLAB_SYNC_MASTER_KEY`. Nothing else may use this home folder meanwhile.
    Rotate,
}

/// Say who may sign in to the server.
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Let somebody in, and print the token to sign in with. It is not shown again.
    Add {
        /// Such as `ana` or `ana@example.com`.
        name: String,
        /// Whose connections they see; `default` is that of connections made on this command line.
        #[arg(long, value_name = "NAME", default_value = "default")]
        organisation: String,
        /// Viewers look; admins connect, push, pull and see webhook secrets.
        #[arg(long, value_name = "ROLE", default_value = "viewer")]
        role: Role,
    },
    /// List who may sign in.
    List {
        /// Only those of this one.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
    },
    /// Keep somebody out from now on.
    Remove {
        /// As `list` shows it.
        name: String,
        /// As `list` shows it.
        #[arg(long, value_name = "NAME", default_value = "default")]
        organisation: String,
    },
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Viewer,
    Admin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
