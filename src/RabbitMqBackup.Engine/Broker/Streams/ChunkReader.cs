using System.Diagnostics;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Reads a stream up to what is committed when the reading begins, or on and on. All kinds of chunks are asked for (<c>chunk_selector=all</c>): tracking chunks take an
/// offset each, and only with them is a missing offset a lost message. There is no work per message.
/// </summary>
/// <param name="connection">Its only user as long as the reading lasts.</param>
/// <param name="stream">The stream.</param>
/// <param name="options">What to read.</param>
/// <param name="sink">Takes the chunks.</param>
internal sealed class ChunkReader(StreamConnection connection, string stream, StreamReadOptions options, IChunkSink sink) : IStreamListener
{
    private const byte Subscription = 1;
    private const ushort InitialCredit = 50;

    /// <summary>The broker sends only while the credit is above half of the first one: to give it back in halves keeps it going, with few frames.</summary>
    private const int CreditRefill = InitialCredit / 2;

    private static readonly KeyValuePair<string, string>[] AllChunks = [new("chunk_selector", "all")];

    private readonly object _gate = new();
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TrackingLog _tracking = new();
    private readonly List<StreamGap> _gaps = [];
    private ChunkHeader _chunk;
    private ulong? _expected;
    private ulong? _endChunk;
    private long? _firstOffset;
    private long? _lastOffset;
    private long _messages;
    private long _chunks;
    private long _trackingChunks;
    private long _bytes;
    private long _lastInput = Stopwatch.GetTimestamp();
    private int _creditOwed;
    private bool _inChunk;
    private bool _inSink;
    private bool _stopAsked;
    private bool _ended;
    private bool _inTail;

    /// <summary>Offset of the chunk at which the reading should end, also where a broker does not let it be read; null before it is known, and where it goes on and on.</summary>
    internal ulong? EndChunk { get; private set; }

    /// <summary>What has been seen so far; also valid after <see cref="RunAsync"/> has thrown.</summary>
    internal StreamReadResult Progress
    {
        get
        {
            lock (_gate)
            {
                return new StreamReadResult
                {
                    FirstOffset = _firstOffset,
                    LastOffset = _lastOffset,
                    NextOffset = (long?)_expected,
                    Messages = _messages,
                    Chunks = _chunks,
                    TrackingChunks = _trackingChunks,
                    Bytes = _bytes,
                    Gaps = [.. _gaps],
                    ConsumerOffsets = _tracking.Offsets,
                };
            }
        }
    }

    /// <summary>Reads. To be called once.</summary>
    /// <exception cref="RabbitBackupException">
    /// QueueNotFound: the stream is not there (any more). BrokerConnectionLost: read on with another connection from <see cref="StreamReadResult.NextOffset"/>.
    /// OperationTimedOut: there is more to come, and the broker sends nothing. QueueUnavailable: what can be read was read, and there is more that can't.
    /// </exception>
    internal async Task<StreamReadResult> RunAsync(CancellationToken cancellationToken)
    {
        RabbitBackupException? cut = null;
        if (!options.Follow)
        {
            StreamExtent extent = options.Extent ?? await StreamExtent.FindAsync(connection, stream, options.Start, cancellationToken).ConfigureAwait(false);
            if (extent.EndChunk is null)
            {
                return Progress with { EndsBeforeStart = extent.EndsBeforeStart };
            }

            ulong? last = extent.UncommittedChunk ?? extent.EndChunk;
            EndChunk = options.EndChunk < last ? options.EndChunk : last;
            _endChunk = EndChunk < extent.EndChunk ? EndChunk : extent.EndChunk;
            cut = _endChunk < EndChunk ? extent.Cut(stream) : null;
        }

        connection.Listener = this;
        try
        {
            await connection.SubscribeAsync(Subscription, stream, options.Start, InitialCredit, AllChunks, cancellationToken).ConfigureAwait(false);
            await WaitAsync(cancellationToken).ConfigureAwait(false);
            if (Volatile.Read(ref _inTail))
            {
                await TakeTailAsync(cancellationToken).ConfigureAwait(false);
            }

            await UnsubscribeAsync(cancellationToken).ConfigureAwait(false);
            return cut is null ? Progress : throw cut;
        }
        finally
        {
            lock (_gate)
            {
                _ended = true;
            }

            connection.Listener = null;
        }
    }

    /// <summary>
    /// Brokers before 4.0 don't tell of chunks behind the last one with messages, in which consumers may have stored their offsets. They send what they have before they turn to the next request: what has
    /// come by the time of its answer is all there was.
    /// </summary>
    private async Task TakeTailAsync(CancellationToken cancellationToken)
    {
        await connection.MetadataAsync(stream, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _inTail, false);
    }

    /// <summary>Ends the reading after the chunk under way; may be called from the sink.</summary>
    internal void Stop()
    {
        lock (_gate)
        {
            _stopAsked = true;
            if (!_inChunk)
            {
                EndReading();
            }
        }
    }

