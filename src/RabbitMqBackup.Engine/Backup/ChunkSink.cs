using System.Buffers;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Turns the chunks of one stream into committed segments, over as many connections as it takes: after each loss <see cref="Rewind"/> tells where to go on. A chunk's CRC is known only at its
/// end. A small chunk is collected first; of a large one (60 MB occur) parts of about 1 MiB are written as they come, and if it turns out damaged or the connection breaks in it, the
/// segment under way is given up and read again. Segments end between chunks.
/// </summary>
/// <param name="context">The run.</param>
/// <param name="journal">The stream's part of the checkpoint: the segments of an earlier run stay.</param>
/// <param name="keyOf">A segment's path from its number.</param>
/// <param name="committed">Told of each segment in the store.</param>
/// <param name="next">The first offset wanted; earlier messages of the first chunk are left out.</param>
internal sealed class ChunkSink(CaptureContext context, QueueJournal journal, Func<long, string> keyOf, Action<SegmentEntry> committed, long next) : IChunkSink, IAsyncDisposable
{
    /// <summary>A record of this size is a good one for readers, who hold it in memory.</summary>
    private const int PartBytes = 1 << 20;

    /// <summary>A record counts its messages in 31 bits, and hardly anything in a batch's header is checked by brokers before 4.3.</summary>
    private const int MaxRunMessages = 1 << 30;

    /// <summary>Replaced, not changed: the thread that uploads looks at it, too.</summary>
    private volatile StreamGap[] _gaps = [];
    private readonly HashSet<ulong> _suspects = [];
    private readonly SegmentUploads _uploads = new(context, journal, keyOf, committed);
    private byte[] _part = new byte[PartBytes + (PartBytes / 4)];
    private int _partLength;
    private SegmentWriter? _writer;
    private Mark _mark;
    private long _openedAt;
    private ChunkHeader _chunk;
    private ulong _offset;
    private ulong _entries;
    private bool _inChunk;
    private bool _collects;
    private bool _skips;
    private long _reportedMessages;
    private long _reportedBytes;
    private long _messages;
    private long _bytes;

    /// <summary>Tells how many messages and bytes came since the last pause.</summary>
    internal Action<long, long>? Advanced { get; init; }

    /// <summary>Called with each chunk's header before anything is taken of it.</summary>
    internal Action<ChunkHeader>? Arriving { get; init; }

    /// <summary>Committed segments, oldest first.</summary>
    internal IReadOnlyList<SegmentEntry> Segments => _uploads.Segments;

    /// <summary>Where a reading goes on: everything before is written, or known to be missing.</summary>
    internal long NextOffset { get; private set; } = Math.Max(next, journal.Stored is [.., var last] ? (last.Entry.LastOffset ?? -1) + 1 : 0);

    /// <summary>Offset of the last message written, or null.</summary>
    internal long? LastOffset { get; private set; } = journal.Stored is [.., var stored] ? stored.Entry.LastOffset : null;

    /// <summary>Timestamp of its chunk.</summary>
    internal long LastChunkTime { get; private set; } = journal.Stored is [.., var newest] ? newest.Entry.LastTime.ToUnixTimeMilliseconds() : 0;

    /// <summary>Chunks whose bytes don't match their CRC or don't hold what their header says; nothing of them is in the backup.</summary>
    internal IReadOnlyList<StreamGap> DamagedChunks => _gaps;

    /// <inheritdoc/>
    public void OnChunk(in ChunkHeader header)
    {
        Arriving?.Invoke(header);
        _chunk = header;
        _inChunk = true;
        _offset = header.FirstOffset;
        _entries = 0;
        _partLength = 0;
        _skips = (long)header.NextOffset <= NextOffset;
        _collects = header.DataLength <= PartBytes || _suspects.Contains(header.FirstOffset);
        if (_skips)
        {
            return;
        }

        // A chunk that would make the segment much larger than asked gets one of its own, so that memory holds two of them at most.
        if (_writer is { Records: > 0 } open && open.UncompressedBytes + header.DataLength > context.Options.SegmentBytes)
        {
            Cut();
        }

        if (_writer is null)
        {
            _writer = new SegmentWriter(context.WriterOptions with { CompressAtEnd = true });
            _openedAt = context.Timestamp();
            _mark = new Mark(NextOffset, LastOffset, LastChunkTime, _messages, _bytes);
        }
    }

