using System.Security.Cryptography;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Writes one segment into pooled memory: records are encoded and compressed as they come, so that what it holds is the compressed size and a small constant
/// (the block that records are collected in; with zstd the compressor's 3 MiB, many more at high levels; with LZ4 a MiB).
/// With <see cref="SegmentWriterOptions.CompressAtEnd"/> it holds the records as they are until then. For one thread at a time. When to cut is its owner's decision.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    private readonly SegmentWriterOptions _options;
    private readonly BlockBuffer _object;
    private readonly PayloadCompressor _compressor;
    private readonly BlockBuffer? _raw;
    private readonly PayloadWriter _payload;
    private readonly JsonRecordWriter? _json;
    private bool _broken;
    private bool _timesGoBack;
    private bool _finished;
    private bool _disposed;
    private long? _firstOffset;
    private long? _lastOffset;

    /// <summary>Begins a segment.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such format, compression or level.</exception>
    internal SegmentWriter(SegmentWriterOptions options)
    {
        if (!Enum.IsDefined(options.RecordFormat))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.RecordFormat, "It is no format of records.");
        }

        _options = options;
        _object = new BlockBuffer(options.BlockPool);
        try
        {
            _object.Write(stackalloc byte[SegmentHeader.Length]);
            if (options.CompressAtEnd && options.Compression != SegmentCompression.None)
            {
                _raw = new BlockBuffer(options.BlockPool);
                _compressor = PayloadCompressor.Create(options with { Compression = SegmentCompression.None }, _raw);
            }
            else
            {
                _compressor = PayloadCompressor.Create(options, _object);
            }
        }
        catch
        {
            _object.Dispose();
            throw;
        }

        _payload = new PayloadWriter(_compressor, options.BlockPool);
        _json = options.RecordFormat == RecordFormat.Json ? new JsonRecordWriter(_payload) : null;
    }

    /// <summary>Bytes of the records so far, length prefixes included, before compression.</summary>
    internal long UncompressedBytes => _payload.Length;

    /// <summary>Messages so far.</summary>
    internal long Records { get; private set; }

    /// <summary>Time of the first record, ms since 1970 UTC; 0 without one.</summary>
    internal long FirstTime { get; private set; }

    /// <summary>Time of the last record so far, ms since 1970 UTC; 0 without one.</summary>
    internal long LastTime { get; private set; }

    /// <summary>Adds a message.</summary>
    /// <exception cref="ArgumentException">The exchange or the routing key is longer than 255 bytes, or the time is beyond the years 1 to 9999.</exception>
    internal void Append(in RecordContent record)
    {
        ThrowIfEnded();
        ThrowIfBeyondCalendar(record.CapturedAt);
        if (record.Exchange.Length > 255 || record.RoutingKey.Length > 255)
        {
            throw new ArgumentException("An exchange and a routing key have 255 bytes at most.", nameof(record));
        }

        _broken = true;
        if (_json is null)
        {
            BinaryRecordCodec.Write(_payload, in record);
        }
        else
        {
            _json.Write(in record);
        }

        Count(1, record.CapturedAt);
    }

    /// <summary>
    /// Adds entries of a stream chunk: a whole one, or a part of a large one, divided between entries so that neither side has to hold it (1 MiB is a
    /// good part).
    /// The counts are the caller's word; the reader checks them.
    /// </summary>
    /// <exception cref="ArgumentException">It holds no entry, or the time is beyond the years 1 to 9999.</exception>
    internal void AppendChunk(in StreamChunkContent chunk)
    {
        ThrowIfEnded();
        ThrowIfBeyondCalendar(chunk.Timestamp);
        if (chunk.EntryCount <= 0 || chunk.MessageCount < chunk.EntryCount)
        {
            throw new ArgumentException("A chunk has an entry at least, and as many messages as entries or more.", nameof(chunk));
        }

        _broken = true;
        if (_json is null)
        {
            BinaryRecordCodec.Write(_payload, in chunk);
        }
        else
        {
            _json.Write(in chunk);
        }

        Count(chunk.MessageCount, chunk.Timestamp);
        _firstOffset ??= chunk.FirstOffset;
        _lastOffset = chunk.FirstOffset + chunk.MessageCount - 1;
    }

    /// <summary>
    /// Ends the segment. The content has its memory now; the writer can only be disposed. The checksums take some 0.7 ms a stored MiB, so the end of a large
    /// segment is better not on the thread that reads from the broker.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is finished already, or an append failed half-way.</exception>
    internal SegmentContent Finish()
    {
        ThrowIfEnded();
        long uncompressed = UncompressedBytes;
        _payload.Complete();
        CompressRaw();
        Span<byte> header = stackalloc byte[SegmentHeader.Length];
        new SegmentHeader
        {
            RecordFormat = _options.RecordFormat,
            Compression = _options.Compression,
            Records = Records,
            FirstTime = FirstTime,
            LastTime = LastTime,
        }.Write(header);
        _object.Overwrite(0, header);
        SegmentFooter.Append(_object);
        _finished = true;
        return new SegmentContent(_object)
        {
            Sha256 = Hash(_object),
            Records = Records,
            FirstTime = FirstTime,
            LastTime = LastTime,
            TimesGoBack = _timesGoBack,
            FirstOffset = _firstOffset,
            LastOffset = _lastOffset,
            UncompressedBytes = uncompressed,
        };
    }

    /// <summary>Gives the memory back; all of it where <see cref="Finish"/> was not reached.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _payload.Dispose();
        _compressor.Dispose();
        _raw?.Dispose();
        _json?.Dispose();
        if (!_finished)
        {
            _object.Dispose();
        }
    }

    /// <summary>SHA-256 of an object, 64 lower-case hexadecimal digits.</summary>
    internal static string Hash(BlockBuffer @object)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long position = 0; position < @object.Length;)
        {
            ReadOnlySpan<byte> part = @object.Read(position).Span;
            hash.AppendData(part);
            position += part.Length;
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return Convert.ToHexString(digest).ToLowerInvariant();
    }

    private void CompressRaw()
    {
        if (_raw is null)
        {
            return;
        }

        using PayloadCompressor compressor = PayloadCompressor.Create(_options, _object);
        _raw.Drain(compressor.Write);
        compressor.Complete();
    }

    private void Count(int messages, long time)
    {
        if (Records == 0)
        {
            FirstTime = time;
        }
        else
        {
            _timesGoBack |= time < LastTime;
        }

        LastTime = time;
        Records += messages;
        _broken = false;
    }

    private static void ThrowIfBeyondCalendar(long time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, SegmentHeader.MinTime);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(time, SegmentHeader.MaxTime);
    }

    private void ThrowIfEnded()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_finished || _broken)
        {
            throw new InvalidOperationException(_finished ? "The segment is finished." : "A record could not be written whole: the segment is lost.");
        }
    }
}
