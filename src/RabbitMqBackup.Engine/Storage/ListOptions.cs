namespace RabbitMqBackup.Engine.Storage;

/// <summary>What a listing is limited to.</summary>
public sealed record ListOptions
{
    /// <summary>Groups what lies below the next <c>/</c> after the prefix into one row (default false).</summary>
    public bool Delimited { get; init; }

    /// <summary>Only rows whose key comes after this one (default: all).</summary>
    public string? StartAfter { get; init; }
}
