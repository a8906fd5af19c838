namespace RabbitMqBackup.Engine;

/// <summary>Repeats calls that failed in a way that may pass: exponential back-off with jitter, the server's wish (Retry-After), a circuit breaker.</summary>
/// <param name="options">How often and how long.</param>
/// <param name="breaker">Shared by all calls to one dependency.</param>
/// <param name="time">The clock.</param>
internal sealed class RetryPolicy(RetryOptions options, CircuitBreaker breaker, TimeProvider time)
{
    /// <summary>Makes a call and repeats it while it fails with a transient <see cref="RabbitBackupException"/>.</summary>
    /// <param name="call">The call; it gets the number of the attempt, from 1, since an attempt after the first must reckon with the first having worked unseen.</param>
    /// <param name="cancellationToken">Ends the waits too.</param>
    /// <exception cref="RabbitBackupException">The last failure, marked so that a policy further out does not repeat it again.</exception>
    internal async Task<T> RunAsync<T>(Func<int, Task<T>> call, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        for (int attempt = 1; ; attempt++)
        {
            breaker.Enter();
            try
            {
                T result = await call(attempt).ConfigureAwait(false);
                breaker.Answered();
                return result;
            }
            catch (RabbitBackupException exception) when (exception.IsTransient && !exception.Retried)
            {
                breaker.Failed();
                TimeSpan delay = Delay(attempt, exception.RetryAfter);
                if (attempt >= options.MaxAttempts || time.GetElapsedTime(start) + delay > options.MaxTime)
                {
                    throw attempt == 1 ? exception : exception.AfterAttempts(attempt);
                }

                await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception) when (!exception.IsTransient)
            {
                breaker.Answered();
                throw;
            }
        }
    }

    /// <summary>The same for a call without a result.</summary>
    internal Task RunAsync(Func<int, Task> call, CancellationToken cancellationToken) => RunAsync(
        async attempt =>
        {
            await call(attempt).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private TimeSpan Delay(int attempt, TimeSpan? wished)
    {
        TimeSpan longest = options.FirstDelay * Math.Pow(2, Math.Min(attempt - 1, 30));
        TimeSpan delay = (longest < options.MaxDelay ? longest : options.MaxDelay) * (0.5 + (Random.Shared.NextDouble() / 2));
        return wished > delay ? (wished < options.MaxDelay ? wished.Value : options.MaxDelay) : delay;
    }
}
