namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Waits between connections to a stream, longer each time that nothing was gained, and gives up when that goes on for too long.</summary>
/// <param name="time">The clock.</param>
internal sealed class StreamReconnects(TimeProvider time)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);

    /// <summary>A stream that a broker does not know right after its start, or that just elects its leader, may be there a little later; one that was deleted, or has no majority, won't.</summary>
    private static readonly TimeSpan MissingStreamTime = TimeSpan.FromSeconds(15);

    /// <summary>A broker needs a while to start.</summary>
    internal static readonly TimeSpan DefaultMaxTime = TimeSpan.FromMinutes(2);

    /// <summary>A connection that lived for so long was a good one, whether messages came or not.</summary>
    private static readonly TimeSpan GoodConnection = TimeSpan.FromSeconds(30);

    private long? _progress;
    private long _since;
    private int _attempts;
    private long? _connectedAt;

    /// <summary>How long nothing may be gained before it gives up. Default <see cref="DefaultMaxTime"/>.</summary>
    internal TimeSpan MaxTime { get; init; } = DefaultMaxTime;

    /// <summary>A connection was made.</summary>
    internal void Connected() => _connectedAt = time.GetTimestamp();

    /// <summary>Waits, or gives up by throwing the failure again.</summary>
    /// <param name="failure">What ended the last connection.</param>
    /// <param name="progress">Any number that has grown if the last connection brought something.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async Task WaitAsync(RabbitBackupException failure, long progress, CancellationToken cancellationToken)
    {
        bool wasGood = _connectedAt is { } connected && time.GetElapsedTime(connected) > GoodConnection;
        _connectedAt = null;
        if (_progress is null || progress > _progress || wasGood)
        {
            (_progress, _since, _attempts) = (progress, time.GetTimestamp(), 0);
        }

        bool missing = failure.Code is ErrorCode.QueueNotFound || failure is { Code: ErrorCode.QueueUnavailable, IsTransient: false };
        if ((!failure.IsTransient && !missing) || time.GetElapsedTime(_since) > (missing ? MissingStreamTime : MaxTime))
        {
            throw failure;
        }

        TimeSpan delay = FirstDelay * Math.Pow(2, Math.Min(_attempts++, 10));
        await Task.Delay(delay < MaxDelay ? delay : MaxDelay, time, cancellationToken).ConfigureAwait(false);
    }
}