    void IStreamListener.OnChunk(byte subscription, in ChunkHeader header)
    {
        lock (_gate)
        {
            bool isTail = Volatile.Read(ref _inTail) && header.Type is not ChunkType.User;
            if ((_ended && !isTail) || subscription != Subscription)
            {
                return;
            }

            if (!isTail)
            {
                CheckOrder(header);
            }

            _chunk = header;
            _inChunk = true;
        }

        if (header.Type is ChunkType.User)
        {
            sink.OnChunk(header);
        }
        else
        {
            _tracking.Begin(header);
        }
    }

    void IStreamListener.OnChunkData(ReadOnlySpan<byte> data)
    {
        if (!_inChunk)
        {
            return;
        }

        Volatile.Write(ref _lastInput, Stopwatch.GetTimestamp());
        if (_chunk.Type is ChunkType.User)
        {
            sink.OnData(data);
        }
        else
        {
            _tracking.Append(data);
        }
    }

    void IStreamListener.OnChunkEnd(bool intact)
    {
        if (!_inChunk)
        {
            return;
        }

        if (_chunk.Type is ChunkType.User)
        {
            sink.OnChunkEnd(intact);
        }

        lock (_gate)
        {
            if (_ended)
            {
                // Between the end and here there may be messages that came later, which are not wanted.
                _inChunk = false;
                ulong? expected = _chunk.FirstOffset == _expected ? null : _expected;
                Count(intact);
                _expected = expected ?? _expected;
                return;
            }

            Count(intact);
            _inChunk = false;
            _creditOwed++;
            if (_stopAsked || _chunk.FirstOffset >= _endChunk)
            {
                EndReading();
            }
        }
    }

    async ValueTask IStreamListener.OnReceivedAsync(CancellationToken cancellationToken)
    {
        if (_ended)
        {
            return;
        }

        ValueTask pause = sink.OnPauseAsync(cancellationToken);
        if (!pause.IsCompletedSuccessfully)
        {
            Volatile.Write(ref _inSink, true);
            await pause.ConfigureAwait(false);
            Volatile.Write(ref _lastInput, Stopwatch.GetTimestamp());
            Volatile.Write(ref _inSink, false);
        }

        if (_creditOwed >= CreditRefill)
        {
            ushort credit = (ushort)_creditOwed;
            _creditOwed = 0;
            await connection.CreditAsync(Subscription, credit, cancellationToken).ConfigureAwait(false);
        }
    }

    void IStreamListener.OnMetadataUpdate(StreamResponseCode code, string changed)
    {
        if (changed == stream)
        {
            _done.TrySetException(new RabbitBackupException(ErrorCode.QueueNotFound, $"The stream '{stream}' was deleted or has moved while it was read.")
            {
                Target = stream,
                IsTransient = true,
                Hint = "Read on with a new connection; if the stream is gone, its metadata say so.",
            });
        }
    }

    void IStreamListener.OnLost(Exception failure) => _done.TrySetException(failure);

    /// <summary>Compares a chunk's offset with the end of the one before.</summary>
    private void CheckOrder(in ChunkHeader header)
    {
        ulong? expected = _expected ?? (ulong?)options.Start.OffsetOrNull;
        if (header.FirstOffset > expected)
        {
            _gaps.Add(new StreamGap((long)expected, (long)header.FirstOffset - 1, StreamGapKind.Truncated));
        }
        else if (header.FirstOffset < _expected)
        {
            throw StreamErrors.Malformed($"the chunk at offset {header.FirstOffset} came after offset {_expected - 1}");
        }
    }

    private void Count(bool intact)
    {
        _expected = _chunk.NextOffset;
        if (_chunk.Type is not ChunkType.User)
        {
            _trackingChunks++;
            _tracking.End(intact);
            return;
        }

        if (!intact)
        {
            _gaps.Add(new StreamGap((long)_chunk.FirstOffset, (long)Math.Max(_chunk.NextOffset, _chunk.FirstOffset + 1) - 1, StreamGapKind.Corrupt));
            return;
        }

        _chunks++;
        _messages += _chunk.Records;
        _bytes += _chunk.DataLength;
        _firstOffset ??= (long)_chunk.FirstOffset;
        _lastOffset = (long)_chunk.NextOffset - 1;
    }

    private void EndReading()
    {
        _ended = true;
        _inTail = !options.Follow && !connection.Features.HasCommandVersions;
        _done.TrySetResult();
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await _done.Task.WaitAsync(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException e)
            {
                if (!options.Follow && !Volatile.Read(ref _inSink) && Stopwatch.GetElapsedTime(Volatile.Read(ref _lastInput)) > options.SilenceTimeout)
                {
                    throw new RabbitBackupException(
                        ErrorCode.OperationTimedOut, $"The broker sent nothing of the stream '{stream}' for {options.SilenceTimeout.TotalSeconds:0} s before its end was reached.", e)
                    {
                        Target = stream,
                        IsTransient = true,
                    };
                }
            }
        }
    }

    private async Task UnsubscribeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await connection.UnsubscribeAsync(Subscription, stream, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException)
        {
            // Everything that was asked for is here. A connection that breaks now shows it to its next user.
        }
    }
}
