namespace RabbitMqBackup.Engine.Storage;

/// <summary>Conditions of a put.</summary>
public sealed record PutOptions
{
    /// <summary>Only if there is no object under this path yet (default false).</summary>
    public bool CreateOnly { get; init; }

    /// <summary>Only while the object has this version (default: any).</summary>
    public string? IfVersion { get; init; }

    /// <summary>The length in bytes where it is known; a seekable stream tells it itself.</summary>
    public long? Length { get; init; }

    /// <summary>SHA-256 of the content, 32 bytes; a put whose content differs fails and leaves nothing.</summary>
    public ReadOnlyMemory<byte>? Sha256 { get; init; }
}