    /// <inheritdoc/>
    public void OnData(ReadOnlySpan<byte> data)
    {
        if (_skips)
        {
            return;
        }

        while (!data.IsEmpty)
        {
            if (_partLength == _part.Length)
            {
                // An entry larger than the buffer, or a chunk that is to be seen whole: it grows with what has come, not with what is claimed.
                Array.Resize(ref _part, (int)Math.Min(Array.MaxLength, 2L * _part.Length));
            }

            int count = Math.Min(data.Length, _part.Length - _partLength);
            data[..count].CopyTo(_part.AsSpan(_partLength));
            _partLength += count;
            data = data[count..];
            if (!_collects && _partLength >= PartBytes)
            {
                WriteEntries();
            }
        }
    }

    /// <inheritdoc/>
    public void OnChunkEnd(bool intact)
    {
        _inChunk = false;
        if (_skips)
        {
            return;
        }

        if (intact && (_collects ? WriteCollected() : WriteEntries() && _partLength == 0 && _entries == _chunk.Entries && _offset == _chunk.NextOffset))
        {
            NextOffset = (long)_chunk.NextOffset;
            if (IsFull(_writer!))
            {
                Cut();
            }
        }
        else if (_collects)
        {
            // Nothing of it was written.
            _gaps = [.. _gaps, new StreamGap(Math.Max((long)_chunk.FirstOffset, NextOffset), Math.Max((long)_chunk.NextOffset - 1, NextOffset), StreamGapKind.Corrupt)];
            NextOffset = Math.Max((long)_chunk.NextOffset, NextOffset + 1);
        }
        else
        {
            _suspects.Add(_chunk.FirstOffset);
            throw new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"The chunk at offset {_chunk.FirstOffset} came damaged; it is read once more.") { IsTransient = true };
        }

