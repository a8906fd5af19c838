namespace RabbitMqBackup.Engine.Storage;

/// <summary>One thing that a store was tried for.</summary>
/// <param name="Name">What was tried, e.g. <c>write</c>.</param>
/// <param name="Passed">True where it works.</param>
/// <param name="IsRequired">A store that fails here can't take backups.</param>
/// <param name="Message">For people: what is missing and what follows from it; empty where it works.</param>
public sealed record StoreProbeStep(string Name, bool Passed, bool IsRequired, string Message)
{
    /// <summary>What the store's answer was, where there was an error.</summary>
    internal RabbitBackupException? Failure { get; init; }
}
