namespace RabbitMqBackup.Engine.Restore;

/// <summary>How far the restore of a queue came.</summary>
/// <param name="Through">Ordinal of the first message that is not through.</param>
/// <param name="Passed">Messages through, whatever became of them.</param>
/// <param name="Expired">Of these, those whose time to live was over.</param>
/// <param name="Beyond">So many messages behind <paramref name="Through"/> at most may be at the target already.</param>
/// <param name="Refused">Ordinals of those that the target did not take, of those before <paramref name="Through"/>; in a mark to be recorded, those that are new.</param>
internal sealed record RestoreMark(long Through, long Passed, long Expired, long Beyond, IReadOnlyList<long> Refused);
