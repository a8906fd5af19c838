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

    /// <summary>SHA-256 of the content, 32 bytes; a put whose content differs fails and leaves nothing. Not computed again of <see cref="IContentBlocks"/>, of which it was computed in memory.</summary>
    public ReadOnlyMemory<byte>? Sha256 { get; init; }

    /// <summary>Stamps the lock on the object that the store was opened with (S3 object lock, Azure immutability), if any. Default false.</summary>
    public bool Retain { get; init; }

    /// <summary>Finds a caller's mistake.</summary>
    /// <exception cref="ArgumentException">Both conditions at once, or a hash that is none.</exception>
    internal void Check()
    {
        if (CreateOnly && IfVersion is not null)
        {
            throw new ArgumentException("A put is either create-only or bound to a version.", nameof(IfVersion));
        }

        if (Sha256 is { Length: not 32 } || Length < 0)
        {
            throw new ArgumentException("A SHA-256 has 32 bytes, and a length is not negative.", nameof(Sha256));
        }
    }
}
