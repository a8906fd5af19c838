using System.Runtime.ExceptionServices;
using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The read loop's side of a read: hands messages to the sink, counts what is held, and wakes the reader when something is to be decided.</summary>
internal sealed class ReadSession(IDeliverySink sink, bool isQuorum) : ChannelEvents, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly object _gate = new();
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ExceptionDispatchInfo? _failure;
    private RabbitBackupException? _closed;
    private bool _isStopped;
    private long _milestone = long.MaxValue;
    private long _held;
    private long _answered;
    private long _highestDeliveryCount = -1;
    private bool _isPaused;

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

    /// <summary>The highest x-delivery-count seen, or null.</summary>
    internal long? HighestDeliveryCount => _highestDeliveryCount < 0 ? null : _highestDeliveryCount;

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
            if (_answered >= answers || Pending is not null || IsCancelledByBroker)
            {
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
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    internal override void OnDelivery(in Delivery delivery)
    {
        Volatile.Write(ref _held, _held + 1);
        Volatile.Write(ref _answered, _answered + 1);
        LastDeliveryTag = delivery.DeliveryTag;
        LastWasRedelivered = delivery.Redelivered;
        if (isQuorum && DeliveryCount.Find(delivery.Properties) is { } count && count > _highestDeliveryCount)
        {
            _highestDeliveryCount = count;
        }

        if (_stopping.IsCancellationRequested)
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

    internal override void OnClosed(RabbitBackupException reason)
    {
        Volatile.Write(ref _closed, reason);
        _stopping.Cancel();
        Wake();
    }

    internal override ValueTask OnPauseAsync()
    {
        Interlocked.MemoryBarrier();
        if (_answered >= Volatile.Read(ref _milestone))
        {
            Wake();
        }

        if (_stopping.IsCancellationRequested)
        {
            return ValueTask.CompletedTask;
        }

        try
        {
            ValueTask pause = sink.OnPauseAsync(_stopping.Token);
            return pause.IsCompletedSuccessfully ? ValueTask.CompletedTask : WaitForSinkAsync(pause);
        }
        catch (Exception exception)
        {
            Fail(exception);
            return ValueTask.CompletedTask;
        }
    }

    private ExceptionDispatchInfo? Pending =>
        Volatile.Read(ref _failure) is { } failure && !Volatile.Read(ref _isStopped) ? failure
        : Volatile.Read(ref _closed) is { } closed ? ExceptionDispatchInfo.Capture(closed) : null;

    private async ValueTask WaitForSinkAsync(ValueTask pause)
    {
        Volatile.Write(ref _isPaused, true);
        try
        {
            await pause.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
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