        if (_part.Length > 4 * PartBytes)
        {
            _part = new byte[PartBytes + (PartBytes / 4)];
        }
    }

    /// <inheritdoc/>
    public ValueTask OnPauseAsync(CancellationToken cancellationToken)
    {
        if (_messages != _reportedMessages)
        {
            Advanced?.Invoke(_messages - _reportedMessages, _bytes - _reportedBytes);
            (_reportedMessages, _reportedBytes) = (_messages, _bytes);
        }

        if (!_inChunk && _writer is { Records: > 0 } writer && IsFull(writer))
        {
            Cut();
        }

        return _uploads.StartAsync();
    }

    /// <summary>After a lost connection: forgets what is not certain.</summary>
    /// <returns>The offset to read on from.</returns>
    internal long Rewind()
    {
        // Between two chunks the writer holds whole ones only.
        if (_writer is not null && LastOffset >= NextOffset)
        {
            _writer.Dispose();
            _writer = null;
            (NextOffset, LastOffset, LastChunkTime, _messages, _bytes) = _mark;
            _reportedMessages = Math.Min(_reportedMessages, _messages);
            _reportedBytes = Math.Min(_reportedBytes, _bytes);
            _gaps = [.. _gaps.Where(gap => gap.FirstOffset < NextOffset)];
        }

        _partLength = 0;
        _inChunk = false;
        _skips = true;
        return NextOffset;
    }

    /// <summary>Cuts the open segment and waits until everything is committed.</summary>
    internal Task CompleteAsync(CancellationToken cancellationToken)
    {
        Rewind();
        Cut();
        return _uploads.CompleteAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        return _uploads.DisposeAsync();
    }

    private bool IsFull(SegmentWriter writer) =>
        writer.UncompressedBytes >= context.Options.SegmentBytes
        || context.IsDue(_openedAt)
        || context.MemoryIsShort;

    private void Cut()
    {
        if (_writer is { Records: > 0 } full)
        {
            _uploads.Add(full);
        }
        else
        {
            _writer?.Dispose();
        }

        _writer = null;
    }

    /// <summary>Writes a chunk that was collected, if it holds what its header says; else nothing of it.</summary>
    private bool WriteCollected()
    {
        ChunkEntryReader entries = new(_part.AsSpan(0, _partLength), _chunk.FirstOffset);
        uint count = 0;
        bool plain = (long)_chunk.FirstOffset >= NextOffset;
        string? complaint;
        while (entries.TryRead(out ChunkEntry entry, out complaint))
        {
            count++;
            plain &= entry.Records > 0;
        }

        if (complaint is not null || count != _chunk.Entries || entries.NextOffset != _chunk.NextOffset || count == 0 || !IsPossible(_chunk))
        {
            return false;
        }

        if (!plain)
        {
            return WriteEntries();
        }

        Write((long)_chunk.FirstOffset, (int)count, (int)_chunk.Records, new ReadOnlySequence<byte>(_part, 0, _partLength));
        return true;
    }

    private static bool IsPossible(in ChunkHeader chunk) => chunk.Timestamp is >= SegmentHeader.MinTime and <= SegmentHeader.MaxTime && chunk.Records <= int.MaxValue;

    /// <summary>Writes the entries that are whole, and keeps the rest for the next time.</summary>
    /// <returns>False where the chunk holds more than its header says.</returns>
    private bool WriteEntries()
    {
        if (!IsPossible(_chunk))
        {
            return false;
        }

        ReadOnlySpan<byte> data = _part.AsSpan(0, _partLength);
        ChunkEntryReader entries = new(data, _offset);
        Run run = new(_offset);
        while (entries.TryRead(out ChunkEntry entry, out _))
        {
            _entries++;
            if (entry.Records > 0 && (long)entry.FirstOffset >= NextOffset && run.Messages < MaxRunMessages)
            {
                run.Messages += entry.Records;
                run.Count++;
                continue;
            }

            // Left out: messages that an earlier reading had, and batches that hold none, which brokers before 4.3 take.
            int start = entries.Position - entry.Wire.Length;
            Write(run, start);
            bool wanted = entry.Records > 0 && (long)entry.FirstOffset >= NextOffset;
            run = wanted ? new Run(entry.FirstOffset) { Start = start, Count = 1, Messages = entry.Records } : new Run(entries.NextOffset) { Start = entries.Position };
            if (!wanted && (long)entries.NextOffset > NextOffset)
            {
                WriteTail(entry);
            }
        }

        Write(run, entries.Position);
        _offset = entries.NextOffset;
        data[entries.Position..].CopyTo(_part);
        _partLength -= entries.Position;
        return _offset <= _chunk.NextOffset;
    }

    private void Write(in Run run, int end)
    {
        if (run.Count > 0)
        {
            Write((long)run.FirstOffset, run.Count, run.Messages, new ReadOnlySequence<byte>(_part, run.Start, end - run.Start));
        }
    }

    private void Write(long firstOffset, int entries, int messages, in ReadOnlySequence<byte> bytes)
    {
        _writer!.AppendChunk(new StreamChunkContent
        {
            FirstOffset = firstOffset,
            Timestamp = _chunk.Timestamp,
            Epoch = (long)_chunk.Epoch,
            EntryCount = entries,
            MessageCount = messages,
            Entries = bytes,
        });
        LastOffset = firstOffset + messages - 1;
        LastChunkTime = _chunk.Timestamp;
        _messages += messages;
        _bytes += bytes.Length;
    }

    /// <summary>A batch that begins before what is wanted and reaches into it: its later messages, one by one.</summary>
    private void WriteTail(in ChunkEntry batch) => ChunkMessages.Visit(batch.Wire, batch.FirstOffset, (offset, message) =>
    {
        if ((long)offset >= NextOffset)
        {
            byte[] entry = new byte[4 + message.Length];
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(entry, message.Length);
            message.CopyTo(entry.AsSpan(4));
            Write((long)offset, 1, 1, new ReadOnlySequence<byte>(entry));
        }

        return true;
    });

    /// <summary>Entries in a row that become one record.</summary>
    private struct Run(ulong firstOffset)
    {
        internal readonly ulong FirstOffset = firstOffset;
        internal int Start;
        internal int Count;
        internal int Messages;
    }

    /// <summary>What was true when the open segment began.</summary>
    private readonly record struct Mark(long NextOffset, long? LastOffset, long LastChunkTime, long Messages, long Bytes);
}
