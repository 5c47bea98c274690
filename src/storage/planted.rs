//! Mistakes that can be planted, to prove that the fault harness finds them.
//!
//! In a build without debug assertions [`Planted`] is empty and [`Planted::has`] is `false` for the
//! compiler too: nothing of this exists in a program that is given to users.

/// A mistake in the code that keeps data. Each says what the store then does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A commit is acknowledged and the log never synced.
    SkipLogSync,
    /// A commit is published and acknowledged before the log is synced.
    AcknowledgeEarly,
    /// A new segment is begun without a sync of the one before it.
    SkipRotationSync,
    /// A new segment gets its name before its head is synced.
    SkipHeadSync,
    /// The folder is not synced after a segment got its name.
    SkipFolderSync,
    /// Recovery takes a record whose chain does not follow from the one before it.
    IgnoreChain,
    /// Recovery takes a record whose checksum is wrong.
    IgnoreChecksum,
    /// Recovery takes all damage for a torn tail.
    TruncateAtDamage,
    /// Records claim that their own transaction is durable, so a torn tail looks like damage.
    ClaimDurable,
    /// A flush writes what the log does not durably have yet.
    FlushBeforeSync,
    /// The last record of a group is not written.
    DropLastOfGroup,
    /// Recovery takes a transaction whose last record is missing.
    TakeHalfTransaction,
    /// A flush does not say up to which transaction it went.
    ForgetFlushedLsn,
    /// A flush says up to which transaction it went before it has written that.
    FlushedLsnFirst,
    /// Segments are deleted before what they hold is flushed.
    DeleteSegmentsEarly,
    /// A failed sync is tried again, and its success believed.
    RetryFailedSync,
    /// The store goes on writing after a failed sync.
    GoOnAfterFailedSync,
    /// A transaction whose write failed stays visible in the memtable.
    KeepFailedWrite,
    /// After a failed write the log goes on behind what it left, and not where it began.
    GoOnBehindFailedWrite,
    /// Recovery does not count the rows.
    ForgetCounts,
    /// Recovery leaves out the adjacency of incoming edges.
    ForgetAdjacency,
    /// Recovery leaves out ids of deleted rows.
    ForgetIdDeletes,
    /// Recovery leaves out definitions.
    ForgetDefinitions,
    /// Recovery leaves the records' lsn empty.
    ForgetStamp,
    /// After recovery the log goes on in the torn segment, behind the damage.
    AppendBehindTorn,
    /// The checksums of blocks are synced after the blocks.
    SumsAfterData,
    /// The data file is not synced.
    SkipDataSync,
    /// A commit does not check again that the ends of its edges live.
    SkipEndsCheck,
    /// A commit does not check again that its rows are as it saw them.
    SkipRowsCheck,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 29] = [
        Bug::SkipLogSync,
        Bug::AcknowledgeEarly,
        Bug::SkipRotationSync,
        Bug::SkipHeadSync,
        Bug::SkipFolderSync,
        Bug::IgnoreChain,
        Bug::IgnoreChecksum,
        Bug::TruncateAtDamage,
        Bug::ClaimDurable,
        Bug::FlushBeforeSync,
        Bug::DropLastOfGroup,
        Bug::TakeHalfTransaction,
        Bug::ForgetFlushedLsn,
        Bug::FlushedLsnFirst,
        Bug::DeleteSegmentsEarly,
        Bug::RetryFailedSync,
        Bug::GoOnAfterFailedSync,
        Bug::KeepFailedWrite,
        Bug::GoOnBehindFailedWrite,
        Bug::ForgetCounts,
        Bug::ForgetAdjacency,
        Bug::ForgetIdDeletes,
        Bug::ForgetDefinitions,
        Bug::ForgetStamp,
        Bug::AppendBehindTorn,
        Bug::SumsAfterData,
        Bug::SkipDataSync,
        Bug::SkipEndsCheck,
        Bug::SkipRowsCheck,
    ];
}

/// The mistake that is planted in a store, if any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Planted(#[cfg(debug_assertions)] Option<Bug>);

impl Planted {
    /// A store with this mistake.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn bug(bug: Bug) -> Self {
        Self(Some(bug))
    }

    /// Whether this mistake is to be made.
    #[inline]
    #[must_use]
    pub(crate) fn has(self, bug: Bug) -> bool {
        #[cfg(debug_assertions)]
        return self.0 == Some(bug);
        #[cfg(not(debug_assertions))]
        {
            let _ = bug;
            false
        }
    }
}
