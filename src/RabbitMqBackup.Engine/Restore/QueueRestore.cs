using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Restores one queue that is there: publishes, and counts what the broker confirmed. Where the target goes away in the middle it comes back and goes on with what is not known to be
/// there; a message for which the broker closes the channel is found, counted and left out.
/// </summary>
internal sealed class QueueRestore : IPublishEvents
{
    /// <summary>Messages for which the broker closed the channel, after which the queue is given up: each costs a connection and goes alone, and so many have a common cause.</summary>
    private const int MaxPoison = 20;

    private const int MaxSamples = 10;

    private readonly RestoreOptions _options;
    private readonly RestorePlanQueue _row;
    private readonly PublishPace? _pace;
    private readonly RestoreJournal? _journal;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private readonly IRestoreQueueEvents _events;
    private readonly byte[] _routingKey;
    private readonly PublishedProperties _properties;
    private readonly ExchangeRoute? _exchanges;
    private readonly RestoreLedger _ledger;
    private readonly ReturnMatch? _returns;
    private readonly List<RejectedMessage> _samples = [];
    private RabbitBackupException? _damage;
    private int _poison;
    private long _carefulUntil = -1;
    private long _lostAt = -1;
    private bool _hasBegun;
    private bool _isThrough;

    internal QueueRestore(RestorePlan plan, RestorePlanQueue row, PublishPace? pace, RestoreJournal? journal, BlockPool pool, TimeProvider time, IRestoreQueueEvents events)
    {
        (_options, _row, _pace, _journal, _pool, _time, _events) = (plan.Options, row, pace, journal, pool, time, events);
        _routingKey = Encoding.UTF8.GetBytes(row.TargetQueue);
        _properties = new PublishedProperties(_options.Broker.Credential.UserName, _options.KeepUserId, _options.Expiration);
        _exchanges = _options.PublishMode == PublishMode.Queue ? null
            : new ExchangeRoute(_options.ExchangeMap, plan.Exchanges.GetValueOrDefault(row.TargetVirtualHost) ?? new HashSet<string>());
        _ledger = new RestoreLedger(_options.ConfirmWindow);
        _returns = _options.RejectedStore is null ? null : new ReturnMatch(_options.ConfirmWindow);
    }

    /// <summary>Ordinals of the messages that the target did not take. Of those that it returned only where they are to be kept.</summary>
    internal IReadOnlyList<long> Refused => _ledger.Refused;

    /// <summary>Every message was given to the target, whatever became of it: another run would find nothing to do.</summary>
    internal bool IsThrough => _isThrough && _damage is null;

    /// <summary>Restores the queue. What goes wrong is in the result; only a cancellation is thrown.</summary>
    internal async Task<RestoreQueueResult> RunAsync(CancellationToken cancellationToken)
    {
        RestoreQueueResult result = new()
        {
            SourceVirtualHost = _row.VirtualHost,
            SourceQueue = _row.Queue,
            VirtualHost = _row.TargetVirtualHost,
            Queue = _row.TargetQueue,
            Requested = _row.Messages,
        };
        RabbitBackupException? failure = null;
        try
        {
            Begin();
            await PublishAllAsync(cancellationToken).ConfigureAwait(false);
            _isThrough = true;
        }
        catch (RabbitBackupException exception)
        {
            failure = exception;
        }
        finally
        {
            if (_hasBegun)
            {
                _journal?.Record(_row.Source, _ledger.MarkAtEnd());
            }
        }

        return Judged(Counted(result, failure), failure ?? _damage);
    }

    /// <inheritdoc/>
    public void OnReturned(in ReturnedMessage message)
    {
        long? ordinal = _returns?.Find(message.RoutingKey, message.Body);
        if (ordinal is { } known)
        {
            _ledger.Keep(known);
        }

        if (_samples.Count < MaxSamples)
        {
            AddSample(ordinal, message.Properties, $"{message.ReplyCode} {Encoding.UTF8.GetString(message.ReplyText)}");
        }
    }

    /// <inheritdoc/>
    public void OnNacked(ulong sequence)
    {
        long ordinal = _ledger.Refuse(sequence);
        if (_samples.Count < MaxSamples)
        {
            AddSample(ordinal, default, "the broker refused it: is the queue full (x-max-length with overflow reject-publish)?");
        }
    }

    /// <inheritdoc/>
    public void OnBlocked(string? reason) => _events.OnBlocked(_row, reason);

