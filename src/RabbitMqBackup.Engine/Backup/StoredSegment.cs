using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>A segment of a queue that an earlier attempt committed.</summary>
/// <param name="Number">Its number in the queue.</param>
/// <param name="Fingerprint">The chain over all records of the queue up to its end; 0 for streams.</param>
/// <param name="Entry">Its row of the manifest.</param>
internal sealed record StoredSegment(long Number, long Fingerprint, SegmentEntry Entry);
