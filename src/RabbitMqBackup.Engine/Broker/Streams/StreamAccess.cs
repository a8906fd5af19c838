namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What a connection is for.</summary>
internal enum StreamAccess
{
    /// <summary>Reading: a replica spares the leader; the leader will do.</summary>
    Read,

    /// <summary>Writing, and reading what was just written: only the leader takes messages, and has all that is confirmed.</summary>
    Write,
}
