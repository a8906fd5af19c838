namespace RabbitMqBackup.Engine.Broker;

/// <summary>What is needed to declare a queue.</summary>
internal sealed record QueueDeclaration
{
    /// <summary>Virtual host and name.</summary>
    public required QueueName Queue { get; init; }

    /// <summary><c>classic</c>, <c>quorum</c> or <c>stream</c>; becomes <c>x-queue-type</c> unless the arguments have it.</summary>
    public required string Type { get; init; }

    /// <summary>Survives a restart.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Deleted with its last consumer.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Belongs to the connection that declares it.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Arguments as the management API or a manifest has them.</summary>
    public IReadOnlyDictionary<string, object?> Arguments { get; init; } = new Dictionary<string, object?>();
}
