namespace RabbitMqBackup.Engine.Restore;

/// <summary>One object that taking a restore back is about.</summary>
public sealed record RestoreUndoItem
{
    /// <summary>E.g. <c>queue</c>, <c>virtual host</c>, <c>binding</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Its virtual host, or empty.</summary>
    public string VirtualHost { get; init; } = "";

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Messages that go with it.</summary>
    public long Messages { get; init; }

    /// <summary>In a plan: it will be removed. In a result: it is gone.</summary>
    public bool IsRemoved { get; init; }

    /// <summary>Why it stays, for people; empty where it does not.</summary>
    public string Reason { get; init; } = "";

    /// <inheritdoc/>
    public override string ToString() => $"{Kind} {(VirtualHost.Length == 0 ? Name : $"{VirtualHost}/{Name}")}";
}
