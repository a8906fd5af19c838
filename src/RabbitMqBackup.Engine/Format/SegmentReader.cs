namespace RabbitMqBackup.Engine.Format;

/// <summary>Reads a segment and trusts nothing in it. For one thread at a time.</summary>
internal sealed class SegmentReader : IDisposable
{
    /// <summary>Reads the whole object into pooled memory and checks magic, version, compression, length, checksum and SHA-256 before a record is handed out.</summary>
    /// <param name="content">The object, read to its end; stays the caller's.</param>
    /// <param name="options">Expectations and caps.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/> with what is wrong and at which byte, or <see cref="ErrorCode.FormatTooNew"/>.</exception>
    internal static Task<SegmentReader> OpenAsync(Stream content, SegmentReadOptions options, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The segment's header.</summary>
    internal SegmentHeader Header => throw new NotImplementedException();

    /// <summary>Whether the times of the records read so far never went back. A clock that was set back is noted, not refused.</summary>
    internal bool IsTimeOrdered => throw new NotImplementedException();

    /// <summary>The next record; false after the last one, when counts and ends have been checked too.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/> with what is wrong and at which byte.</exception>
    internal bool TryRead(out SegmentRecord record) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}
