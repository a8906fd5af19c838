namespace RabbitMqBackup.Engine.Broker;

/// <summary>Which queues of a cluster are meant. Patterns use <c>*</c>, <c>?</c> and <c>[a-z]</c>, as PowerShell does; they match without regard to case, and a name that equals a pattern literally always matches.</summary>
public sealed record QueueSelection
{
    /// <summary>Names to take. Default: all.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Names to leave out. Default: none.</summary>
    public IReadOnlyList<string> ExcludedNames { get; init; } = [];

    /// <summary>Virtual hosts. Default: all.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];

    /// <summary><c>classic</c>, <c>quorum</c>, <c>stream</c>. Default: all.</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    /// <summary>Leave out queues with fewer ready messages than this. Default 0.</summary>
    public long MinimumDepth { get; init; }

    /// <summary>Exactly these queues, as they came down the pipeline; null for no such limit.</summary>
    public IReadOnlyList<QueueName>? Exactly { get; init; }
}
