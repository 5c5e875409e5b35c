//! Counts for operators, in Prometheus' text form.
//!
//! Decided here: what is counted, and that every label's values are a closed set written in this program ([`Label`]): no name of a tenant,
//! a project, an address or an error's text ever becomes one, so that their number stays the same however many tenants there are, and
//! whoever may read this learns nothing of them. Not decided here: who may read it (`health`).

use super::job::Job;
use super::queue::Depth;
use gitlab_sync_host::audit::{AuditError, AuditTrail, Event, Record};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Values of one label.
pub(crate) trait Label: Copy + PartialEq + 'static {
    /// Of the label.
    const NAME: &'static str;
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

/// Declares a label with its values.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident $label:literal { $($(#[$value_doc:meta])* $value:ident $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$value_doc])* $value),+ }

        impl Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }
    };
}

label!(
    /// What became of a delivery.
    Delivered "verdict" {
        /// It leads to a job.
        Taken "taken",
        /// Its sender is proved, and there is nothing to do.
        Noted "noted",
        /// It was taken before.
        Repeat "repeat",
        /// Wrong secret, or a path that is nobody's.
        Rejected "rejected",
        TooLarge "too-large",
        /// It could not be read or kept; GitLab sends it again.
        Failed "failed",
    }
);

label!(
    /// How a try of a job ended.
    Ended "outcome" { Done "done", Again "again", GivenUp "given-up", BrokenOff "broken-off" }
);

label!(
    /// What GitLab answered.
    Class "class" {
        Success "2xx",
        Redirect "3xx",
        Refused "4xx",
        Limited "429",
        Broken "5xx",
        /// It never went out, by policy.
        Denied "denied",
        /// No answer came.
        Silent "none",
    }
);

label!(
    /// Which call of the connector.
    Export "call" {
        Locate "locate",
        Connect "connect",
        Projects "projects",
        Branches "branches",
        Configure "configure",
        Plan "plan",
        Push "push",
        Pull "pull",
        Conflicts "conflicts",
        Versions "conflict-versions",
        Resolve "resolve",
        Verify "verify-webhook",
        Status "status",
        Diagnose "diagnose",
        Disconnect "disconnect",
        Other "other",
    }
);

label!(
    /// What the server answered, to anyone.
    Answered "class" { Done "2xx", Moved "3xx", Refused "4xx", Failed "5xx" }
);

label!(
    /// How edits of a workspace are noticed.
    Watched "way" {
        /// The system tells.
        Told "told",
        /// The server looks.
        Looked "looked",
    }
);

impl Label for Job {
    const NAME: &'static str = "job";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// Everything that is counted.
pub(crate) struct Metrics {
    deliveries: Family<Delivered>,
    jobs: Vec<(Job, Family<Ended>)>,
    calls: Vec<(Export, Histogram)>,
    requests: Family<Class>,
    answers: Family<Answered>,
    folders: Family<Watched>,
}

/// One number for each value of a label.
struct Family<L: Label>(Box<[(L, AtomicU64)]>);

/// Upper bounds of the buckets, in milliseconds; a verification takes a tenth of the first, a first pull may take longer than the last.
const BUCKETS_MS: [u64; 8] = [1, 5, 25, 100, 500, 2_500, 10_000, 60_000];

/// How long things took.
#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_MS.len()],
    count: AtomicU64,
    sum_ms: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            deliveries: Family::new(),
            jobs: Job::ALL.into_iter().map(|job| (job, Family::new())).collect(),
            calls: Export::ALL.iter().map(|export| (*export, Histogram::default())).collect(),
            requests: Family::new(),
            answers: Family::new(),
            folders: Family::new(),
        }
    }

    pub(crate) fn delivered(&self, verdict: Delivered) {
        self.deliveries.add(verdict);
    }

    pub(crate) fn ended(&self, job: Job, ended: Ended) {
        self.jobs.iter().filter(|(kind, _)| *kind == job).for_each(|(_, family)| family.add(ended));
    }

    pub(crate) fn answered(&self, status: u16) {
        self.answers.add(match status {
            ..300 => Answered::Done,
            300..400 => Answered::Moved,
            400..500 => Answered::Refused,
            500.. => Answered::Failed,
        });
    }

    /// Folders that are listened to, and folders that are looked at.
    pub(crate) fn watched(&self, told: usize, looked: usize) {
        self.folders.set(Watched::Told, told);
        self.folders.set(Watched::Looked, looked);
    }

    fn called(&self, export: Export, time: Duration) {
        self.calls.iter().filter(|(known, _)| *known == export).for_each(|(_, histogram)| histogram.add(time));
    }

    fn requested(&self, class: Class) {
        self.requests.add(class);
    }

    /// The page that Prometheus reads.
    pub(crate) fn text(&self, depth: &Depth, now_ms: u64) -> String {
        let mut page = String::new();
        let told = self.write(depth, now_ms, &mut page);
        told.expect("a string takes everything");
        page
    }

    fn write(&self, depth: &Depth, now_ms: u64, page: &mut String) -> fmt::Result {
        head(page, "deliveries_total", "counter", "Webhook deliveries by what became of them")?;
        self.deliveries.write(page, "deliveries_total", "")?;
        head(page, "jobs_total", "counter", "Tries of jobs by how they ended")?;
        for (job, family) in &self.jobs {
            family.write(page, "jobs_total", &format!("job=\"{}\",", job.word()))?;
        }
        head(page, "queue_jobs", "gauge", "Jobs in the queue")?;
        for (stage, count) in [("waiting", depth.waiting), ("running", depth.running), ("dead", depth.dead)] {
            writeln!(page, "gitlab_sync_queue_jobs{{stage=\"{stage}\"}} {count}")?;
        }
        head(page, "queue_oldest_seconds", "gauge", "How long the job waits that could have begun first")?;
        let oldest = depth.oldest_due_ms.map_or(0, |due| now_ms.saturating_sub(due));
        writeln!(page, "gitlab_sync_queue_oldest_seconds {}", Seconds(oldest))?;
        head(page, "call_seconds", "histogram", "How long calls of the connector took")?;
        for (export, histogram) in &self.calls {
            histogram.write(page, "call_seconds", &format!("call=\"{}\"", export.word()))?;
        }
        head(page, "gitlab_requests_total", "counter", "Requests to GitLab by what came of them")?;
        self.requests.write(page, "gitlab_requests_total", "")?;
        head(page, "answers_total", "counter", "Answers of this server")?;
        self.answers.write(page, "answers_total", "")?;
        head(page, "watched_folders", "gauge", "Workspaces by how edits in them are noticed")?;
        self.folders.write(page, "watched_folders", "")
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(page, "# HELP gitlab_sync_{name} {help}.\n# TYPE gitlab_sync_{name} {kind}")
}

