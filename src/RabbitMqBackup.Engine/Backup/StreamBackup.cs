using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Captures one stream by the stream protocol, from where the backup before ended (or its first message) up to what is committed when it begins, or on and on until the run ends.</summary>
/// <param name="context">The run.</param>
/// <param name="queue">The stream.</param>
/// <param name="committed">Told of each segment in the store.</param>
/// <param name="advanced">Told of messages and bytes as they come.</param>
/// <param name="behind">Where the stream is followed: told how many messages are on the broker and not captured yet.</param>
internal sealed class StreamBackup(CaptureContext context, QueueInfo queue, Action<SegmentEntry, QueueEntry> committed, Action<long, long> advanced, Action<long> behind)
{
    /// <summary>Who follows streams for months is not ended by the broker's maintenance.</summary>
    private static readonly TimeSpan MaxFollowOutage = TimeSpan.FromHours(1);

    private readonly ReadDecision _decision = ReadSafety.Decide(queue, context.Plan.Version, context.SafetyOptions);
    private readonly string _name = queue.ToString();
    private readonly StreamConnector _connector = new(context.Broker, context.Time);
    private readonly QueueJournal _journal = context.Journal.Of(queue.VirtualHost, queue.Name);
    private readonly QueueEntry? _begun = context.Journal.Begun.FirstOrDefault(entry => entry.VirtualHost == queue.VirtualHost && entry.Name == queue.Name);

    /// <summary>Replaced, not changed: the thread that uploads looks at it, too.</summary>
    private volatile StreamGap[] _gaps = [];
    private IReadOnlyDictionary<string, long> _consumerOffsets = new Dictionary<string, long>();
    private ChunkReader? _reader;
    private ChunkSink? _sink;
    private StreamEntry? _base = context.BaseOf(queue);
    private bool _connected;
    private (long Offset, long Time)? _known;
    private bool _compared;
    private bool _hasRead;
    private bool _wasReplaced;
    private RabbitBackupException? _gone;
    private bool _isAnew;
    private long _nextOffset;
    private ulong? _endChunk;
    private SuperStreamEntry? _superStream;
    private string? _note;

    /// <inheritdoc cref="QueueBackup.Hint"/>
    internal string? Hint { get; private set; }

    /// <summary>
    /// Reads the stream. What goes wrong with it is in the entry that comes back; what goes wrong with the store is thrown, since no other queue would fare better.
    /// </summary>
    internal async Task<QueueEntry> RunAsync(CancellationToken cancellationToken)
    {
        if (_decision.SkipCode is { } skip && _decision.Verdict == ReadVerdict.Unsafe)
        {
            return Skipped(skip, string.Join(" ", _decision.Reasons));
        }

        if (context.StopSignal.Reason is { } trouble && !context.Options.Continuous)
        {
            return Skipped(ErrorCode.BrokerInAlarm, trouble);
        }

        if (_begun is null)
        {
            context.Journal.Begin(NewEntry());
        }

        ChunkSink sink = _sink = NewSink();
        try
        {
            await LookUpSuperStreamAsync(cancellationToken).ConfigureAwait(false);
            RabbitBackupException? failure = await ReadAsync(sink, cancellationToken).ConfigureAwait(false);
            if (_wasReplaced)
            {
                // What the base holds is of a stream that is gone: this one is read from its beginning.
                await sink.DisposeAsync().ConfigureAwait(false);
                if (_journal.Stored is [var first, ..])
                {
                    _journal.DropFrom(first);
                }

                (_base, _endChunk, _nextOffset, _isAnew, _wasReplaced) = (null, null, 0, true, false);
                _gaps = [];
                _consumerOffsets = new Dictionary<string, long>();
                sink = _sink = NewSink();
                failure = await ReadAsync(sink, cancellationToken).ConfigureAwait(false);
            }

            if (failure is { Code: ErrorCode.BrokerUnreachable } unreachable && !_connected && !context.Options.Continuous)
            {
                return await StreamFallback.RunAsync(context, queue, NewEntry(), unreachable, segment => committed(segment, NewEntry()), advanced, cancellationToken).ConfigureAwait(false);
            }

            // What was captured before a failure is kept: half a stream in the backup is more than none, and the entry says that it is half.
            await sink.CompleteAsync(cancellationToken).ConfigureAwait(false);
            Hint = failure?.Hint;
            return Outcome(sink, failure);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            using CancellationTokenSource limit = new(context.Options.StopTimeout, context.Time);
            await sink.CompleteAsync(limit.Token).ConfigureAwait(false);
            throw;
        }
        finally
        {
            await sink.DisposeAsync().ConfigureAwait(false);
        }
    }

