namespace RabbitMqBackup.Bench.Workers;

/// <summary>A thousand bodies, made before the clock starts and used in turn: the broker does not care that they repeat.</summary>
internal sealed class PreparedBodies
{
    private readonly byte[][] _bodies = new byte[1000][];
    private int _next;

    internal PreparedBodies(WorkerSettings settings)
    {
        MessageBodies source = new(settings.Body, settings.Size);
        for (int i = 0; i < _bodies.Length; i++)
        {
            source.Next(_bodies[i] = new byte[settings.Size]);
        }
    }

    /// <summary>The next one.</summary>
    internal ReadOnlyMemory<byte> Next() => _bodies[_next++ % _bodies.Length];
}