impl<L: Label> Family<L> {
    fn new() -> Self {
        Self(L::ALL.iter().map(|value| (*value, AtomicU64::new(0))).collect())
    }

    fn add(&self, value: L) {
        for count in self.of(value) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn set(&self, value: L, to: usize) {
        self.of(value).for_each(|count| count.store(to as u64, Ordering::Relaxed));
    }

    fn of(&self, value: L) -> impl Iterator<Item = &AtomicU64> {
        self.0.iter().filter(move |(known, _)| *known == value).map(|(_, count)| count)
    }

    fn write(&self, page: &mut String, name: &str, labels: &str) -> fmt::Result {
        for (value, count) in &self.0 {
            let (label, word, count) = (L::NAME, value.word(), count.load(Ordering::Relaxed));
            writeln!(page, "gitlab_sync_{name}{{{labels}{label}=\"{word}\"}} {count}")?;
        }
        Ok(())
    }
}

impl Histogram {
    fn add(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS_MS.iter().position(|most| ms <= *most) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self, page: &mut String, name: &str, label: &str) -> fmt::Result {
        // Read first, so that no bucket is larger than the count.
        let mut below = 0;
        for (most, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            writeln!(page, "gitlab_sync_{name}_bucket{{{label},le=\"{}\"}} {below}", Seconds(*most))?;
        }
        let (count, sum) = (self.count.load(Ordering::Relaxed), self.sum_ms.load(Ordering::Relaxed));
        writeln!(page, "gitlab_sync_{name}_bucket{{{label},le=\"+Inf\"}} {}", count.max(below))?;
        writeln!(page, "gitlab_sync_{name}_sum{{{label}}} {}", Seconds(sum))?;
        writeln!(page, "gitlab_sync_{name}_count{{{label}}} {}", count.max(below))
    }
}

/// Milliseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// Counts what the audit trail is told, and passes it on.
pub(crate) struct Counted {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) inner: Arc<dyn AuditTrail>,
}

impl AuditTrail for Counted {
    fn record(&self, record: &Record) -> Result<(), AuditError> {
        match &record.event {
            Event::Request(request) => {
                let denied = request.decision != gitlab_sync_host::audit::Decision::Allowed;
                self.metrics.requested(if denied { Class::Denied } else { class(request.status) });
            }
            Event::Call(call) => self.metrics.called(export(&call.export), Duration::from_millis(call.ms)),
            _ => {}
        }
        self.inner.record(record)
    }
}

fn class(status: Option<u16>) -> Class {
    match status {
        None => Class::Silent,
        Some(429) => Class::Limited,
        Some(..300) => Class::Success,
        Some(300..400) => Class::Redirect,
        Some(400..500) => Class::Refused,
        Some(500..) => Class::Broken,
    }
}

