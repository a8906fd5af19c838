using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Restores a stream into a stream by the stream protocol: the entries as they were captured, batches packed as they were, each under the publishing id offset + 1 and all under one name, so that however
/// often and wherever the restore is broken off, each message is there once.
/// </summary>
/// <param name="options">What is asked for.</param>
/// <param name="row">The stream's row in the plan.</param>
/// <param name="isNew">The stream was declared by this restore.</param>
/// <param name="pace">The rate to hold to, or null.</param>
/// <param name="pool">Memory for segments.</param>
/// <param name="time">The clock.</param>
/// <param name="events">Told of what is done.</param>
internal sealed class StreamRestore(
    RestoreOptions options, RestorePlanQueue row, bool isNew, PublishPace? pace, BlockPool pool, TimeProvider time, IRestoreQueueEvents events)
{
    private readonly string _name = StreamPublisherName.Of(row.Source);
    private readonly StreamSelection _selection = new(row.Source);
    private readonly StreamConnector _connector = new(options.Broker, time);
    private bool _connected;
    private long _confirmed;
    private long _refused;
    private long _skipped;
    private long _published;
    private long _large;
    private string? _lost;
    private string? _refusal;
    private string? _offsetsNote;
    private RabbitBackupException? _damage;

    /// <summary>The stream port was out of reach from the beginning: nothing was sent, and another way can be taken.</summary>
    internal bool NeverConnected => !_connected;

    /// <summary>Whether the source is a stream as the stream protocol has it. What was read over AMQP 0-9-1 goes back that way, as the messages of a queue.</summary>
    internal static bool CanRestore(RestorePlanQueue row) => row is { TargetType: QueueTypes.Stream, Source.Entry: { Type: QueueTypes.Stream, Stream.Lost.Count: 0 } } && row.Source.Messages.All(message => message.RawMessage.Length > 0);

    /// <summary>Restores the stream. What goes wrong is in the result; only a cancellation is thrown.</summary>
    internal async Task<RestoreQueueResult> RunAsync(CancellationToken cancellationToken)
    {
        RestoreQueueResult result = new()
        {
            SourceVirtualHost = row.VirtualHost,
            SourceQueue = row.Queue,
            VirtualHost = row.TargetVirtualHost,
            Queue = row.TargetQueue,
            Requested = row.Messages,
            Declared = isNew,
        };
        RabbitBackupException? failure = null;
        try
        {
            if (isNew && row.Source.Entry.Stream?.SuperStream is { } super)
            {
                using ManagementClient management = new(options.Broker);
                await management.BindSuperStreamAsync(
                    new QueueName(row.TargetVirtualHost, row.TargetQueue), new SuperStreamBinding(super.Name, super.RoutingKey, super.Order), cancellationToken).ConfigureAwait(false);
            }

            await PublishAsync(cancellationToken).ConfigureAwait(false);
            if (options.ConsumerOffsets && _refused == 0)
            {
                result = result with { ConsumerOffsets = await StoreConsumerOffsetsAsync(cancellationToken).ConfigureAwait(false) };
            }
        }
        catch (RabbitBackupException exception)
        {
            failure = exception;
            if (_damage is null && SourceCursor.IsDamage(exception.Code))
            {
                events.OnDamagedSegment(row, exception);
            }
        }

        result = result with
        {
            // How many it were, where only the records could tell; after a failure the rest was not read.
            Requested = row.IsEstimate && failure is null ? _skipped + _confirmed + _refused : row.Messages,
            Confirmed = _skipped + _confirmed,
            AlreadyThere = _skipped,
            Rejected = _refused,
            Unconfirmed = failure is null ? 0 : Math.Max(0, _published - _confirmed - _refused),
        };
        failure ??= _damage;
        return (failure, _refused) switch
        {
            (not null, _) => result with { ErrorCode = failure.Code.ToString(), Reason = _offsetsNote is null ? failure.Message : $"{failure.Message} {_offsetsNote}" },
            (null, > 0) => result with { ErrorCode = ErrorCode.PublishRejected.ToString(), Reason = $"The broker refused {_refused} message(s): {_refusal}." },
            _ => result with { Reason = string.Join(" ", ((string?[])[_large > 0 ? LargeNote() : null, _offsetsNote]).OfType<string>()) is { Length: > 0 } notes ? notes : null },
        };
    }

    private async Task<IReadOnlyDictionary<string, long>> StoreConsumerOffsetsAsync(CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, long> offsets = row.Source.Entry.Stream?.ConsumerOffsets ?? new Dictionary<string, long>();
        if (offsets.Count == 0 || _damage is not null || row.Source is not { IsWhole: true, Store: { } store })
        {
            _offsetsNote = offsets.Count == 0 ? null : "The offsets of consumers were not stored: only a part of the stream was restored.";
            return new Dictionary<string, long>();
        }

        ConsumerOffsetRestore restore = new(row.Source.Segments, offsets);
        await using BackupCatalog catalog = new(store);
        Dictionary<string, long> counts = await restore.CountAsync(catalog, pool, cancellationToken).ConfigureAwait(false);
        await using StreamConnection connection = await _connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
        IReadOnlyDictionary<string, long>? stored =
            await ConsumerOffsetRestore.StoreAsync(connection, row.TargetQueue, counts, _skipped + _confirmed, cancellationToken).ConfigureAwait(false);
        _offsetsNote = stored is null ? "The offsets of consumers were not stored: the stream holds other messages too, or retention has taken some." : null;
        return stored ?? new Dictionary<string, long>();
    }

    /// <summary>Publishes over as many connections as it takes. Without a name nothing keeps a message from being stored twice, so then there is only one.</summary>
    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        StreamReconnects reconnects = new(time) { MaxTime = options.RetryTimeout };
        while (true)
        {
            (_confirmed, _refused, _skipped, _published) = (0, 0, 0, 0);
            try
            {
                await using StreamConnection connection = await _connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
                _connected = true;
                await PublishAsync(connection, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (RabbitBackupException lost) when (lost.IsTransient && _connected && _name.Length > 0 && !lost.Code.IsStorage())
            {
                events.OnReconnecting(row, lost, (int)Math.Clamp(_published - _confirmed - _refused, 0, int.MaxValue));
                await reconnects.WaitAsync(lost, _skipped + _confirmed, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task PublishAsync(StreamConnection connection, CancellationToken cancellationToken)
    {
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, row.TargetQueue, _name, null, cancellationToken).ConfigureAwait(false);
        await using LargeMessages large = new(options, row, _connector, time);
        try
        {
            if (row.Source.Store is { } store)
            {
                await using BackupCatalog catalog = new(store);
                await using SegmentsAhead segments = new(catalog, pool);
                List<SourceSegment> wanted = [.. row.Source.Segments.Where(segment => IsWanted(segment, publisher.StoredId))];
                for (int i = 0; i < wanted.Count; i++)
                {
                    using SegmentReader? reader = await OpenAsync(segments, wanted[i], i + 1 < wanted.Count ? wanted[i + 1] : null, cancellationToken).ConfigureAwait(false);
                    if (reader is not null)
                    {
                        await PublishSegmentAsync(reader, wanted[i], publisher, large, cancellationToken).ConfigureAwait(false);
                    }
                }
            }

            ulong id = 0;
            foreach (BackupMessage message in row.Source.Messages)
            {
                await PublishMessageAsync(publisher, large, ++id, message.RawMessage, cancellationToken).ConfigureAwait(false);
            }

            await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _confirmed = publisher.ConfirmedMessages + large.Confirmed;
            _refused += publisher.RefusedMessages + large.Refused;
            _skipped += publisher.SkippedMessages + large.AlreadyThere;
            if (publisher.Refused is [var first, ..])
            {
                _refusal ??= $"{first.Code}";
            }

            (_large, _lost) = (large.Count, string.Join(", ", large.Lost));
        }
    }

    /// <summary>
    /// By its row alone, without a look at it, a segment that an earlier run has brought over is passed. Not where holes are left out: only the segment tells what of it is not there.
    /// </summary>
    private bool IsWanted(SourceSegment segment, ulong storedId)
    {
        if (segment.EndOrdinal <= row.Source.FirstOrdinal || segment.FirstOrdinal >= row.Source.EndOrdinal)
        {
            return false;
        }

        if (!options.Force && row.Source.IsPassed(segment, storedId))
        {
            _skipped += segment.Entry.Records;
            events.OnPublished(row, segment.Entry.Records, segment.Entry.UncompressedBytes);
            return false;
        }

        return true;
    }

    private async Task PublishSegmentAsync(SegmentReader reader, SourceSegment segment, StreamPublisher publisher, LargeMessages large, CancellationToken cancellationToken)
    {
        long ordinal = segment.FirstOrdinal;
        while (reader.TryRead(out SegmentRecord record))
        {
            if (record.Kind != SegmentRecordKind.StreamChunk)
            {
                throw new RabbitBackupException(ErrorCode.SegmentCorrupt, "The segment of a stream holds a record of a queue.") { Target = segment.Entry.Key };
            }

            foreach ((ulong offset, ReadOnlyMemory<byte> entries) in _selection.Of(record, ordinal, segment.NeedsFilter))
            {
                await PublishEntriesAsync(offset, entries, publisher, large, cancellationToken).ConfigureAwait(false);
            }

            if (pace is not null)
            {
                await pace.WaitAsync(record.Messages, record.Entries.Length, cancellationToken).ConfigureAwait(false);
            }

            ordinal += record.Messages;
            _published += record.Messages;
            events.OnPublished(row, record.Messages, record.Entries.Length);
        }
    }

    /// <summary>
    /// A damaged segment ends the restore of the stream, so that another run with a good copy goes on there: what comes behind a hole can't be put before it later. With -Force it is left out.
    /// </summary>
    private async Task<SegmentReader?> OpenAsync(SegmentsAhead segments, SourceSegment segment, SourceSegment? next, CancellationToken cancellationToken)
    {
        SegmentReader? reader = null;
        try
        {
            reader = await segments.OpenAsync(segment, next, cancellationToken).ConfigureAwait(false);
            return reader.Miscount(segment.Entry) is { } miscount ? throw miscount : reader;
        }
        catch (RabbitBackupException exception) when (SourceCursor.IsDamage(exception.Code))
        {
            // After a reconnection the same segment is met again.
            if (_damage is null || _damage.Target != exception.Target)
            {
                events.OnDamagedSegment(row, exception);
            }

            _damage ??= exception;
            if (options.Force)
            {
                return reader;
            }

            reader?.Dispose();
            throw new RabbitBackupException(exception.Code, $"{exception.Message} The messages after it were not restored; -Force leaves it out and goes on.", exception)
            {
                Target = exception.Target,
            };
        }
    }

    private async Task PublishEntriesAsync(ulong offset, ReadOnlyMemory<byte> rest, StreamPublisher publisher, LargeMessages large, CancellationToken cancellationToken)
    {
        while (true)
        {
            (int taken, offset) = await publisher.PublishChunkAsync(offset, rest, cancellationToken).ConfigureAwait(false);
            if (taken == rest.Length)
            {
                return;
            }

            // The entry there can't go through the stream protocol. It takes its place behind all before it.
            rest = rest[taken..];
            (int length, ushort messages) = await PublishOddEntryAsync(rest, offset, publisher, large, cancellationToken).ConfigureAwait(false);
            rest = rest[length..];
            offset += messages;
            if (rest.IsEmpty)
            {
                return;
            }
        }
    }

    /// <summary>An entry that is too large, or a batch whose header RabbitMQ 4.3 refuses.</summary>
    /// <returns>Its length and how many messages it holds.</returns>
    private async Task<(int Length, ushort Messages)> PublishOddEntryAsync(
        ReadOnlyMemory<byte> data, ulong offset, StreamPublisher publisher, LargeMessages large, CancellationToken cancellationToken)
    {
        List<(ulong Offset, byte[] Message)> unpacked = [];
        (int length, ushort records) = Unpack(data.Span, offset, unpacked);
        if (unpacked.Count < records)
        {
            string complaint = $"the batch at offset {offset} is malformed, and this broker takes none such";
            if (!options.Force)
            {
                await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
                throw new RabbitBackupException(ErrorCode.PublishRejected, $"Of the stream '{row.TargetQueue}' {complaint}. It and the messages after it were not restored.")
                {
                    Target = row.TargetQueue,
                    Hint = "-Force leaves it out and goes on; a broker before 4.3 takes it as it is.",
                };
            }

            _refused += records - unpacked.Count;
            _refusal ??= complaint;
        }

        foreach ((ulong place, byte[] message) in unpacked)
        {
            if (place + 1 <= publisher.StoredId)
            {
                _skipped++;
            }
            else
            {
                await PublishMessageAsync(publisher, large, place + 1, message, cancellationToken).ConfigureAwait(false);
            }
        }

        return (length, records);
    }

    private async Task PublishMessageAsync(StreamPublisher publisher, LargeMessages large, ulong id, byte[] message, CancellationToken cancellationToken)
    {
        byte[] wire = new byte[4 + message.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(wire, message.Length);
        message.CopyTo(wire, 4);
        if (publisher.Fits(wire.Length))
        {
            while (!publisher.TryAddEntry(id, wire))
            {
                await publisher.FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await large.PublishAsync(publisher, message, cancellationToken).ConfigureAwait(false);
    }

    private string LargeNote() => $"{_large} message(s) above the broker's stream frame size went through AMQP 0-9-1{(_lost is { Length: > 0 } ? $", which has no place for: {_lost}" : "")}.";

    /// <summary>Takes the first entry apart; of a batch that can't be unpacked there are no messages.</summary>
    private static (int Length, ushort Records) Unpack(ReadOnlySpan<byte> data, ulong offset, List<(ulong Offset, byte[] Message)> messages)
    {
        new ChunkEntryReader(data, offset).TryRead(out ChunkEntry entry);
        try
        {
            ChunkMessages.Visit(entry.Wire, offset, (place, message) =>
            {
                messages.Add((place, message.ToArray()));
                return true;
            });
        }
        catch (RabbitBackupException damage) when (damage.Code is ErrorCode.SegmentCorrupt)
        {
            messages.Clear();
        }

        return (entry.Wire.Length, entry.Records);
    }
}
