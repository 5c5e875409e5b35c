//! The real component in the real host against the simulator, over loopback: from connect to webhook, and every kind of trouble.

/// Any edits, syncs and troubles in any order.
mod anything;
/// Whom commits name.
mod author;
/// The table of behaviours.
mod behaviour;
/// Which project and branch, and pickers longer than a page.
mod configure;
/// Both sides changed the same file.
mod conflicts;
/// Who the token is, where GitLab is, and what is asked for both.
mod connect;
/// Deliveries that no GitLab sent.
mod deliveries;
/// What is missing, found and named.
mod diagnose;
/// Everything that can go wrong with a request, at every request.
mod faults;
/// The first sync, in a chosen direction.
mod first;
/// Everything that can go wrong with a webhook.
mod hook_troubles;
/// The webhook in GitLab.
mod hooks;
/// The host or the connector dies in the middle.
mod kills;
/// More than a call reads or a request holds.
mod large;
/// Push and pull: what they cost, and that nothing is changed on the way.
mod moving;
/// Two installations and one branch.
mod ownership;
/// A GitLab that is busy for a while.
mod patience;
/// What other people do meanwhile.
mod rewritten;
/// The webhook's secrets.
mod rotation;
/// A hundred thousand files.
mod scale;
/// Names in both normal forms.
mod spelling;
/// What GitLab tells by itself.
mod webhooks;

/// A project with a webhook and a receiver.
mod hook_scene;
/// What trouble is made for.
mod jobs;
/// A GitLab with a person and projects in it.
mod lab;
/// One host with one connection, as a product has it.
mod product;
/// Where deliveries arrive.
mod receiver;
