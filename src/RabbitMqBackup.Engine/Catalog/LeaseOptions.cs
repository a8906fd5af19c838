namespace RabbitMqBackup.Engine.Catalog;

/// <summary>How leases are taken and kept.</summary>
internal sealed record LeaseOptions
{
    /// <summary>Takes away a lease whose holder is gone. A lease whose holder lives is never taken away. Default false.</summary>
    internal bool BreakStale { get; init; }

    /// <summary>Time between two signs of life. Default 1 minute.</summary>
    internal TimeSpan RenewEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Silence after which a holder counts as gone. Default 10 minutes: longer than any trouble of a store that a backup survives.</summary>
    internal TimeSpan StaleAfter { get; init; } = TimeSpan.FromMinutes(10);
}