    private ChunkSink NewSink() => new(
        context,
        _journal,
        number => QueueKey.Segment(queue.VirtualHost, queue.Name, number, context.Options.Compression),
        OnCommitted,
        _base?.NextOffset ?? 0)
    {
        Advanced = advanced,
        Arriving = Compare,
    };

    /// <summary>
    /// Another run that goes on from here reads neither what tracking chunks said so far nor what was missing: it finds both in the checkpoint. What is missing behind the segment it meets itself. Called on the
    /// thread that uploads.
    /// </summary>
    private void OnCommitted(SegmentEntry segment)
    {
        // In this order: what a connection that ends right now has met is in both then, and not in neither.
        long from = From;
        StreamReadResult? progress = _reader?.Progress;
        IEnumerable<StreamGap> gaps = [.. progress is null ? [] : StreamGaps.Truncated(progress, from), .. _gaps, .. _sink?.DamagedChunks ?? []];
        QueueEntry entry = NewEntry();
        context.Journal.Begin(entry with
        {
            Gaps = [.. EarlierGaps, .. gaps.Where(gap => gap.FirstOffset <= segment.LastOffset).OrderBy(gap => gap.FirstOffset).DistinctBy(gap => gap.LastOffset).Select(StreamGaps.ToEntry)],
            Stream = entry.Stream! with { ConsumerOffsets = ConsumerOffsets(progress?.ConsumerOffsets) },
        });
        committed(segment, entry);
    }

    private IReadOnlyList<GapEntry> EarlierGaps => _isAnew ? [] : _begun?.Gaps ?? [];

    private async Task LookUpSuperStreamAsync(CancellationToken cancellationToken)
    {
        _superStream = await context.Management.GetSuperStreamAsync(new QueueName(queue.VirtualHost, queue.Name), cancellationToken).ConfigureAwait(false) is { } binding
            ? new SuperStreamEntry(binding.Exchange, binding.RoutingKey, binding.Order)
            : null;
    }

    /// <summary>Reads over as many connections as it takes.</summary>
    private async Task<RabbitBackupException?> ReadAsync(ChunkSink sink, CancellationToken cancellationToken)
    {
        _nextOffset = sink.NextOffset;
        StreamReconnects reconnects = new(context.Time) { MaxTime = context.Options.Continuous ? MaxFollowOutage : context.Options.Retry.MaxTime };
        while (true)
        {
            try
            {
                if (context.Ending.IsCancellationRequested)
                {
                    return null;
                }

                await using StreamConnection connection = await _connector.ConnectAsync(queue.VirtualHost, queue.Name, StreamAccess.Read, cancellationToken).ConfigureAwait(false);
                _connected = true;
                reconnects.Connected();
                await ReadAsync(connection, sink, Start(sink), cancellationToken).ConfigureAwait(false);
                return null;
            }
            catch (RabbitBackupException) when (_wasReplaced)
            {
                return null;
            }
            catch (RabbitBackupException) when (_gone is not null)
            {
                sink.Rewind();
                return _gone;
            }
            catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
            {
                long next = sink.Rewind();

                // What is read again may have gone meanwhile, and what was missing is missing once.
                _nextOffset = Math.Min(_nextOffset, next);
                _gaps = [.. _gaps.Where(gap => gap.FirstOffset < next)];
                try
                {
                    await reconnects.WaitAsync(_connected ? exception : Final(exception), next, cancellationToken).ConfigureAwait(false);
                }
                catch (RabbitBackupException final)
                {
                    return final;
                }
            }
        }
    }

    /// <summary>The last message known, by this run, an earlier one or the backup before, is asked for once more: its chunk tells whether it is the same stream, which may be made anew at any time.</summary>
    private StreamStart Start(ChunkSink sink)
    {
        _compared = false;
        _known = sink.LastOffset is { } written ? (written, sink.LastChunkTime)
            : _base is { LastOffset: { } last, LastChunkTime: { } time } ? (last, time.ToUnixTimeMilliseconds())
            : null;
        return _known is { } known ? StreamStart.Offset(known.Offset) : sink.NextOffset > 0 ? StreamStart.Offset(sink.NextOffset) : StreamStart.First;
    }

