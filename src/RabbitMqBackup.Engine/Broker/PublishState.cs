namespace RabbitMqBackup.Engine.Broker;

/// <summary>What is known about the messages of a publisher. Sequence numbers start at 1; confirmed + nacked + unknown = published.</summary>
internal sealed record PublishState
{
    /// <summary>Messages given to the connection: the last sequence number.</summary>
    public required ulong Published { get; init; }

    /// <summary>Messages that the broker confirmed, returned ones among them.</summary>
    public required ulong Confirmed { get; init; }

    /// <summary>Messages that the broker refused.</summary>
    public required ulong Nacked { get; init; }

    /// <summary>Messages that reached no queue.</summary>
    public required ulong Returned { get; init; }

    /// <summary>Sequence numbers that are neither confirmed nor refused, ascending; never more than the window. All others up to <see cref="Published"/> are settled.</summary>
    public required IReadOnlyList<ulong> Unknown { get; init; }
}
