namespace RabbitMqBackup.Engine.Broker;

/// <summary>One thing that the pre-flight check found out about a queue.</summary>
/// <param name="Verdict">What it alone would mean.</param>
/// <param name="Reason">A sentence for people.</param>
/// <param name="Code">The code of the skip, where it means one.</param>
/// <param name="IsUnreadable">No way of reading exists, with or without force.</param>
internal sealed record ReadFinding(ReadVerdict Verdict, string Reason, ErrorCode? Code = null, bool IsUnreadable = false)
{
    internal static ReadFinding Note(string reason) => new(ReadVerdict.Safe, reason);

    internal static ReadFinding Caution(string reason) => new(ReadVerdict.Caution, reason);

    internal static ReadFinding AtRisk(string reason) => new(ReadVerdict.Unsafe, reason, ErrorCode.QueueAtRisk);

    internal static ReadFinding Unreadable(ErrorCode code, string reason) => new(ReadVerdict.Unsafe, reason, code, IsUnreadable: true);
}
