namespace RabbitMqBackup.Engine.Restore;

/// <summary>When to try a target again that went away in the middle, and when to give up. For one thread at a time.</summary>
/// <param name="timeout">How long without a message confirmed.</param>
/// <param name="time">The clock.</param>
internal sealed class Reconnection(TimeSpan timeout, TimeProvider time)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private TimeSpan _pause = FirstPause;
    private long? _trouble;
    private long _confirmed;
    private bool _wasOpen;

    /// <summary>A connection was opened. A target that never answered is an error at once: the plan has just talked to it.</summary>
    internal void Succeeded() => _wasOpen = true;

    /// <summary>True when another try makes sense.</summary>
    /// <param name="failure">What happened.</param>
    /// <param name="confirmed">Messages confirmed so far: as long as they grow there is no end to the patience.</param>
    internal bool MayRetry(RabbitBackupException failure, long confirmed)
    {
        if (confirmed > _confirmed)
        {
            (_confirmed, _trouble, _pause) = (confirmed, null, FirstPause);
        }

        _trouble ??= time.GetTimestamp();
        bool isOfBroker = failure.Code is ErrorCode.BrokerConnectionLost or ErrorCode.BrokerUnreachable or ErrorCode.OperationTimedOut;
        return _wasOpen && isOfBroker && failure.IsTransient && time.GetElapsedTime(_trouble.Value) < timeout;
    }

    /// <summary>Waits, longer each time.</summary>
    internal async Task PauseAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(_pause, time, cancellationToken).ConfigureAwait(false);
        _pause = _pause * 2 > LongestPause ? LongestPause : _pause * 2;
    }
}
