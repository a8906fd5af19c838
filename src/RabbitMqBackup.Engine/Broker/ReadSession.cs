using System.Runtime.ExceptionServices;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The read loop's side of a read: hands messages to the sink, counts what is held, and wakes the reader when something is to be decided.</summary>
internal sealed class ReadSession(IDeliverySink sink, QueueReadRequest request) : ChannelEvents, IDisposable
{
    private readonly List<EndangeredMessage> _endangered = [];
    private readonly bool _isQuorum = request.IsQuorum;
    private readonly long _stopAt = request.StopAtDeliveryCount ?? long.MaxValue;
    private readonly long _originalLimit = request.DeliveryLimit ?? long.MaxValue;
    private long _limit = request.DeliveryLimit ?? long.MaxValue;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _pausing = new();
    private readonly object _gate = new();
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ExceptionDispatchInfo? _failure;
    private RabbitBackupException? _closed;
    private bool _isStopped;
    private bool _isCalled;
    private bool _isLowered;
    private long _milestone = long.MaxValue;
    private long _held;
    private long _answered;
    private long _highestDeliveryCount = -1;
    private bool _isPaused;
    private int _channel;

    /// <summary>Messages that came over the channel and were not given back.</summary>
    internal long Held => Volatile.Read(ref _held);

    /// <summary>Messages handed to the sink.</summary>
    internal long Delivered { get; private set; }

    /// <summary>Answers to gets, empty ones among them; for consumers the same as <see cref="Held"/>.</summary>
    internal long Answered => Volatile.Read(ref _answered);

    /// <summary>Delivery tag of the last message held.</summary>
    internal ulong LastDeliveryTag { get; private set; }

    /// <summary>The last message held was delivered to somebody before.</summary>
    internal bool LastWasRedelivered { get; private set; }

    /// <summary>Messages held that had been delivered to somebody before.</summary>
    internal long Redelivered { get; private set; }

    /// <summary>Bytes of the bodies of the messages held.</summary>
    internal long Bytes { get; private set; }

    /// <summary>A message that was fetched has a time to live of its own.</summary>
    internal bool HasExpiration { get; private set; }

    /// <summary>Messages held that have a priority, where the queue heeds it.</summary>
    internal long Prioritized { get; private set; }

    /// <summary>The highest x-delivery-count seen, or null.</summary>
    internal long? HighestDeliveryCount => _highestDeliveryCount < 0 ? null : _highestDeliveryCount;

    /// <summary>A message came with the count at which the read is to stop.</summary>
    internal bool IsAtMark { get; private set; }

    /// <summary>The broker has blocked the connection or asked the channel to pause: why, or null.</summary>
    internal string? BlockedBy { get; private set; }

    /// <summary>Something is held that the next counted return would drop.</summary>
    internal bool HasEndangered
    {
        get
        {
            lock (_endangered)
            {
                return _endangered.Count > 0 || _isLowered;
            }
        }
    }

    /// <summary>How many messages came that the limit as it was at first would have dropped.</summary>
    internal int EndangeredTotal { get; private set; }

    /// <summary>What is held that the next counted return would drop. Complete once all consumers are cancelled; before, messages may be added.</summary>
    internal IReadOnlyList<EndangeredMessage> Endangered => _endangered;

    /// <summary>What was published again.</summary>
    internal PublishedCopies Copies { get; } = new(request.Queue);

    /// <summary>The sink holds the read loop up, so nothing can come.</summary>
    internal bool IsPaused => Volatile.Read(ref _isPaused);

    /// <summary>The broker ended a consumer.</summary>
    internal bool IsCancelledByBroker { get; private set; }

