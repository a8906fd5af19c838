using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Restores one queue: declares it where it is missing, publishes, and counts what the broker confirmed.</summary>
internal sealed class QueueRestore(RestoreOptions options, RestorePlanQueue row, BlockPool pool, TimeProvider time, IRestoreQueueEvents events)
    : IPublishEvents
{
    private readonly byte[] _routingKey = Encoding.UTF8.GetBytes(row.TargetQueue);
    private readonly PublishedProperties _properties = new(options.Broker.Credential.UserName);
    private string? _firstReturn;

    /// <summary>Restores the queue. What goes wrong is in the result; only a cancellation is thrown.</summary>
    internal async Task<RestoreQueueResult> RunAsync(CancellationToken cancellationToken)
    {
        RestoreQueueResult result = new() { VirtualHost = row.TargetVirtualHost, Queue = row.TargetQueue, Requested = row.Messages };
        QueuePublisher? publisher = null;
        RabbitBackupException? failure = null;
        try
        {
            if (row.Declares)
            {
                result = result with { Declared = await DeclareAsync(cancellationToken).ConfigureAwait(false) };
            }

            PublisherOptions window = new() { Window = options.ConfirmWindow };
            publisher = await QueuePublisher.OpenAsync(options.Broker, row.TargetVirtualHost, window, this, time, cancellationToken).ConfigureAwait(false);
            failure = await PublishAllAsync(publisher, cancellationToken).ConfigureAwait(false);
            await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            failure = exception;
        }
        finally
        {
            if (publisher is not null)
            {
                result = Counted(result, publisher.State);
                await publisher.DisposeAsync().ConfigureAwait(false);
            }
        }

        return Judged(result, failure);
    }

    /// <inheritdoc/>
    public void OnReturned(in ReturnedMessage message) => _firstReturn ??= $"{message.ReplyCode} {Encoding.UTF8.GetString(message.ReplyText)}";

    /// <inheritdoc/>
    public void OnNacked(ulong sequence)
    {
        // Counted by the publisher; the result tells how many.
    }

    /// <inheritdoc/>
    public void OnBlocked(string? reason) => events.OnBlocked(row, reason);

    private async Task<bool> DeclareAsync(CancellationToken cancellationToken)
    {
        QueueEntry entry = row.Source.Entry;
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(options.Broker, row.TargetVirtualHost, cancellationToken).ConfigureAwait(false);
        return await connection.DeclareAsync(
            new QueueDeclaration
            {
                Queue = new QueueName(row.TargetVirtualHost, row.TargetQueue),
                Type = entry.Type,
                Durable = entry.Durable,
                AutoDelete = entry.AutoDelete,
                Arguments = entry.Arguments,
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Publishes everything; a damaged segment is left out whole and told, the others go on in their order.</summary>
    private async Task<RabbitBackupException?> PublishAllAsync(QueuePublisher publisher, CancellationToken cancellationToken)
    {
        RabbitBackupException? damage = null;
        if (row.Source.Store is { } backupStore)
        {
            await using BackupCatalog catalog = new(backupStore);
            foreach (SegmentEntry segment in row.Source.Segments)
            {
                try
                {
                    using SegmentReader reader = await catalog.OpenReaderAsync(row.Source.BackupId, segment, pool, cancellationToken).ConfigureAwait(false);
                    await PublishSegmentAsync(publisher, reader, cancellationToken).ConfigureAwait(false);
                }
                catch (RabbitBackupException exception) when (exception.Code is ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.FormatTooNew)
                {
                    damage ??= exception;
                    events.OnDamagedSegment(row, exception);
                }
            }
        }

        foreach (BackupMessage message in row.Source.Messages)
        {
            await PublishAsync(publisher, message.RawProperties, message.Body, cancellationToken).ConfigureAwait(false);
        }

        return damage;
    }

    private async Task PublishSegmentAsync(QueuePublisher publisher, SegmentReader reader, CancellationToken cancellationToken)
    {
        long messages = 0;
        long bytes = 0;
        while (reader.TryRead(out SegmentRecord record))
        {
            if (record.Kind != SegmentRecordKind.Message)
            {
                throw new RabbitBackupException(ErrorCode.SegmentCorrupt, "The segment of a queue holds a record of a stream.") { Target = row.Queue };
            }

            await PublishAsync(publisher, record.Properties, record.Body, cancellationToken).ConfigureAwait(false);
            messages++;
            bytes += record.Body.Length;
            if ((messages & 0xFF) == 0)
            {
                events.OnPublished(row, messages, bytes);
                (messages, bytes) = (0, 0);
            }
        }

        events.OnPublished(row, messages, bytes);
    }

    private ValueTask<ulong> PublishAsync(QueuePublisher publisher, ReadOnlyMemory<byte> properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
        publisher.PublishAsync(ReadOnlyMemory<byte>.Empty, _routingKey, _properties.For(properties), new ReadOnlySequence<byte>(body), mandatory: true, cancellationToken);

    private RestoreQueueResult Counted(RestoreQueueResult result, PublishState state) => result with
    {
        Confirmed = (long)(state.Confirmed - state.Returned),
        Returned = (long)state.Returned,
        Rejected = (long)state.Nacked,
        Unconfirmed = state.Unknown.Count,
        UserIdsRemoved = _properties.UserIdsRemoved,
    };

    private RestoreQueueResult Judged(RestoreQueueResult result, RabbitBackupException? failure)
    {
        if (failure is not null)
        {
            return result with { ErrorCode = failure.Code.ToString(), Reason = failure.Message };
        }

        return (result.Returned, result.Rejected) switch
        {
            ( > 0, _) => result with
            {
                ErrorCode = ErrorCode.PublishUnroutable.ToString(),
                Reason = $"{result.Returned} message(s) reached no queue ({_firstReturn}): was the queue deleted meanwhile?",
            },
            (_, > 0) => result with
            {
                ErrorCode = ErrorCode.PublishRejected.ToString(),
                Reason = $"The broker refused {result.Rejected} message(s): is the queue full (x-max-length with overflow reject-publish)?",
            },
            _ => result,
        };
    }
}