    private async Task ReadAsync(StreamConnection connection, ChunkSink sink, StreamStart start, CancellationToken cancellationToken)
    {
        bool follow = context.Options.Continuous;
        (StreamExtent extent, RabbitBackupException? outOfReach) = await _connector.FindExtentAsync(connection, queue.Name, start, cancellationToken).ConfigureAwait(false);
        NoteLeader(connection, outOfReach);
        await SeeSettledAsync(connection, start, extent, cancellationToken).ConfigureAwait(false);
        if (follow && _known is not null && (extent.EndsBeforeStart || (extent.EndChunk is null && !_hasRead)))
        {
            // A broker says nothing about an offset that a stream does not reach: this would wait for ever.
            throw Replaced();
        }

        ChunkReader reader = _reader = new ChunkReader(connection, queue.Name, new StreamReadOptions { Start = start, EndChunk = _endChunk, Extent = extent, Follow = follow }, context.Throttle is { } throttle ? new ThrottledChunks(throttle, sink) : sink);
        using StreamFollowing? following = follow ? new StreamFollowing(_connector, queue, reader, sink, behind, context) : null;
        // Who follows a stream for months is not ended by an alarm of the broker's; nothing is held meanwhile, and a disk that is full of it is no worse for being read.
        using CancellationTokenRegistration? stopping = follow ? null : context.StopSignal.Register(reader.Stop);
        try
        {
            StreamReadResult result = await reader.RunAsync(cancellationToken).ConfigureAwait(false);
            if (!follow && context.StopSignal.Reason is { } reason && reader.EndChunk is { } end && (ulong)(result.NextOffset ?? 0) <= end)
            {
                throw new RabbitBackupException(ErrorCode.BrokerInAlarm, $"The read was ended to spare the broker. {reason}") { Target = _name };
            }

            if (!follow && result.NextOffset is null && _known is not null && !_compared)
            {
                // The last message known is not there, and nothing after it: it is another stream.
                throw Replaced();
            }
        }
        finally
        {
            _endChunk ??= reader.EndChunk;
            Note(reader.Progress, sink);
        }
    }

    /// <summary>That what is there now is what somebody wants in a backup.</summary>
    private async Task SeeSettledAsync(StreamConnection connection, StreamStart start, StreamExtent extent, CancellationToken cancellationToken)
    {
        if (extent.EndChunk is null && start == StreamStart.First && queue.Messages > 0 && !connection.Features.HasCommandVersions)
        {
            // A leader that was just elected shows nothing until its replicas are there, and before 4.0 can't be asked whether there is something.
            throw Unsettled(ErrorCode.QueueUnavailable, $"The stream '{queue.Name}' is listed with {queue.Messages} message(s), and its leader shows none of them.", "See that the nodes with its replicas are up, then run again.");
        }

        if (!_hasRead && !context.Options.Continuous && !context.Options.Force && await context.Others.IsClaimedAsync(new(queue.VirtualHost, queue.Name), cancellationToken).ConfigureAwait(false))
        {
            throw Unsettled(ErrorCode.QueueInUse, $"The stream '{queue.Name}' is being restored into: the backup would hold a part of it.", "Try again when the restore is through.");
        }
    }

    private RabbitBackupException Unsettled(ErrorCode code, string message, string hint) => new(code, message) { Target = _name, IsTransient = true, Hint = hint };

    /// <summary>A replica's word on where the stream ends is not the leader's: who reads the backup has to know that.</summary>
    private void NoteLeader(StreamConnection connection, RabbitBackupException? outOfReach)
    {
        if (outOfReach is not null && _note is null)
        {
            _note = $"It was read up to where the replica on {connection.Target} ends, since its leader was out of reach: what was not there yet is not in the backup. {outOfReach.Message}";
            context.Log.QueueNoted(_name, _note);
        }
    }

    /// <summary>What is missing before this was missing before.</summary>
    private long From => Math.Max(Volatile.Read(ref _nextOffset), _base?.NextOffset ?? 0);

    private void Note(StreamReadResult result, ChunkSink sink)
    {
        _gaps = [.. _gaps, .. StreamGaps.Truncated(result, From)];
        _consumerOffsets = ConsumerOffsets(result.ConsumerOffsets);
        Volatile.Write(ref _nextOffset, Math.Max(_nextOffset, Math.Max(sink.NextOffset, result.NextOffset ?? 0)));
    }

    /// <summary>Looks at the first chunk of each connection: one of another time at the place of the last message known belongs to another stream.</summary>
    private void Compare(ChunkHeader chunk)
    {
        if (_compared)
        {
            return;
        }

        // Where retention has taken the chunk, the first one left must at least be younger.
        _compared = true;
        if (_known is { } known && ((long)chunk.FirstOffset <= known.Offset ? chunk.Timestamp != known.Time : chunk.Timestamp < known.Time))
        {
            throw Replaced();
        }

        _hasRead = true;
    }

