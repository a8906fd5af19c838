namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Writes one segment into pooled memory: records are encoded and compressed as they come, so that what it holds is the compressed size and a small constant.
/// For one thread at a time. When to cut is its owner's decision.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    /// <summary>Begins a segment.</summary>
    internal SegmentWriter(SegmentWriterOptions options) => throw new NotImplementedException();

    /// <summary>Bytes of the records so far, length prefixes included, before compression.</summary>
    internal long UncompressedBytes => throw new NotImplementedException();

    /// <summary>Messages so far.</summary>
    internal long Records => throw new NotImplementedException();

    /// <summary>Time of the first record, ms since 1970 UTC; 0 without one.</summary>
    internal long FirstTime => throw new NotImplementedException();

    /// <summary>Time of the last record so far, ms since 1970 UTC; 0 without one.</summary>
    internal long LastTime => throw new NotImplementedException();

    /// <summary>Adds a message.</summary>
    internal void Append(in RecordContent record) => throw new NotImplementedException();

    /// <summary>Adds entries of a stream chunk.</summary>
    internal void AppendChunk(in StreamChunkContent chunk) => throw new NotImplementedException();

    /// <summary>Ends the segment. The content has its memory now; the writer can only be disposed.</summary>
    internal SegmentContent Finish() => throw new NotImplementedException();

    /// <summary>Gives the memory back where <see cref="Finish"/> was not reached.</summary>
    public void Dispose() => throw new NotImplementedException();
}
