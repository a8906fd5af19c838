namespace RabbitMqBackup.Engine.Format;

/// <summary>A finished segment in pooled memory. Disposing gives the memory back.</summary>
/// <param name="object">The object; owned.</param>
internal sealed class SegmentContent(BlockBuffer @object) : IDisposable
{
    /// <summary>Bytes of the object.</summary>
    internal long Length => @object.Length;

    /// <summary>SHA-256 of the object, 64 lower-case hexadecimal digits.</summary>
    internal required string Sha256 { get; init; }

    /// <summary>Messages in it.</summary>
    internal required long Records { get; init; }

    /// <summary>Time of the first record, ms since 1970 UTC; 0 without one.</summary>
    internal required long FirstTime { get; init; }

    /// <summary>Time of the last record, ms since 1970 UTC; 0 without one.</summary>
    internal required long LastTime { get; init; }

    /// <summary>A record is of an earlier time than the one before it.</summary>
    internal bool TimesGoBack { get; init; }

    /// <summary>Offset of its first message, where it holds stream chunks.</summary>
    internal long? FirstOffset { get; init; }

    /// <summary>Offset of its last message, where it holds stream chunks.</summary>
    internal long? LastOffset { get; init; }

    /// <summary>Bytes of its payload before compression.</summary>
    internal required long UncompressedBytes { get; init; }

    /// <summary>The object from its beginning: seekable, may be opened several times and read at the same time, valid until this is disposed.</summary>
    internal Stream OpenRead() => new BlockStream(@object);

    /// <inheritdoc/>
    public void Dispose() => @object.Dispose();
}
