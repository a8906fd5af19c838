using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>A segment in the row of those that a queue's restore reads.</summary>
/// <param name="BackupId">The backup that holds it.</param>
/// <param name="Entry">Its row in the manifest.</param>
/// <param name="FirstOrdinal">Number of its first record among all records of the queue's source, from 0, counted whether they are meant or not: the same at each try.</param>
/// <param name="NeedsFilter">Only its records tell which of them are meant.</param>
internal sealed record SourceSegment(string BackupId, SegmentEntry Entry, long FirstOrdinal, bool NeedsFilter)
{
    /// <summary>Number behind that of its last record.</summary>
    internal long EndOrdinal => FirstOrdinal + Entry.Records;
}
