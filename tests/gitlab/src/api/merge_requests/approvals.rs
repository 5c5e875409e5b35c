//! Approvals of a merge request. How much is told depends on the tier; the rules are Premium.

use http::StatusCode;
use serde_json::{Value, json};

use super::entity::person;
use super::found;
use crate::api::users::merge;
use crate::call::Call;
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};
use crate::version::Tier;
use crate::world::merge_requests::{MergeRequest, State};
use crate::world::users::User;

/// Who approved. With Premium also what is missing.
pub(super) fn show(call: &Call) -> Answer {
    let (user, _, row) = found(call)?;
    answer(call, user.as_ref(), &row, StatusCode::OK)
}

/// Whether as many approved as are needed.
pub(super) fn is_met(row: &MergeRequest) -> bool {
    row.approvals.len() >= row.approvals_required as usize
}

/// The same after somebody approved or took it back.
pub(super) fn answer(call: &Call, user: Option<&User>, row: &MergeRequest, status: StatusCode) -> Answer {
    let world = call.app.world();
    let premium = world.settings.tier >= Tier::Premium;
    let told_when = world.settings.version.at_least(18, 6);
    let given = u32::try_from(row.approvals.len()).unwrap_or(u32::MAX);
    let left = row.approvals_required.saturating_sub(given);
    let approver = |(id, at): &(u64, jiff::Timestamp)| {
        let mut shown = json!({ "user": person(&call.app, &world, *id) });
        if told_when {
            shown["approved_at"] = iso_millis(*at).into();
        }
        shown
    };
    let me = user.map_or(0, |user| user.id);
    let mine = row.approvals.iter().any(|(id, _)| *id == me);
    let mut shown = json!({
        "user_has_approved": mine,
        "user_can_approve": row.state == State::Opened && me != 0 && me != row.author_id && !mine,
        // Free counts one approval as enough, Premium what its rules ask for, which may be none.
        "approved": if premium { left == 0 } else { given > 0 },
        "approved_by": row.approvals.iter().map(approver).collect::<Vec<_>>(),
    });
    if premium {
        let rules = json!({
            "id": row.id, "iid": row.iid, "project_id": row.project_id,
            "title": row.title, "description": row.description, "state": row.state.word(),
            "created_at": iso_millis(row.created_at), "updated_at": iso_millis(row.updated_at),
            "merge_status": "can_be_merged",
            "approvals_required": row.approvals_required, "approvals_left": left,
            "require_password_to_approve": false,
            "suggested_approvers": [], "approvers": [], "approver_groups": [],
            "approval_rules_left": [], "has_approval_rules": true,
            "merge_request_approvers_available": true, "multiple_approval_rules_available": true,
            "invalid_approvers_rules": [],
        });
        merge(&mut shown, rules);
    }
    Reply::json(status, &shown)
}

/// The rules and how far each is met: one, that anybody may meet.
pub(super) fn state(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let world = call.app.world();
    if world.settings.tier < Tier::Premium {
        return Err(ApiError::nothing_found());
    }
    let approvers: Vec<Value> = row.approvals.iter().map(|(id, _)| person(&call.app, &world, *id)).collect();
    let needed = row.approvals_required as usize;
    Reply::ok(&json!({
        "approval_rules_overwritten": false,
        "rules": [{
            "id": row.id,
            "name": "All Members",
            "rule_type": "any_approver",
            "report_type": null,
            "eligible_approvers": [],
            "approvals_required": row.approvals_required,
            "source_rule": null,
            "users": [],
            "groups": [],
            "contains_hidden_groups": false,
            "section": null,
            "approved": approvers.len() >= needed,
            "approved_by": approvers,
            "overridden": false,
        }],
    }))
}
