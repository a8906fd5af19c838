namespace RabbitMqBackup.Engine.Catalog;

/// <summary>The words of a manifest for states; they stay when a member of an enumeration is renamed.</summary>
internal static class ManifestWords
{
    internal static string Of(BackupStatus status) => status switch
    {
        BackupStatus.Complete => "complete",
        BackupStatus.Partial => "partial",
        _ => throw new ArgumentOutOfRangeException(nameof(status)),
    };

    internal static string Of(QueueOutcome outcome) => outcome switch
    {
        QueueOutcome.Captured => "captured",
        QueueOutcome.Incomplete => "incomplete",
        QueueOutcome.Skipped => "skipped",
        QueueOutcome.Failed => "failed",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    internal static BackupStatus? Status(string word) => word switch
    {
        "complete" => BackupStatus.Complete,
        "partial" => BackupStatus.Partial,
        _ => null,
    };

    internal static QueueOutcome? Outcome(string word) => word switch
    {
        "captured" => QueueOutcome.Captured,
        "incomplete" => QueueOutcome.Incomplete,
        "skipped" => QueueOutcome.Skipped,
        "failed" => QueueOutcome.Failed,
        _ => null,
    };
}
