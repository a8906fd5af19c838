namespace RabbitMqBackup.Engine.Restore;

/// <summary>What a restore did to one queue.</summary>
public sealed record RestoreQueueResult
{
    /// <summary>Virtual host that it went to.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Queue that it went to.</summary>
    public required string Queue { get; init; }

    /// <summary>Virtual host of the source queue.</summary>
    public string SourceVirtualHost { get; init; } = "";

    /// <summary>Source queue.</summary>
    public string SourceQueue { get; init; } = "";

    /// <summary>Messages that were to be published.</summary>
    public long Requested { get; init; }

    /// <summary>Messages that the broker confirmed and routed.</summary>
    public long Confirmed { get; init; }

    /// <summary>Streams: of the confirmed ones, those that an earlier run of the same restore had brought over; they were not sent again.</summary>
    public long AlreadyThere { get; init; }

    /// <summary>Streams: offsets stored for consumers, by their names.</summary>
    public IReadOnlyDictionary<string, long> ConsumerOffsets { get; init; } = new Dictionary<string, long>();

    /// <summary>Messages that reached no queue.</summary>
    public long Returned { get; init; }

    /// <summary>Messages that the broker refused.</summary>
    public long Rejected { get; init; }

    /// <summary>Messages published of which nobody knows whether the broker has them.</summary>
    public long Unconfirmed { get; init; }

    /// <summary>Messages left out since their time to live was over.</summary>
    public long Expired { get; init; }

    /// <summary>Messages sent again after the target had gone away, of which nobody knew whether it had them: so many at most are there twice.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>Some of those that were returned or refused, for people.</summary>
    public IReadOnlyList<RejectedMessage> Samples { get; init; } = [];

    /// <summary>True when the queue was declared by this restore.</summary>
    public bool Declared { get; init; }

    /// <summary><c>user-id</c> properties left out, since the broker takes none but the connection's own.</summary>
    public long UserIdsRemoved { get; init; }

    /// <summary>Another restore fills it.</summary>
    internal bool IsAnothers { get; init; }

    /// <summary>A stream that could not be reached by the stream protocol.</summary>
    internal bool WentOverAmqp { get; init; }

    /// <summary>Error code where it went wrong or was left out, or null.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>The reason, for people, or null.</summary>
    public string? Reason { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Queue}: {Confirmed} of {Requested}";
}
