using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Walks the messages of a queue's source that are meant, in their order, each with its ordinal. A segment is checked whole before its first message; one that is damaged is told and left out
/// whole. For one thread at a time.
/// </summary>
/// <param name="source">What to walk.</param>
/// <param name="begin">Ordinal to begin at; segments before it are not read.</param>
/// <param name="pool">Memory for segments.</param>
/// <param name="damaged">Told of each segment that is left out.</param>
internal sealed class SourceCursor(SourceQueue source, long begin, BlockPool pool, Action<RabbitBackupException> damaged) : IAsyncDisposable
{
    private readonly BackupCatalog? _catalog = source.Store is { } store ? new BackupCatalog(store) : null;
    private SegmentsAhead? _ahead;
    private readonly long _begin = Math.Max(begin, source.FirstOrdinal);
    private SegmentReader? _reader;
    private SourceSegment? _segment;
    private readonly Queue<(long Offset, byte[] Message)> _unpacked = new();
    private long _chunkTime;
    private int _nextSegment;
    private long _next;

    /// <summary>The message; its memory is valid until the next step.</summary>
    internal SourceRecord Current { get; private set; }

    /// <summary>Goes to the next message; false at the end.</summary>
    /// <exception cref="RabbitBackupException">The store can't be used.</exception>
    internal async ValueTask<bool> MoveNextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryTakeUnpacked() || (_reader is not null && TryRead()))
            {
                return true;
            }

            if (_nextSegment == source.Segments.Count || source.Segments[_nextSegment].FirstOrdinal >= source.EndOrdinal)
            {
                return NextMessage();
            }

            await OpenAsync(source.Segments[_nextSegment++], cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _reader?.Dispose();
        if (_ahead is not null)
        {
            await _ahead.DisposeAsync().ConfigureAwait(false);
        }

        if (_catalog is not null)
        {
            await _catalog.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>What of an error means that a segment is left out, and not that the store can't be used.</summary>
    internal static bool IsDamage(ErrorCode code) => code is ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew;

    private async ValueTask OpenAsync(SourceSegment segment, CancellationToken cancellationToken)
    {
        _reader?.Dispose();
        _reader = null;
        if (segment.EndOrdinal <= _begin)
        {
            return;
        }

        try
        {
            _ahead ??= new SegmentsAhead(_catalog!, pool);
            SourceSegment? next = _nextSegment < source.Segments.Count && source.Segments[_nextSegment].FirstOrdinal < source.EndOrdinal ? source.Segments[_nextSegment] : null;
            _reader = await _ahead.OpenAsync(segment, next, cancellationToken).ConfigureAwait(false);
            (_segment, _next) = (segment, segment.FirstOrdinal);
            if (_reader.Miscount(segment.Entry) is { } miscount)
            {
                damaged(miscount);
            }
        }
        catch (RabbitBackupException exception) when (IsDamage(exception.Code))
        {
            damaged(exception);
        }
    }

    /// <summary>The next record of the open segment that is meant.</summary>
    private bool TryRead()
    {
        try
        {
            // Never more than its row says: the numbers of the next segment begin there.
            while (_next < _segment!.EndOrdinal && _reader!.TryRead(out SegmentRecord record))
            {
                if (record.Kind == SegmentRecordKind.StreamChunk)
                {
                    if (_next >= source.EndOrdinal)
                    {
                        break;
                    }

                    Unpack(record);
                    if (TryTakeUnpacked())
                    {
                        return true;
                    }

                    continue;
                }

                long ordinal = _next++;
                if (ordinal >= source.EndOrdinal)
                {
                    break;
                }

                if (ordinal >= _begin && (!_segment.NeedsFilter || source.Filter.Matches(record.CapturedAt, null, record.Properties.Span)))
                {
                    Current = new SourceRecord(ordinal, record.CapturedAt, record.Redelivered, record.Exchange, record.RoutingKey, record.Properties, record.Body);
                    return true;
                }
            }
        }
        catch (RabbitBackupException exception) when (IsDamage(exception.Code))
        {
            damaged(exception);
        }

        _reader!.Dispose();
        _reader = null;
        return false;
    }

    /// <summary>Takes the messages of a stream's record apart; those that are not meant are not even copied.</summary>
    private void Unpack(in SegmentRecord record)
    {
        _chunkTime = record.CapturedAt;
        if (_next + record.Messages <= _begin)
        {
            _next += record.Messages;
            return;
        }

        ChunkMessages.Visit(record.Entries.Span, (ulong)record.FirstOffset, (offset, message) =>
        {
            _unpacked.Enqueue(((long)offset, message.ToArray()));
            return true;
        });
    }

    /// <summary>The next message of the stream's record under way that is meant, as a consumer of AMQP 0-9-1 would get it.</summary>
    private bool TryTakeUnpacked()
    {
        while (_unpacked.TryDequeue(out (long Offset, byte[] Message) next))
        {
            long ordinal = _next++;
            if (ordinal >= source.EndOrdinal)
            {
                _unpacked.Clear();
                return false;
            }

            if (ordinal < _begin)
            {
                continue;
            }

            Amqp091Message message = Amqp091Conversion.Convert(next.Message);
            if (!_segment!.NeedsFilter || source.Filter.Matches(_chunkTime, next.Offset, message.Properties))
            {
                Current = new SourceRecord(
                    ordinal, _chunkTime, false, Encoding.UTF8.GetBytes(message.Exchange), Encoding.UTF8.GetBytes(message.RoutingKey), message.Properties, message.Body);
                return true;
            }
        }

        return false;
    }

    private bool NextMessage()
    {
        _next = Math.Max(_next, _begin);
        if (_next >= source.Messages.Count)
        {
            return false;
        }

        BackupMessage message = source.Messages[(int)_next];
        Current = new SourceRecord(
            _next++, message.CapturedAt.ToUnixTimeMilliseconds(), message.Redelivered, Encoding.UTF8.GetBytes(message.Exchange), message.RawRoutingKey, message.RawProperties, message.Body);
        return true;
    }
}
