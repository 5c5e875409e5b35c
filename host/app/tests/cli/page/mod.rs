//! The server's pages, in a real browser, against the real program and a simulated GitLab.
//!
//! Where no browser can be had the tests say so on standard error and end; with `GITLAB_SYNC_REAL_CLIENTS=required` they fail instead.

mod chromium;
mod clients;
mod flows;
mod guards;
mod reading;
mod scene;
mod secrets;
