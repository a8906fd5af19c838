namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>A segment that is committed to the store.</summary>
/// <param name="Number">Its number in the queue, from 1, ascending; numbers may be missing.</param>
/// <param name="Records">Messages in it.</param>
/// <param name="Fingerprint">The chain over all records of the queue up to its end; 0 for streams, which have offsets.</param>
/// <param name="Entry">Its row of the manifest, in JSON.</param>
internal sealed record SegmentCheckpoint(long Number, long Records, long Fingerprint, byte[] Entry);
