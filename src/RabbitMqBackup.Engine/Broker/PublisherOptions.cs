namespace RabbitMqBackup.Engine.Broker;

/// <summary>How a publisher bounds what is on its way.</summary>
internal sealed record PublisherOptions
{
    /// <summary>Unconfirmed messages; at this number publishing waits. Default 2,000; 1 to 65,535.</summary>
    public int Window { get; init; } = 2000;

    /// <summary>Unconfirmed bytes of body and properties; beyond it publishing waits, but one message always goes. Default 32 MiB.</summary>
    public long WindowBytes { get; init; } = 32 << 20;

    /// <summary>How long to wait while the broker has blocked publishers for want of memory or disk. Default 30 minutes.</summary>
    public TimeSpan BlockedTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// Called on the publisher's own thread with the lowest number that is not settled, to be remembered; publishing goes on when it returns, false where it could not be. Then never more than <see cref="Window"/> messages are
    /// published beyond what is remembered. Default: nobody remembers.
    /// </summary>
    public Func<ulong, bool>? Record { get; init; }
}