    /// <summary>From the beginning, or from where an earlier run came to; remembers beforehand that messages may be there from now on.</summary>
    private void Begin()
    {
        if (_row.Mark is { } mark)
        {
            _ledger.GoOn(mark with { Beyond = Math.Min(mark.Beyond, Math.Max(0, _row.Messages - mark.Passed)) });
            _journal?.Record(_row.Source, mark with { Beyond = _options.ConfirmWindow });
        }
        else
        {
            _ledger.BeginAt(_row.Source.FirstOrdinal);
            _journal?.Forget(_row.Source);
            _journal?.Record(_row.Source, new RestoreMark(_row.Source.FirstOrdinal, 0, 0, _options.ConfirmWindow, []));
        }

        _hasBegun = true;
    }

    private bool Record(ulong lowest)
    {
        RestoreMark? mark = _ledger.MarkAt(lowest);
        if (mark is null)
        {
            return false;
        }

        _journal!.Record(_row.Source, mark);
        return true;
    }

    /// <summary>One connection after the other, until everything is through or there is no hope.</summary>
    private async Task PublishAllAsync(CancellationToken cancellationToken)
    {
        Reconnection reconnection = new(_options.RetryTimeout, _time);
        while (true)
        {
            try
            {
                await PublishOnceAsync(reconnection, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (RabbitBackupException exception) when (exception.Code == ErrorCode.PublishRejected && _ledger.LostTogether > 0 && _poison < MaxPoison)
            {
                Isolate(exception);
            }
            catch (RabbitBackupException exception) when (reconnection.MayRetry(exception, _ledger.Confirmed))
            {
                if (IsLostAgain(exception) && _poison < MaxPoison)
                {
                    Isolate(exception);
                    continue;
                }

                _events.OnReconnecting(_row, exception, _ledger.Unconfirmed);
                await reconnection.PauseAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// The connection was lost twice at the same message: a broker answers some messages with an internal error (541) that ends the connection, and names no cause. Restarts don't come so exactly.
    /// </summary>
    private bool IsLostAgain(RabbitBackupException loss)
    {
        bool again = loss.Code == ErrorCode.BrokerConnectionLost && _ledger.LostTogether > 0 && _ledger.LostFirst == _lostAt;
        _lostAt = loss.Code == ErrorCode.BrokerConnectionLost ? _ledger.LostFirst : _lostAt;
        return again;
    }

    /// <summary>
    /// The broker closed the channel for one of the messages on its way, and does not say which. Those go again one at a time; when it was one alone, that one is it.
    /// </summary>
    private void Isolate(RabbitBackupException refusal)
    {
        if (_ledger.LostTogether > 1)
        {
            _carefulUntil = _ledger.LastOpen;
            return;
        }

        _poison++;
        AddSample(_ledger.LostFirst, default, refusal.Message);
        _ledger.RefuseOpen(_ledger.LostFirst);
    }

    private async Task PublishOnceAsync(Reconnection reconnection, CancellationToken cancellationToken)
    {
        PublisherOptions window = new() { Window = _options.ConfirmWindow, WindowBytes = _options.ConfirmWindowBytes, Record = _journal is null ? null : Record };
        QueuePublisher publisher = await QueuePublisher.OpenAsync(_options.Broker, _row.TargetVirtualHost, window, this, _time, cancellationToken).ConfigureAwait(false);
        try
        {
            reconnection.Succeeded();
            SourceCursor cursor = new(_row.Source, _ledger.FirstOpen, _pool, OnDamaged);
            await using (cursor.ConfigureAwait(false))
            {
                await PublishAsync(publisher, cursor, cancellationToken).ConfigureAwait(false);
            }

            await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _ledger.End(publisher.State);
            await publisher.DisposeAsync().ConfigureAwait(false);
            _returns?.Reset();
        }
    }

    private async Task PublishAsync(QueuePublisher publisher, SourceCursor cursor, CancellationToken cancellationToken)
    {
        long messages = 0;
        long bytes = 0;
        while (await cursor.MoveNextAsync(cancellationToken).ConfigureAwait(false))
        {
            SourceRecord record = cursor.Current;
            if (_ledger.IsThrough(record.Ordinal))
            {
                continue;
            }

            await PublishAsync(publisher, record, cancellationToken).ConfigureAwait(false);
            messages++;
            bytes += record.Body.Length;
            if ((messages & 0xFF) == 0)
            {
                _events.OnPublished(_row, messages, bytes);
                (messages, bytes) = (0, 0);
            }
        }

        _events.OnPublished(_row, messages, bytes);
    }

    private async ValueTask PublishAsync(QueuePublisher publisher, SourceRecord record, CancellationToken cancellationToken)
    {
        byte[]? exchange = _exchanges is null ? [] : _exchanges.For(record.Exchange.Span);
        if (exchange is null)
        {
            AddSample(record.Ordinal, record.Properties.Span, $"exchange '{Encoding.UTF8.GetString(record.Exchange.Span)}' is missing on the target or internal");
            _ledger.Return(record.Ordinal);
            return;
        }

        if (!_properties.TryGet(record.Properties, Age(record), out ReadOnlySequence<byte> properties))
        {
            _ledger.Expire(record.Ordinal);
            return;
        }

        if (_pace is not null)
        {
            await _pace.WaitAsync(record.Body.Length, cancellationToken).ConfigureAwait(false);
        }

        ReadOnlyMemory<byte> key = _exchanges is null ? _routingKey : record.RoutingKey;
        _ledger.Publishing(record.Ordinal);
        _returns?.Add(record.Ordinal, key.Span, record.Body.Span);
        try
        {
            await publisher.PublishAsync(exchange, key, properties, new ReadOnlySequence<byte>(record.Body), mandatory: true, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.PublishRejected && properties.Length > publisher.MaxProperties)
        {
            _ledger.NotSent();
            AddSample(record.Ordinal, record.Properties.Span, exception.Message);
        }

        if (record.Ordinal <= _carefulUntil)
        {
            await publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private TimeSpan Age(in SourceRecord record) => _options.Expiration == ExpirationHandling.Remaining
        ? TimeSpan.FromMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds() - record.CapturedAt)
        : TimeSpan.Zero;

    private void OnDamaged(RabbitBackupException damage)
    {
        // After a reconnection the same segment is met again.
        if (_damage is null || _damage.Target != damage.Target)
        {
            _events.OnDamagedSegment(_row, damage);
        }

        _damage ??= damage;
    }

    private void AddSample(long? ordinal, ReadOnlySpan<byte> properties, string reason)
    {
        lock (_samples)
        {
            if (_samples.Count < MaxSamples)
            {
                string id = properties.IsEmpty ? "" : Messages.PropertyList.Parse(properties).MessageId ?? "";
                _samples.Add(new RejectedMessage(ordinal, id, reason));
            }
        }
    }

    private RestoreQueueResult Counted(RestoreQueueResult result, RabbitBackupException? failure)
    {
        long known = _ledger.AlreadyThere + _ledger.Confirmed + _ledger.Returned + _ledger.Rejected + _ledger.Expired;
        return result with
        {
            // How many it were, where only the records could tell; after a failure the rest was not read.
            Requested = _row.IsEstimate && failure is null ? known : result.Requested,
            Confirmed = _ledger.AlreadyThere + _ledger.Confirmed,
            AlreadyThere = _ledger.AlreadyThere,
            Returned = _ledger.Returned,
            Rejected = _ledger.Rejected,
            Unconfirmed = _ledger.Unconfirmed,
            Expired = _ledger.Expired,
            PossibleDuplicates = _ledger.SentAgain,
            UserIdsRemoved = _properties.UserIdsRemoved,
            Samples = _samples,
        };
    }

    private RestoreQueueResult Judged(RestoreQueueResult result, RabbitBackupException? failure)
    {
        if (failure is not null)
        {
            return result with { ErrorCode = failure.Code.ToString(), Reason = failure.Message };
        }

        string example = _samples.Count == 0 ? "" : $" ({_samples[0].Reason})";
        return (result.Returned, result.Rejected) switch
        {
            ( > 0, _) => result with
            {
                ErrorCode = ErrorCode.PublishUnroutable.ToString(),
                Reason = _exchanges is null
                    ? $"{result.Returned} message(s) reached no queue{example}: was the queue deleted meanwhile?"
                    : $"{result.Returned} message(s) reached no queue{example}: are the bindings there?",
            },
            (_, > 0) => result with
            {
                ErrorCode = ErrorCode.PublishRejected.ToString(),
                Reason = $"The broker refused {result.Rejected} message(s){example}.",
            },
            _ => result,
        };
    }
}
