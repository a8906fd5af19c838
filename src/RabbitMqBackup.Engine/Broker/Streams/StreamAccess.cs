namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What a connection is for.</summary>
internal enum StreamAccess
{
    /// <summary>Reading: a replica spares the leader; the leader will do.</summary>
    Read,

    /// <summary>Writing: only the leader takes messages.</summary>
    Write,
}
