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
internal sealed class StreamRestore(RestoreOptions options, RestorePlanQueue row, BlockPool pool, TimeProvider time, IRestoreQueueEvents events)
{
    private readonly StreamSource _source = StreamSource.Of(row.Source);
    private readonly StreamConnector _connector = new(options.Broker, time);
    private long _confirmed;
    private long _refused;
    private long _skipped;
    private long _published;
    private long _large;
    private string? _lost;
    private string? _refusal;

    /// <summary>
    /// The offset up to which an earlier run of the same restore has brought the stream; null where none has. Such a stream is not empty, and yet no conflict.
    /// </summary>
    internal static async Task<long?> EarlierRunAsync(RestoreOptions options, RestorePlanQueue row, TimeProvider time, CancellationToken cancellationToken)
    {
        StreamSource source = StreamSource.Of(row.Source);
        if (source.Publisher.Length == 0)
        {
            return null;
        }

        try
        {
            StreamConnector connector = new(options.Broker, time);
            await using StreamConnection connection = await connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
            ulong id = await connection.QueryPublisherSequenceAsync(source.Publisher, row.TargetQueue, cancellationToken).ConfigureAwait(false);
            return id > 0 ? (long)id - 1 : null;
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable or ErrorCode.QueueNotFound)
        {
            return null;
        }
    }

    /// <summary>Restores the stream. What goes wrong is in the result; only a cancellation is thrown.</summary>
    internal async Task<RestoreQueueResult> RunAsync(CancellationToken cancellationToken)
    {
        RestoreQueueResult result = new() { SourceVirtualHost = row.VirtualHost, SourceQueue = row.Queue, VirtualHost = row.TargetVirtualHost, Queue = row.TargetQueue, Requested = row.Messages };
        RabbitBackupException? failure = null;
        try
        {
            if (row.Declares)
            {
                result = result with { Declared = await DeclareAsync(cancellationToken).ConfigureAwait(false) };
            }

            await PublishAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            failure = exception;
        }

        result = result with
        {
            Requested = row.IsEstimate && failure is null ? _skipped + _confirmed + _refused : result.Requested,
            Confirmed = _skipped + _confirmed,
            AlreadyThere = _skipped,
            Rejected = _refused,
            Unconfirmed = failure is null ? 0 : Math.Max(0, _published - _confirmed - _refused),
        };
        return (failure, _refused) switch
        {
            (not null, _) => result with { ErrorCode = failure.Code.ToString(), Reason = failure.Message },
            (null, > 0) => result with { ErrorCode = ErrorCode.PublishRejected.ToString(), Reason = $"The broker refused {_refused} message(s): {_refusal}." },
            _ => result with { Reason = _large > 0 ? LargeNote() : null },
        };
    }

