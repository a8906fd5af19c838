namespace RabbitMqBackup.Engine.Broker;

/// <summary>Asks all reads of a run to end where they are: what they hold goes back, the rest becomes a gap. Raised once, with a reason.</summary>
internal sealed class ReadStopSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private string? _reason;

    /// <summary>Why, for people; null as long as nobody asked.</summary>
    internal string? Reason => Volatile.Read(ref _reason);

    /// <summary>Asks. The first reason stays.</summary>
    internal void Raise(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is null)
        {
            _source.Cancel();
        }
    }

    /// <summary>Calls back when it is raised, at once where it is already.</summary>
    internal CancellationTokenRegistration Register(Action callback) => _source.Token.Register(callback);

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
