namespace RabbitMqBackup.Engine.Backup;

/// <summary>How fast this run reads queues: measured, and before anything is measured a careful guess.</summary>
internal sealed class ReadRate
{
    /// <summary>Messages per second at first: half of the slowest rate measured for bodies of 1 kB.</summary>
    internal const double Careful = 10_000;

    /// <summary>Reads below this say more about round trips than about the rate.</summary>
    private const long WorthMeasuring = 10_000;

    private readonly object _gate = new();
    private long _messages;
    private TimeSpan _time;

    /// <summary>Messages per second of one reader.</summary>
    internal double PerSecond
    {
        get
        {
            lock (_gate)
            {
                return _messages == 0 ? Careful : _messages / Math.Max(_time.TotalSeconds, 0.001);
            }
        }
    }

    /// <summary>A read has ended.</summary>
    internal void Add(long messages, TimeSpan time)
    {
        if (messages < WorthMeasuring)
        {
            return;
        }

        lock (_gate)
        {
            _messages += messages;
            _time += time;
        }
    }

    /// <summary>How long a queue will take, all limits observed.</summary>
    /// <param name="messages">Its depth.</param>
    /// <param name="bytes">Bytes of their bodies.</param>
    /// <param name="options">The limits.</param>
    internal TimeSpan Estimate(long messages, long bytes, BackupOptions options) => TimeSpan.FromSeconds(Math.Max(
        messages / Math.Min(PerSecond, options.MaxMessagesPerSecond ?? double.MaxValue),
        options.MaxBytesPerSecond is { } limit ? (double)bytes / limit : 0));
}
