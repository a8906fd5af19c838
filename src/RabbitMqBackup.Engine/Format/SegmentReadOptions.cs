namespace RabbitMqBackup.Engine.Format;

/// <summary>What a segment is expected to be, and the caps on what it may claim.</summary>
internal sealed record SegmentReadOptions
{
    /// <summary>Where the memory for the object comes from.</summary>
    public required BlockPool BlockPool { get; init; }

    /// <summary>The object's path, as the target of errors.</summary>
    public string? Target { get; init; }

    /// <summary>SHA-256 of the object by the manifest, hexadecimal; null to go without.</summary>
    public string? ExpectedSha256 { get; init; }

    /// <summary>Bytes of the object by the manifest; null to go without.</summary>
    public long? ExpectedLength { get; init; }

    /// <summary>Largest object, bytes. Default 2 GiB.</summary>
    public long MaxObjectBytes { get; init; } = 2L << 30;

    /// <summary>Largest record, bytes. Default 1 GiB: more than the largest message that a broker takes (512 MiB), as JSON.</summary>
    public int MaxRecordBytes { get; init; } = 1 << 30;

    /// <summary>Largest payload after decompression, bytes. Default 4 GiB.</summary>
    public long MaxPayloadBytes { get; init; } = 4L << 30;
}
