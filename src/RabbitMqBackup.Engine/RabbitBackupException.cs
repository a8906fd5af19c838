namespace RabbitMqBackup.Engine;

/// <summary>The one exception that leaves the engine, apart from <see cref="ArgumentException"/> for a caller's mistake and <see cref="OperationCanceledException"/>.</summary>
/// <param name="code">What went wrong.</param>
/// <param name="message">A sentence that names the thing. It never holds a secret.</param>
/// <param name="inner">What the adapter caught.</param>
public sealed class RabbitBackupException(ErrorCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What went wrong.</summary>
    public ErrorCode Code { get; } = code;

    /// <summary>The thing that it went wrong with: a queue, a URI without user info, an object's path.</summary>
    public string? Target { get; init; }

    /// <summary>True when the same call may succeed a little later.</summary>
    public bool IsTransient { get; init; }

    /// <summary>The remedy, as one sentence to the person at the prompt.</summary>
    public string? Hint { get; init; }

    /// <summary>How long the server asks to be left alone, where it says so.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The call has been repeated as often as allowed already: nobody further out repeats it.</summary>
    internal bool Retried { get; init; }

    /// <summary>The same error, with the attempts that were made.</summary>
    internal RabbitBackupException AfterAttempts(int attempts) => new(Code, $"{Message} ({attempts} attempts)", this)
    {
        Target = Target,
        IsTransient = IsTransient,
        Hint = Hint,
        RetryAfter = RetryAfter,
        Retried = true,
    };
}