    /// <summary>
    /// There is another stream under the name. Where nothing of it was read yet, that is from its beginning; otherwise the two would get mixed, and the rest of the first one is gone: what was read of that stays, and is told as a part.
    /// </summary>
    private RabbitBackupException Replaced()
    {
        RabbitBackupException failure = new(ErrorCode.QueueNotFound, $"The stream '{queue.Name}' is not the one that was read before: it was deleted, and another of its name was made.")
        {
            Target = _name,
            Hint = "Back it up once more: the next backup reads the new stream from its beginning.",
        };
        _wasReplaced = !_hasRead;
        _gone = _hasRead ? failure : null;
        return failure;
    }

    /// <summary>A broker that could not be reached at all is not waited for.</summary>
    private static RabbitBackupException Final(RabbitBackupException exception) => new(exception.Code, exception.Message, exception) { Target = exception.Target, Hint = exception.Hint };

    private QueueEntry NewEntry() => new()
    {
        VirtualHost = queue.VirtualHost,
        Name = queue.Name,
        Type = queue.Type,
        Durable = queue.Durable,
        AutoDelete = queue.AutoDelete,
        Exclusive = queue.Exclusive,
        Arguments = queue.Arguments,
        Policy = queue.Policy,
        Verdict = _decision.Verdict.ToString(),
        VerdictReasons = _decision.Reasons,
        Stream = new StreamEntry { StartOffset = _base?.NextOffset },
    };

    private QueueEntry Skipped(ErrorCode code, string reason) => NewEntry() with
    {
        Outcome = QueueOutcome.Skipped,
        DepthAtStart = queue.Messages,
        ErrorCode = code.ToString(),
        Reason = reason,
        Gaps = queue.Messages == 0 ? [] : [new GapEntry(queue.Messages, "NotRead", "The stream was not read.")],
        Stream = _base is null ? null : _base with { StartOffset = _base.NextOffset },
    };

    private QueueEntry Outcome(ChunkSink sink, RabbitBackupException? failure)
    {
        IReadOnlyList<SegmentEntry> segments = sink.Segments;
        long messages = segments.Sum(segment => segment.Records);
        List<GapEntry> gaps = [.. EarlierGaps, .. _gaps.Concat(sink.DamagedChunks).OrderBy(gap => gap.FirstOffset).Select(StreamGaps.ToEntry)];
        if (failure is not null)
        {
            long? missing = _endChunk is { } end ? Math.Max(1, (long)end - sink.NextOffset + 1) : null;
            gaps.Add(new GapEntry(missing, failure.Code.ToString(), failure.Message, sink.NextOffset, missing is null ? null : sink.NextOffset + missing - 1));
        }

        // After a failure the next backup goes on where this one broke off, and fills the hole if the stream still has it.
        long next = failure is null ? Math.Max(_nextOffset, sink.NextOffset) : sink.NextOffset;
        return NewEntry() with
        {
            Outcome = (failure, messages) switch
            {
                (not null, 0) => QueueOutcome.Failed,
                (null, _) when gaps.Count == 0 => QueueOutcome.Captured,
                _ => QueueOutcome.Incomplete,
            },
            DepthAtStart = messages + gaps.Sum(gap => gap.Messages ?? 0),
            Messages = messages,
            Bytes = segments.Sum(segment => segment.UncompressedBytes),
            ReadBy = "stream",
            ErrorCode = failure?.Code.ToString(),
            Reason = failure?.Message,
            Gaps = gaps,
            Notes = _note is null ? [] : [_note],
            Segments = segments,
            Stream = new StreamEntry
            {
                StartOffset = _base?.NextOffset,
                LastOffset = sink.LastOffset ?? _base?.LastOffset,
                LastChunkTime = sink.LastOffset is null ? _base?.LastChunkTime : DateTimeOffset.FromUnixTimeMilliseconds(sink.LastChunkTime),
                NextOffset = next > 0 ? next : null,
                ConsumerOffsets = _consumerOffsets,
                SuperStream = _superStream,
            },
        };
    }

    /// <summary>Offsets by name: what is said last counts.</summary>
    private Dictionary<string, long> ConsumerOffsets(IReadOnlyDictionary<string, long>? latest)
    {
        Dictionary<string, long> offsets = new(StringComparer.Ordinal);
        IReadOnlyDictionary<string, long>? earlier = _isAnew ? null : _begun?.Stream?.ConsumerOffsets;
        foreach ((string name, long offset) in Pairs(_base?.ConsumerOffsets).Concat(Pairs(earlier)).Concat(_consumerOffsets).Concat(Pairs(latest)))
        {
            offsets[name] = offset;
        }

        return offsets;
    }

    private static IEnumerable<KeyValuePair<string, long>> Pairs(IReadOnlyDictionary<string, long>? offsets) => offsets ?? Enumerable.Empty<KeyValuePair<string, long>>();
}
