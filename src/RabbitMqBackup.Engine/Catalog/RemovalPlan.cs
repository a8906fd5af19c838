namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What a removal will do, decided before anything is touched.</summary>
public sealed record RemovalPlan
{
    /// <summary>The options it was made from.</summary>
    public required RemovalOptions Options { get; init; }

    /// <summary>Every backup that was looked at, oldest first; but what others are based on comes after them, so that no chain is broken when the work stops half-way.</summary>
    public required IReadOnlyList<BackupRemoval> Backups { get; init; }

    /// <summary>What was asked to be removed and is not, each with its reason.</summary>
    public IEnumerable<RabbitBackupException> Refusals => Backups.Select(backup => backup.Refusal).OfType<RabbitBackupException>();
}
