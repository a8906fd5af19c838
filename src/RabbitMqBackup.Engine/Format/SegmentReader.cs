using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Format;

/// <summary>Reads a segment and trusts nothing in it. For one thread at a time.</summary>
internal sealed class SegmentReader : IDisposable
{
    private readonly BlockBuffer _object;
    private readonly SegmentReadOptions _options;
    private readonly SegmentFault _fault;
    private readonly PayloadReader _payload;
    private readonly JsonRecordReader? _json;
    private RabbitBackupException? _failure;
    private long _messages;
    private long _lastTime;
    private bool _ended;
    private bool _disposed;

    private SegmentReader(BlockBuffer @object, SegmentHeader header, SegmentReadOptions options, SegmentFault fault)
    {
        _object = @object;
        _options = options;
        _fault = fault;
        Header = header;
        _payload = new PayloadReader(PayloadDecompressor.Create(header.Compression, @object, options.MaxPayloadBytes, fault), options, fault);
        _json = header.RecordFormat == RecordFormat.Json ? new JsonRecordReader(fault) : null;
    }

    /// <summary>The segment's header.</summary>
    internal SegmentHeader Header { get; }

    /// <summary>Bytes of the records read so far, length prefixes included.</summary>
    internal long UncompressedBytes => _payload.Position;

    /// <summary>Whether the times of the records read so far never went back. A clock that was set back is noted, not refused.</summary>
    internal bool IsTimeOrdered { get; private set; } = true;

    /// <summary>Reads the whole object into pooled memory and checks length, magics, checksum, SHA-256, version and compression: before any record.</summary>
    /// <param name="content">The object, read from its position to its end; stays the caller's.</param>
    /// <param name="options">Expectations and caps.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.SegmentCorrupt"/> with what is wrong and at which byte, or <see cref="ErrorCode.FormatTooNew"/>.
    /// </exception>
    internal static async Task<SegmentReader> OpenAsync(Stream content, SegmentReadOptions options, CancellationToken cancellationToken)
    {
        SegmentFault fault = new(options.Target);
        BlockBuffer @object = new(options.BlockPool);
        long limit = Math.Min(options.MaxObjectBytes, options.ExpectedLength ?? long.MaxValue);
        try
        {
            int count;
            while ((count = await content.ReadAsync(@object.GetMemory(), cancellationToken).ConfigureAwait(false)) > 0)
            {
                @object.Advance(count);
                if (@object.Length > limit)
                {
                    string source = limit == options.ExpectedLength ? "the manifest says" : "are allowed";
                    throw fault.Corrupt(limit, $"it goes on beyond the {limit} bytes that {source}");
                }
            }

            return new SegmentReader(@object, Check(@object, options, fault), options, fault);
        }
        catch
        {
            @object.Dispose();
            throw;
        }
    }

    /// <summary>The next record; false after the last one, when counts, times and ends have been checked too.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.SegmentCorrupt"/> with what is wrong and at which byte, or <see cref="ErrorCode.FormatTooNew"/>; again at each further call.
    /// </exception>
    internal bool TryRead(out SegmentRecord record)
    {
        record = default;
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failure is not null)
        {
            throw new RabbitBackupException(_failure.Code, _failure.Message, _failure) { Target = _failure.Target, Hint = _failure.Hint };
        }

        try
        {
            return !_ended && ReadRecord(out record);
        }
        catch (RabbitBackupException e)
        {
            _failure = e;
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _payload.Dispose();
        _object.Dispose();
    }

    private static SegmentHeader Check(BlockBuffer @object, SegmentReadOptions options, SegmentFault fault)
    {
        const int Smallest = SegmentHeader.Length + SegmentFooter.Length;
        if (options.ExpectedLength is { } expected && @object.Length != expected)
        {
            throw fault.Corrupt(Math.Min(expected, @object.Length), $"it has {@object.Length} bytes, and the manifest says {expected}");
        }

        if (@object.Length < Smallest)
        {
            throw fault.Corrupt(@object.Length, $"it ends there, and a segment has {Smallest} bytes at least");
        }

        // the footer first: what it covers is then as written, and an unknown version is one, not a flipped bit
        SegmentHeader.CheckMagic(@object.Read(0).Span, fault);
        SegmentFooter.Check(@object, fault);
        if (options.ExpectedSha256 is { } sha256)
        {
            string actual = SegmentWriter.Hash(@object);
            if (!actual.Equals(sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw fault.Corrupt(0, $"it is another object than the manifest names: SHA-256 {actual} in place of {sha256}");
            }
        }

        return SegmentHeader.Parse(@object.Read(0).Span, fault);
    }

    private bool ReadRecord(out SegmentRecord record)
    {
        record = default;
        long position = _payload.Position;
        if (!_payload.TryRead(4, out ReadOnlyMemory<byte> prefix))
        {
            CheckEnd(position);
            _ended = true;
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(prefix.Span);
        if (length == 0 || length > _options.MaxRecordBytes)
        {
            throw _fault.CorruptPayload(position, $"a record has {length} bytes by its length, and may have 1 to {_options.MaxRecordBytes}");
        }

        if (!_payload.TryRead((int)length, out ReadOnlyMemory<byte> bytes))
        {
            throw _fault.CorruptPayload(position, $"a record has {length} bytes by its length, and nothing follows");
        }

        record = _json is null ? BinaryRecordCodec.Read(bytes, position + 4, _fault) : _json.Read(bytes.Span, position + 4);
        Count(in record, position);
        return true;
    }

    private void Count(in SegmentRecord record, long position)
    {
        if (record.CapturedAt is < SegmentHeader.MinTime or > SegmentHeader.MaxTime)
        {
            throw _fault.CorruptPayload(position, $"the time {record.CapturedAt} of a record is beyond the years 1 to 9999");
        }

        if (_messages == 0 && record.CapturedAt != Header.FirstTime)
        {
            throw _fault.CorruptPayload(position, $"the first record is of {record.CapturedAt}, and the header says {Header.FirstTime}");
        }

        IsTimeOrdered &= _messages == 0 || record.CapturedAt >= _lastTime;
        _lastTime = record.CapturedAt;
        _messages += record.Messages;
        if (_messages > Header.Records)
        {
            throw _fault.CorruptPayload(position, $"there are more than the {Header.Records} messages of the header");
        }
    }

    private void CheckEnd(long position)
    {
        if (_messages != Header.Records)
        {
            throw _fault.CorruptPayload(position, $"there are {_messages} messages, and the header says {Header.Records}");
        }

        if (_lastTime != Header.LastTime || (_messages == 0 && Header.FirstTime != 0))
        {
            throw _fault.CorruptPayload(position, $"the last record is of {_lastTime}, and the header says {Header.LastTime}");
        }
    }
}
