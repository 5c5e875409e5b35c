//! The settings of the server, as it prints them.

use super::server::Server;
use crate::program::Program;

#[test]
fn the_settings_that_are_printed_are_ones_that_can_be_used() {
    let program = Program::new();
    let printed = program.run(&["serve", "--print-config"]).quietly(0);
    assert!(printed.contains("\n# metrics-token = ") && printed.contains("\n[network]\n"), "{printed}");
    program.write("serve.toml", &printed);
    let server = Server::start(&program, &["--config", "serve.toml"]);
    assert_eq!(server.get("/healthz").status, 200);
    program.write("wrong.toml", printed.replace("poll-seconds", "pol-seconds"));
    let refused = program.run(&["serve", "--config", "wrong.toml"]).complaint(2);
    assert!(refused.contains("unknown field `pol-seconds`"), "{refused}");
}
