namespace RabbitMqBackup.Engine;

/// <summary>How often and how long a call that failed in a way that may pass is repeated. The waits double from the first to the longest, each shortened at random by up to a half.</summary>
public sealed record RetryOptions
{
    /// <summary>Attempts in all. Default 10; 1 means no repetition.</summary>
    public int MaxAttempts { get; init; } = 10;

    /// <summary>The wait after the first failure. Default 200 ms.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest wait, also where a server asks for more. Default 20 s.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Time since the first attempt after which no other one begins. Default 5 minutes.</summary>
    public TimeSpan MaxTime { get; init; } = TimeSpan.FromMinutes(5);
}