    /// <summary>Waits until so many answers came, or something else happened; false after the time-out.</summary>
    internal async Task<bool> WaitAsync(long answers, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        Task woken;
        lock (_gate)
        {
            _milestone = answers;
            if (_wake.Task.IsCompleted)
            {
                _wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            // Pairs with the barrier in OnPauseAsync: either the loop sees the new milestone, or this sees the new count.
            Interlocked.MemoryBarrier();
            if (_answered >= answers || Pending is not null || IsCancelledByBroker || _isCalled)
            {
                _isCalled = false;
                return true;
            }

            woken = _wake.Task;
        }

        try
        {
            await woken.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Throws what the sink threw, unless the read is stopped already, or why the channel is closed.</summary>
    internal void ThrowIfFailed() => Pending?.Throw();

    /// <summary>From now on messages are only counted: the sink gets no more, is let out of a pause, and what it threw is the caller's to throw.</summary>
    internal void Stop()
    {
        Volatile.Write(ref _isStopped, true);
        _stopping.Cancel();
        _pausing.Cancel();
    }

    /// <summary>From now on messages come over the next channel, whose delivery tags begin at 1. Only while nothing is on its way.</summary>
    internal void BeginChannel(int index)
    {
        _channel = index;
        LastDeliveryTag = 0;
    }

    /// <summary>Ends the current wait, or the next one.</summary>
    internal void Call()
    {
        lock (_gate)
        {
            _isCalled = true;
            _wake.TrySetResult();
        }
    }

    /// <summary>
    /// The limit was lowered while messages are held. True where that is below what one of them has come to: then <see cref="HasEndangered"/> says so until the limit is raised. They were not kept, so they can't be
    /// published again.
    /// </summary>
    internal bool LowerLimit(long limit)
    {
        lock (_endangered)
        {
            if (limit >= _limit)
            {
                return false;
            }

            _limit = limit;
            return _isLowered = Math.Max(0, _highestDeliveryCount) >= limit;
        }
    }

    /// <summary>The limit was raised: from now on only what is at the new one is endangered.</summary>
    internal void RaiseLimit(long? limit)
    {
        lock (_endangered)
        {
            _limit = limit ?? long.MaxValue;
            _isLowered = _isLowered && Math.Max(0, _highestDeliveryCount) >= _limit;
            _endangered.RemoveAll(message => message.DeliveryCount < _limit);
        }
    }

    /// <summary>
    /// Messages are over: the sink gets what still comes, but holds nobody up any more. Else an answer of the broker would lie behind its pause, and a queue that expires would be without a consumer for
    /// that long.
    /// </summary>
    internal void EndPauses() => _pausing.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _pausing.Dispose();
    }

    internal override void OnDelivery(in Delivery delivery)
    {
        Bytes += delivery.Body.Length;
        Volatile.Write(ref _held, _held + 1);
        Volatile.Write(ref _answered, _answered + 1);
        LastDeliveryTag = delivery.DeliveryTag;
        LastWasRedelivered = delivery.Redelivered;
        Redelivered += delivery.Redelivered ? 1 : 0;
        if (request.HasPriorities && HasPriority(delivery.Properties))
        {
            Prioritized++;
        }

        if (request.Method == QueueReadMethod.Get)
        {
            HasExpiration |= !PropertyListReader.Find(delivery.Properties, BasicProperty.Expiration).IsEmpty;
        }

        if (_isQuorum)
        {
            CheckDeliveryCount(delivery);
        }

        if (_stopping.IsCancellationRequested || (Copies.AreSought && Copies.Meet(delivery)))
        {
            return;
        }

        try
        {
            sink.OnDelivery(delivery);
            Delivered++;
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    internal override void OnGetEmpty()
    {
        Volatile.Write(ref _answered, _answered + 1);
    }

    internal override void OnConsumerCancelled()
    {
        IsCancelledByBroker = true;
        Wake();
    }

    internal override void OnConfirm(ulong deliveryTag, bool multiple, bool refused) => Copies.OnConfirm(deliveryTag, multiple, refused);

    internal override void OnReturned(in ReturnedMessage message) => Copies.OnReturned();

    internal override void OnBlocked(string? reason)
    {
        BlockedBy = reason;
        Call();
    }

    internal override void OnClosed(RabbitBackupException reason)
    {
        Volatile.Write(ref _closed, reason);
        _stopping.Cancel();
        _pausing.Cancel();
        Copies.Window?.Wake();
        Wake();
    }

    internal override ValueTask OnPauseAsync()
    {
        Interlocked.MemoryBarrier();
        if (_answered >= Volatile.Read(ref _milestone))
        {
            Wake();
        }

        if (_pausing.IsCancellationRequested)
        {
            return ValueTask.CompletedTask;
        }

        try
        {
            ValueTask pause = sink.OnPauseAsync(_pausing.Token);
            return pause.IsCompletedSuccessfully ? ValueTask.CompletedTask : WaitForSinkAsync(pause);
        }
        catch (OperationCanceledException) when (_pausing.IsCancellationRequested)
        {
            return ValueTask.CompletedTask;
        }
        catch (Exception exception)
        {
            Fail(exception);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Bit 11 of the list's flags says that there is one; most messages have none.</summary>
    private static bool HasPriority(ReadOnlySpan<byte> properties) =>
        properties is [var flags, ..] && (flags & 0b1000) != 0 && PropertyListReader.Find(properties, BasicProperty.Priority) is [> 0];

    private ExceptionDispatchInfo? Pending =>
        Volatile.Read(ref _failure) is { } failure && !Volatile.Read(ref _isStopped) ? failure
        : Volatile.Read(ref _closed) is { } closed ? ExceptionDispatchInfo.Capture(closed) : null;

    /// <summary>A message that was never given back carries no count.</summary>
    private void CheckDeliveryCount(in Delivery delivery)
    {
        long? told = DeliveryCount.Find(delivery.Properties, acquired: request.CountsAcquisitions && delivery.Redelivered);
        if (told > _highestDeliveryCount)
        {
            _highestDeliveryCount = told.Value;
        }

        long count = told ?? 0;
        if (count >= _originalLimit)
        {
            EndangeredTotal++;
        }

        if (count < _stopAt && count < _limit)
        {
            return;
        }

        // The first of each kind wakes the reader; it looks at the rest when it is there.
        bool isNews = count >= _stopAt && !IsAtMark;
        IsAtMark |= count >= _stopAt;
        lock (_endangered)
        {
            if (count >= _limit)
            {
                // Kept whole: if nothing else helps it is published again.
                _endangered.Add(EndangeredMessage.Copy(delivery, _channel, count));
                isNews |= _endangered.Count == 1;
            }
        }

        if (isNews)
        {
            Call();
        }
    }

    private async ValueTask WaitForSinkAsync(ValueTask pause)
    {
        Volatile.Write(ref _isPaused, true);
        try
        {
            await pause.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_pausing.IsCancellationRequested)
        {
            // Let out of the pause.
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
        finally
        {
            Volatile.Write(ref _isPaused, false);
        }
    }

    /// <summary>The failure is the reader's to throw: the read loop has to go on, for the messages to be given back.</summary>
    private void Fail(Exception exception)
    {
        Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
        _stopping.Cancel();
        _pausing.Cancel();
        Wake();
    }

    private void Wake()
    {
        lock (_gate)
        {
            _milestone = long.MaxValue;
            _wake.TrySetResult();
        }
    }
}
