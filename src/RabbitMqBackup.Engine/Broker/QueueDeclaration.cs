using System.Collections;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>What is needed to declare a queue.</summary>
internal sealed record QueueDeclaration
{
    private const string TypeArgument = "x-queue-type";

    /// <summary>Virtual host and name.</summary>
    public required QueueName Queue { get; init; }

    /// <summary><c>classic</c>, <c>quorum</c> or <c>stream</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Survives a restart.</summary>
    public bool Durable { get; init; } = true;

    /// <summary>Deleted with its last consumer.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Belongs to the connection that declares it.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Arguments as the management API or a manifest has them.</summary>
    public IReadOnlyDictionary<string, object?> Arguments { get; init; } = new Dictionary<string, object?>();

    /// <summary>
    /// Arguments for the declare, of types that AMQP knows. The queue type stands among them where it has to: always for quorum queues and streams; for classic queues from 4.0, where
    /// a virtual host can have another default. 3.x keeps the argument as it was given and would refuse (406) applications that declare the queue without it.
    /// </summary>
    internal Dictionary<string, object?> ToArguments(Version? broker)
    {
        Dictionary<string, object?> arguments = Arguments.ToDictionary(pair => pair.Key, pair => Amqp(pair.Value));
        if (Type != QueueTypes.Classic || broker?.Major >= 4)
        {
            arguments.TryAdd(TypeArgument, Type);
        }

        return arguments;
    }

    private static object? Amqp(object? value) => value switch
    {
        string or null => value,
        IReadOnlyDictionary<string, object?> table => table.ToDictionary(pair => pair.Key, pair => Amqp(pair.Value)),
        IEnumerable list => list.Cast<object?>().Select(Amqp).ToList(),
        _ => value,
    };
}
