namespace RabbitMqBackup.Engine.Verification;

/// <summary>One queue of a drill.</summary>
public sealed record DrillQueue
{
    /// <summary>Its virtual host in the backup.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Its name in the backup.</summary>
    public required string Queue { get; init; }

    /// <summary>Messages that the backup has of it.</summary>
    public long Expected { get; init; }

    /// <summary>Messages that the target confirmed.</summary>
    public long Restored { get; init; }

    /// <summary>Messages that were read back and are equal to the backup's, header by header and byte by byte.</summary>
    public long Equal { get; init; }

    /// <summary>They also came in the backup's order.</summary>
    public bool InOrder { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Queue}: {Equal} of {Expected}";
}
