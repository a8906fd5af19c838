namespace RabbitMqBackup.Engine.Storage;

/// <summary>Spreads bytes over time, for all that share it: a bucket that fills at the rate and holds a tenth of a second.</summary>
/// <param name="bytesPerSecond">The rate.</param>
/// <param name="time">The clock.</param>
internal sealed class RateLimiter(long bytesPerSecond, TimeProvider time)
{
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(100);

    private readonly object _gate = new();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _paidUntil;

    /// <summary>Bytes worth moving at once: small enough that waits stay short.</summary>
    internal int Slice { get; } = (int)Math.Clamp(bytesPerSecond / 10, 1_024, 1 << 20);

    /// <summary>Accounts for bytes that were moved, and waits until the next ones may be.</summary>
    internal Task WaitAsync(int bytes, CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_gate)
        {
            TimeSpan now = time.GetElapsedTime(_start);
            _paidUntil = (_paidUntil > now - Burst ? _paidUntil : now - Burst) + TimeSpan.FromSeconds((double)bytes / bytesPerSecond);
            wait = _paidUntil - now;
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, time, cancellationToken) : Task.CompletedTask;
    }
}
