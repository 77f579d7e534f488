//! The scripts that the server runs for us: each is atomic there, and may be run twice without harm.

/// How many there are.
pub(super) const SCRIPTS: usize = 12;

/// A script; its arguments are in its first lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Commit,
    Find,
    KeepReport,
    Report,
    KeepHead,
    Chains,
    Page,
    Lock,
    Due,
    Around,
    Prune,
    Sweep,
}

macro_rules! script {
    ($file:literal) => {
        concat!(include_str!("scripts/tally.lua"), include_str!(concat!("scripts/", $file)))
    };
}

impl Script {
    /// Its text.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Commit => script!("commit.lua"),
            Self::Find => script!("find.lua"),
            Self::KeepReport => script!("keep_report.lua"),
            Self::Report => script!("report.lua"),
            Self::KeepHead => script!("keep_head.lua"),
            Self::Chains => script!("chains.lua"),
            Self::Page => script!("page.lua"),
            Self::Lock => script!("lock.lua"),
            Self::Due => script!("due.lua"),
            Self::Around => script!("around.lua"),
            Self::Prune => script!("prune.lua"),
            Self::Sweep => script!("sweep.lua"),
        }
    }
}
