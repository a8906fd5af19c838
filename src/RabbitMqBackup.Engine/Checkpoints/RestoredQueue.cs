namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>How far the restore of a queue came.</summary>
/// <param name="Through">Number of the first record of the source that is not through.</param>
/// <param name="Passed">Messages through, whatever became of them.</param>
/// <param name="Expired">Of these, those whose time to live was over.</param>
/// <param name="Beyond">So many messages behind <paramref name="Through"/> at most may be at the target already.</param>
internal sealed record RestoredQueue(long Through, long Passed, long Expired, long Beyond);
