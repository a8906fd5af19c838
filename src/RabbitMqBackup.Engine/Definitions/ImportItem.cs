namespace RabbitMqBackup.Engine.Definitions;

/// <summary>One object of an import.</summary>
public sealed record ImportItem
{
    /// <summary>Which object, e.g. <c>queue 'orders' in '/'</c>.</summary>
    public required string Object { get; init; }

    /// <summary>What became of it; in a plan: what would.</summary>
    public required ImportOutcome Outcome { get; init; }

    /// <summary>Where it differs or why it failed, for people; empty when it is as wanted.</summary>
    public string Reason { get; init; } = "";
}