    private async Task<bool> DeclareAsync(CancellationToken cancellationToken)
    {
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(options.Broker, row.TargetVirtualHost, cancellationToken).ConfigureAwait(false);
        return await connection.DeclareAsync(
            new QueueDeclaration { Queue = new QueueName(row.TargetVirtualHost, row.TargetQueue), Type = QueueTypes.Stream, Arguments = row.Shape.Arguments },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Publishes over as many connections as it takes. Without a name nothing keeps a message from being stored twice, so then there is only one.</summary>
    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        StreamReconnects reconnects = new(time);
        bool connected = false;
        while (true)
        {
            (_confirmed, _refused, _skipped, _published, _large) = (0, 0, 0, 0, 0);
            try
            {
                await using StreamConnection connection = await _connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
                connected = true;
                await PublishAsync(connection, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (RabbitBackupException lost) when (lost.IsTransient && connected && _source.Publisher.Length > 0 && !lost.Code.IsStorage())
            {
                await reconnects.WaitAsync(lost, _skipped + _confirmed, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task PublishAsync(StreamConnection connection, CancellationToken cancellationToken)
    {
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, row.TargetQueue, _source.Publisher, null, cancellationToken).ConfigureAwait(false);
        await using ConvertedMessages converted = new(options, row.TargetVirtualHost, row.TargetQueue, time);
        try
        {
            if (_source.Store is { } store)
            {
                await using BackupCatalog catalog = new(store);
                foreach ((string backupId, SegmentEntry segment) in _source.Segments)
                {
                    await PublishSegmentAsync(catalog, backupId, segment, publisher, converted, cancellationToken).ConfigureAwait(false);
                }
            }

            ulong id = 0;
            foreach (BackupMessage message in _source.Messages)
            {
                await PublishMessageAsync(publisher, converted, ++id, message.RawMessage, cancellationToken).ConfigureAwait(false);
            }

            await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _confirmed = publisher.ConfirmedMessages + converted.Confirmed;
            _refused += publisher.RefusedMessages + converted.Refused;
            _skipped += publisher.SkippedMessages;
            if (publisher.Refused is [var first, ..])
            {
                _refusal ??= $"{first.Code}";
            }

            _lost = string.Join(", ", converted.Lost);
        }
    }

    private async Task PublishSegmentAsync(
        BackupCatalog catalog, string backupId, SegmentEntry segment, StreamPublisher publisher, ConvertedMessages converted, CancellationToken cancellationToken)
    {
        // By its row alone, without a look at it, a segment that an earlier run has brought over is passed.
        if (segment.LastOffset is { } last && (ulong)last < publisher.StoredId)
        {
            _skipped += segment.Records;
            events.OnPublished(row, segment.Records, segment.UncompressedBytes);
            return;
        }

        SegmentReader? reader = await OpenAsync(catalog, backupId, segment, cancellationToken).ConfigureAwait(false);
        if (reader is null)
        {
            return;
        }

        using (reader)
        {
            while (reader.TryRead(out SegmentRecord record))
            {
                if (record.Kind != SegmentRecordKind.StreamChunk)
                {
                    throw new RabbitBackupException(ErrorCode.SegmentCorrupt, "The segment of a stream holds a record of a queue.") { Target = segment.Key };
                }

                SegmentRecord meant = StreamSelection.Apply(row.Source.Filter, record);
                if (meant.Messages > 0)
                {
                    _published += meant.Messages;
                    await PublishRecordAsync(meant, publisher, converted, cancellationToken).ConfigureAwait(false);
                }

                events.OnPublished(row, meant.Messages, meant.Entries.Length);
            }
        }
    }

    /// <summary>
    /// A damaged segment ends the restore of the stream, so that another run with a good copy goes on there: what comes behind a hole can't be put before it later. With -Force it is left out.
    /// </summary>
    private async Task<SegmentReader?> OpenAsync(BackupCatalog catalog, string backupId, SegmentEntry segment, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.OpenReaderAsync(backupId, segment, pool, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew)
        {
            events.OnDamagedSegment(row, exception);
            return options.Force ? null : throw new RabbitBackupException(exception.Code, $"{exception.Message} The messages after it were not restored; -Force leaves it out and goes on.", exception)
            {
                Target = exception.Target,
            };
        }
    }

    private async Task PublishRecordAsync(SegmentRecord record, StreamPublisher publisher, ConvertedMessages converted, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> rest = record.Entries;
        ulong offset = (ulong)record.FirstOffset;
        while (true)
        {
            int taken = await publisher.PublishChunkAsync(offset, rest, cancellationToken).ConfigureAwait(false);
            if (taken == rest.Length)
            {
                return;
            }

            // The entry there can't go through the stream protocol. It takes its place behind all before it.
            offset = OffsetAfter(rest[..taken], offset);
            rest = rest[taken..];
            (int length, ushort messages) = await PublishOddEntryAsync(rest, offset, publisher, converted, cancellationToken).ConfigureAwait(false);
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
        ReadOnlyMemory<byte> data, ulong offset, StreamPublisher publisher, ConvertedMessages converted, CancellationToken cancellationToken)
    {
        List<(ulong Offset, byte[] Message)> unpacked = [];
        (int length, ushort records) = Unpack(data.Span, offset, unpacked);
        if (unpacked.Count < records)
        {
            _refused += records - unpacked.Count;
            _refusal ??= $"the batch at offset {offset} is malformed, and this broker takes none such";
        }

        foreach ((ulong place, byte[] message) in unpacked)
        {
            if (place + 1 <= publisher.StoredId)
            {
                _skipped++;
            }
            else
            {
                await PublishMessageAsync(publisher, converted, place + 1, message, cancellationToken).ConfigureAwait(false);
            }
        }

        return (length, records);
    }

    private async Task PublishMessageAsync(StreamPublisher publisher, ConvertedMessages converted, ulong id, byte[] message, CancellationToken cancellationToken)
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
        _large++;

        // Ids of the stream protocol don't tell whether an earlier run got as far as this message: the end of the stream does.
        if (publisher.Confirmed == 0 && converted.Confirmed == 0 && await IsLastAsync(message, cancellationToken).ConfigureAwait(false))
        {
            _skipped++;
            return;
        }

        await converted.PublishAsync(message, cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> IsLastAsync(byte[] message, CancellationToken cancellationToken)
    {
        await using StreamConnection connection = await _connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Read, cancellationToken).ConfigureAwait(false);
        byte[]? last = await StreamTail.LastMessageAsync(connection, row.TargetQueue, cancellationToken).ConfigureAwait(false);
        return last is not null && ConvertedMessages.IsSame(last, message);
    }

    private string LargeNote() => $"{_large} message(s) above the broker's stream frame size went through AMQP 0-9-1{(_lost is { Length: > 0 } ? $", which has no place for: {_lost}" : "")}.";

    private static ulong OffsetAfter(ReadOnlyMemory<byte> entries, ulong offset)
    {
        ChunkEntryReader reader = new(entries.Span, offset);
        while (reader.TryRead(out _))
        {
        }

        return reader.NextOffset;
    }

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