fn export(name: &str) -> Export {
    let name = name.rsplit('.').next().unwrap_or(name);
    Export::ALL.iter().copied().find(|export| export.word() == name).unwrap_or(Export::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_host::audit::{Call, Decision, Memory, Request};
    use gitlab_sync_host::connection_id::ConnectionId;

    fn line<'a>(page: &'a str, start: &str) -> &'a str {
        page.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{start}: {page}")).trim()
    }

    #[test]
    fn what_happened_is_counted_under_its_label() {
        let metrics = Metrics::new();
        metrics.delivered(Delivered::Taken);
        metrics.delivered(Delivered::Taken);
        metrics.ended(Job::Push, Ended::Again);
        metrics.answered(204);
        metrics.answered(503);
        metrics.watched(998, 2);
        for ms in [0, 1, 2, 70_000] {
            metrics.called(Export::Pull, Duration::from_millis(ms));
        }
        let depth = Depth { waiting: 3, running: 1, dead: 2, oldest_due_ms: Some(1_500) };
        let page = metrics.text(&depth, 4_000);
        for (start, value) in [
            ("gitlab_sync_deliveries_total{verdict=\"taken\"}", "2"),
            ("gitlab_sync_deliveries_total{verdict=\"rejected\"}", "0"),
            ("gitlab_sync_jobs_total{job=\"push\",outcome=\"again\"}", "1"),
            ("gitlab_sync_jobs_total{job=\"pull\",outcome=\"again\"}", "0"),
            ("gitlab_sync_queue_jobs{stage=\"dead\"}", "2"),
            ("gitlab_sync_queue_oldest_seconds", "2.500"),
            ("gitlab_sync_call_seconds_bucket{call=\"pull\",le=\"0.001\"}", "2"),
            ("gitlab_sync_call_seconds_bucket{call=\"pull\",le=\"60.000\"}", "3"),
            ("gitlab_sync_call_seconds_bucket{call=\"pull\",le=\"+Inf\"}", "4"),
            ("gitlab_sync_call_seconds_sum{call=\"pull\"}", "70.003"),
            ("gitlab_sync_call_seconds_count{call=\"push\"}", "0"),
            ("gitlab_sync_answers_total{class=\"5xx\"}", "1"),
            ("gitlab_sync_watched_folders{way=\"looked\"}", "2"),
        ] {
            assert_eq!(line(&page, start), value, "{start}");
        }
        let later = metrics.text(&Depth { oldest_due_ms: Some(9_000), ..depth }, 4_000);
        assert_eq!(line(&later, "gitlab_sync_queue_oldest_seconds"), "0.000", "one that is not due yet does not wait");
    }

    // Each series is known before anything has happened, so nothing that happens can add one.
    #[test]
    fn the_page_has_the_same_lines_whatever_happens_and_each_is_well_formed() {
        let names = |page: &str| page.lines().map(|it| it.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>();
        let metrics = Arc::new(Metrics::new());
        let before = metrics.text(&Depth::default(), 0);
        let inner = Arc::new(Memory::new());
        let counted = Counted { metrics: metrics.clone(), inner: inner.clone() };
        let tell = |event| {
            let connection = ConnectionId::parse("tenant-canary").unwrap();
            counted.record(&Record { time_ms: 1, connection, call: "canary".into(), event }).unwrap();
        };
        for status in [None, Some(200), Some(302), Some(404), Some(429), Some(503), Some(999)] {
            let text = || "canary".to_owned();
            let (bytes_up, bytes_down, ms, port) = (0, 0, 1, 443);
            let decision = Decision::Allowed;
            let request = Request {
                method: text(),
                host: text(),
                port,
                path: text(),
                decision,
                status,
                bytes_up,
                bytes_down,
                ms,
            };
            tell(Event::Request(request));
        }
        for name in ["sync.verify-webhook", "records.canary", "canary"] {
            let call = Call { export: name.into(), outcome: "canary".into(), fuel: 1, peak_memory_bytes: 1, ms: 7 };
            tell(Event::Call(call));
        }
        assert_eq!(inner.records().len(), 10, "all is passed on");
        let after = metrics.text(&Depth::default(), 0);
        assert_eq!(names(&before), names(&after));
        assert!(!after.contains("canary") && after.len() < 16 << 10, "{}", after.len());
        assert_eq!(line(&after, "gitlab_sync_gitlab_requests_total{class=\"5xx\"}"), "2");
        assert_eq!(line(&after, "gitlab_sync_call_seconds_count{call=\"verify-webhook\"}"), "1");
        assert_eq!(line(&after, "gitlab_sync_call_seconds_count{call=\"other\"}"), "2");
        let mut typed = "";
        for line in after.lines().filter(|line| !line.starts_with("# HELP")) {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                typed = kind.split(' ').next().unwrap();
            } else {
                assert!(line.starts_with(typed), "{line} is under the head of {typed}");
                assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
}
