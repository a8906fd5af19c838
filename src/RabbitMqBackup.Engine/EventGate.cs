namespace RabbitMqBackup.Engine;

/// <summary>Lets the queues of one run, which work at the same time, tell their events one at a time.</summary>
internal sealed class EventGate
{
    private readonly object _gate = new();

    internal void Tell<T>(Action<T> tell, T what)
    {
        lock (_gate)
        {
            tell(what);
        }
    }
}
