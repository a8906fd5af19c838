namespace RabbitMqBackup.Engine.Format;

/// <summary>A finished segment in pooled memory. Disposing gives the memory back.</summary>
internal sealed class SegmentContent : IDisposable
{
    /// <summary>Bytes of the object.</summary>
    internal long Length { get; init; }

    /// <summary>SHA-256 of the object, 64 lower-case hexadecimal digits.</summary>
    internal string Sha256 { get; init; } = "";

    /// <summary>Messages in it.</summary>
    internal long Records { get; init; }

    /// <summary>Time of the first record, ms since 1970 UTC.</summary>
    internal long FirstTime { get; init; }

    /// <summary>Time of the last record, ms since 1970 UTC.</summary>
    internal long LastTime { get; init; }

    /// <summary>Offset of its first message, for streams.</summary>
    internal long? FirstOffset { get; init; }

    /// <summary>Offset of its last message, for streams.</summary>
    internal long? LastOffset { get; init; }

    /// <summary>Bytes of its payload before compression.</summary>
    internal long UncompressedBytes { get; init; }

    /// <summary>The object from its beginning: seekable, may be opened several times, valid until this is disposed.</summary>
    internal Stream OpenRead() => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}
