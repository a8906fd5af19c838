namespace RabbitMqBackup.Bench.Workers;

/// <summary>What a child process is told; travels as JSON.</summary>
internal sealed record WorkerSettings
{
    /// <summary>Broker and virtual host, with credentials.</summary>
    public required Uri Amqp { get; init; }

    /// <summary>Management API, without <c>/api</c>.</summary>
    public required Uri Management { get; init; }

    /// <summary>Port of the stream protocol, on the same host.</summary>
    public required int StreamPort { get; init; }

    /// <summary>Virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>The queue, which exists.</summary>
    public required string Queue { get; init; }

    /// <summary>A queue with a few messages to read before the clock starts, so that code is compiled; null to start cold.</summary>
    public string? WarmUpQueue { get; init; }

    /// <summary>Messages in that queue.</summary>
    public int WarmUpMessages { get; init; } = ChildProcess.WarmUpMessages;

    /// <summary>Messages to read or to write.</summary>
    public required int Messages { get; init; }

    /// <summary>Bytes of a body.</summary>
    public required int Size { get; init; }

    /// <summary>What bodies are made of.</summary>
    public required BodyKind Body { get; init; }

    /// <summary>Prefetch of each consumer.</summary>
    public required ushort Prefetch { get; init; }

    /// <summary>Messages left unconfirmed at most.</summary>
    public required int Window { get; init; }

    /// <summary>The backup's compression.</summary>
    public required string Compression { get; init; }

    /// <summary>Folder that holds or gets the backup.</summary>
    public required string Store { get; init; }
}
