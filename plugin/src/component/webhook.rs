//! The verdict on a delivery in the words of the contract.

use super::bindings::exports::gitlab_sync::connector::sync as wit;
use crate::webhook::{
    CiRun, Event, ExpiringToken, Proof, RecordKind, RecordRef, RefMove, Scope, TokenClass, Verdict, Work,
};

impl From<Verdict> for wit::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Rejected(reason) => Self::Rejected(reason.into()),
            Verdict::Verified(event) => Self::Verified((*event).into()),
        }
    }
}

impl From<Event> for wit::Event {
    fn from(event: Event) -> Self {
        let concern = event.concern;
        Self {
            proof: match event.proof {
                Proof::Token => wit::Proof::Token,
                Proof::Signature => wit::Proof::Signature,
            },
            kind: event.kind,
            action: event.action,
            hook: match event.scope {
                Scope::ProjectOrGroup => wit::HookScope::ProjectOrGroup,
                Scope::Group => wit::HookScope::Group,
                Scope::System => wit::HookScope::System,
            },
            project: concern.project,
            project_path: concern.project_path,
            group: concern.group,
            group_path: concern.group_path,
            user: concern.user,
            username: concern.username,
            records: concern.records.into_iter().map(Into::into).collect(),
            moves: event.moves.into_iter().map(Into::into).collect(),
            at_ms: concern.at_ms,
            deduplication_key: event.deduplication_key,
            work: event.work.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Work> for wit::Work {
    fn from(work: Work) -> Self {
        match work {
            Work::Pull(commit) => Self::Pull(commit),
            Work::Refresh(records) => Self::Refresh(records.into_iter().map(Into::into).collect()),
            Work::RunCi(run) => Self::RunCi(run.into()),
            Work::TokenExpires(token) => Self::TokenExpires(token.into()),
            Work::Nothing(reason) => Self::Nothing(reason),
        }
    }
}

impl From<RecordRef> for wit::RecordRef {
    fn from(record: RecordRef) -> Self {
        let kind = match record.kind {
            RecordKind::MergeRequest => wit::RecordKind::MergeRequest,
            RecordKind::Approval => wit::RecordKind::Approval,
            RecordKind::Note => wit::RecordKind::Note,
            RecordKind::Issue => wit::RecordKind::Issue,
            RecordKind::Milestone => wit::RecordKind::Milestone,
            RecordKind::Pipeline => wit::RecordKind::Pipeline,
            RecordKind::Job => wit::RecordKind::Job,
            RecordKind::Deployment => wit::RecordKind::Deployment,
            RecordKind::Release => wit::RecordKind::Release,
            RecordKind::Member => wit::RecordKind::Member,
            RecordKind::User => wit::RecordKind::User,
            RecordKind::Project => wit::RecordKind::Project,
            RecordKind::Group => wit::RecordKind::Group,
        };
        Self { kind, id: record.id, iid: record.iid }
    }
}

impl From<RefMove> for wit::RefMove {
    fn from(moved: RefMove) -> Self {
        Self { name: moved.name, before: moved.before, after: moved.after }
    }
}

impl From<CiRun> for wit::CiRun {
    fn from(run: CiRun) -> Self {
        Self {
            project: run.project,
            iid: run.iid,
            commit: run.commit,
            source_branch: run.source_branch,
            source_project: run.source_project,
            target_branch: run.target_branch,
            draft: run.draft,
        }
    }
}

impl From<ExpiringToken> for wit::ExpiringToken {
    fn from(token: ExpiringToken) -> Self {
        let class = match token.class {
            TokenClass::Access => wit::TokenClass::AccessToken,
            TokenClass::Deploy => wit::TokenClass::DeployToken,
        };
        Self { class, id: token.id, name: token.name, expires_on: token.expires_on }
    }
}
