namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>How a stream is written.</summary>
internal sealed record StreamPublishOptions
{
    /// <summary>Entries in one frame, at most. Default 500: more brought nothing.</summary>
    public int FrameEntries { get; init; } = 500;

    /// <summary>Entries sent and not confirmed, at most. Default 10,000.</summary>
    public int Window { get; init; } = 10_000;

    /// <summary>How long the broker may confirm nothing. Default 60 s.</summary>
    public TimeSpan ConfirmTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
