using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>One queue's part of the journal: what of it is in the store already, and what is added.</summary>
internal sealed class QueueJournal(BackupJournal journal, string virtualHost, string name)
{
    /// <summary>Where the chain of fingerprints begins.</summary>
    internal long Seed => journal.Seed;

    /// <summary>Segments that earlier attempts committed, oldest first. They count once the records that are read now have matched them.</summary>
    internal IReadOnlyList<StoredSegment> Stored => journal.Segments(virtualHost, name);

    /// <summary>The next number of a segment whose key nothing in the store has.</summary>
    internal long NextNumber(Func<long, string> keyOf, long last)
    {
        long number = last + 1;
        while (journal.IsTaken(keyOf(number)))
        {
            number++;
        }

        return number;
    }

    /// <summary>A segment is committed.</summary>
    internal void Add(StoredSegment segment) => journal.AddSegment(virtualHost, name, segment);

    /// <summary>The records that are read now differ from the segments from this one on.</summary>
    internal void DropFrom(StoredSegment segment) => journal.DropSegments(virtualHost, name, segment.Number);

    /// <summary>What was added behind this one does not count.</summary>
    internal void DropAbove(StoredSegment segment) => journal.DropSegments(virtualHost, name, segment.Number + 1);
}
