namespace RabbitMqBackup.Engine;

/// <summary>
/// Keeps a dead dependency (a store, a broker) from being asked again and again by everybody: after so many failures in a row, whoever made them, calls fail at once for a while.
/// Then one call is let through as a trial; its success ends the pause, its failure begins another.
/// </summary>
/// <param name="code">The error of a call that is not let through.</param>
/// <param name="name">The dependency, for the error: a URI without user info.</param>
/// <param name="time">The clock.</param>
internal sealed class CircuitBreaker(ErrorCode code, string name, TimeProvider time)
{
    /// <summary>Failures in a row that open the circuit. With one request in five failing at random it is not reached.</summary>
    internal const int Threshold = 20;

    /// <summary>How long calls fail at once.</summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    private readonly object _gate = new();
    private int _failures;
    private long _openedAt;

    /// <summary>Asks for leave to make a call, whose outcome is then reported.</summary>
    /// <exception cref="RabbitBackupException">The circuit is open. It is marked as retried, so that nobody waits for it.</exception>
    internal void Enter()
    {
        lock (_gate)
        {
            if (_failures < Threshold)
            {
                return;
            }

            TimeSpan left = Pause - time.GetElapsedTime(_openedAt);
            if (left <= TimeSpan.Zero)
            {
                // This call is the trial; the others wait for another pause.
                _openedAt = time.GetTimestamp();
                return;
            }

            throw new RabbitBackupException(code, $"'{name}' was not asked: it failed {_failures} times in a row.")
            {
                Target = name,
                IsTransient = true,
                Retried = true,
                RetryAfter = left,
                Hint = $"Look at the first errors; the next attempt is possible in {Math.Ceiling(left.TotalSeconds)} s.",
            };
        }
    }

    /// <summary>The dependency answered, be it with a refusal.</summary>
    internal void Answered()
    {
        lock (_gate)
        {
            _failures = 0;
        }
    }

    /// <summary>The dependency failed in a way that may pass.</summary>
    internal void Failed()
    {
        lock (_gate)
        {
            if (++_failures >= Threshold)
            {
                _openedAt = time.GetTimestamp();
            }
        }
    }
}
