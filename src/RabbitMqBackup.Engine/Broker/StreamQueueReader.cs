using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Reads a stream over AMQP 0-9-1, for brokers whose stream port can't be reached: slower by a factor of ten or more, and messages come as the broker converts them. The end is what the last chunk
/// holds when the reading begins.
/// </summary>
/// <param name="options">The cluster.</param>
/// <param name="time">The clock.</param>
internal sealed class StreamQueueReader(BrokerOptions options, TimeProvider time)
{
    private const ushort Prefetch = 2000;

    /// <summary>A broker sends the messages of a chunk at once; when nothing more has come for so long, they are through.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    /// <summary>Hands every message up to the end to the sink, in order; headers have its offset as <c>x-stream-offset</c>.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="sink">Takes them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>First and last offset, and messages; nulls for a stream of which no message comes.</returns>
    /// <exception cref="RabbitBackupException">The broker can't be reached or refuses, or stops sending before the end.</exception>
    internal async Task<StreamQueueReadResult> ReadAsync(QueueName stream, IDeliverySink sink, CancellationToken cancellationToken)
    {
        DataConnection connection = await DataConnection.OpenAsync(options, stream.VirtualHost, $"RabbitMqBackup reads {stream}", time, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            Session last = new(null, long.MaxValue);
            DataChannel looking = await connection.OpenChannelAsync(stream.ToString(), last, cancellationToken).ConfigureAwait(false);
            DeclareOk depth = await looking.DeclarePassiveAsync(stream.Name, cancellationToken).ConfigureAwait(false);
            await looking.ConsumeAsync(stream.Name, "end", ushort.MaxValue, new() { StreamOffset = "last" }, cancellationToken).ConfigureAwait(false);
            await last.WaitForQuietAsync(Quiet, time, cancellationToken).ConfigureAwait(false);
            await looking.CloseAsync(cancellationToken).ConfigureAwait(false);
            if (last.LastOffset is not { } end)
            {
                return new StreamQueueReadResult(null, null, 0, 0, depth.Ready);
            }

            Session session = new(sink, end);
            DataChannel channel = await connection.OpenChannelAsync(stream.ToString(), session, cancellationToken).ConfigureAwait(false);
            session.Channel = channel;
            await channel.ConsumeAsync(stream.Name, "read", Prefetch, new() { StreamOffset = "first" }, cancellationToken).ConfigureAwait(false);
            await session.WaitForEndAsync(options.RequestTimeout, time, cancellationToken).ConfigureAwait(false);
            await channel.CloseAsync(cancellationToken).ConfigureAwait(false);
            return new StreamQueueReadResult(session.FirstOffset, session.LastOffset, session.Count, session.Missing, depth.Ready);
        }
    }

    /// <summary>The read loop's side.</summary>
    private sealed class Session(IDeliverySink? sink, long end) : ChannelEvents
    {
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ulong _granted;
        private ulong _tag;
        private long _count;

        internal DataChannel? Channel { get; set; }

        internal long? FirstOffset { get; private set; }

        internal long? LastOffset { get; private set; }

        internal long Count => Volatile.Read(ref _count);

        internal long Missing { get; private set; }

        internal override void OnDelivery(in Delivery delivery)
        {
            _tag = delivery.DeliveryTag;
            if (_done.Task.IsCompleted || DeliveryCount.Find(delivery.Properties, "x-stream-offset"u8) is not { } offset)
            {
                return;
            }

            try
            {
                sink?.OnDelivery(delivery);
            }
            catch (RabbitBackupException exception)
            {
                _done.TrySetException(exception);
                return;
            }

            FirstOffset ??= offset;
            Missing += offset - (LastOffset ?? (offset - 1)) - 1;
            LastOffset = offset;
            Volatile.Write(ref _count, _count + 1);
            if (offset >= end)
            {
                _done.TrySetResult();
            }
        }

        internal override void OnConsumerCancelled() =>
            _done.TrySetException(new RabbitBackupException(ErrorCode.QueueNotFound, "The broker ended the reading, as when a stream is deleted or its leader changes."));

        internal override void OnClosed(RabbitBackupException reason) => _done.TrySetException(reason);

        internal override async ValueTask OnPauseAsync()
        {
            if (_tag - _granted >= Prefetch / 2 && Channel is { } channel)
            {
                _granted = _tag;
                channel.GrantStreamCredit(_tag);
            }

            if (sink is null || _done.Task.IsCompleted)
            {
                return;
            }

            try
            {
                await sink.OnPauseAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception)
            {
                _done.TrySetException(exception);
            }
        }

        /// <summary>Waits until nothing has come for a while.</summary>
        internal async Task WaitForQuietAsync(TimeSpan quiet, TimeProvider time, CancellationToken cancellationToken)
        {
            long seen;
            do
            {
                seen = Count;
                await Task.WhenAny(_done.Task, Task.Delay(quiet, time, cancellationToken)).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (_done.Task.IsCompleted)
                {
                    await _done.Task.ConfigureAwait(false);
                }
            }
            while (Count != seen);
        }

        /// <summary>Waits for the end, as long as messages come.</summary>
        internal async Task WaitForEndAsync(TimeSpan silence, TimeProvider time, CancellationToken cancellationToken)
        {
            while (true)
            {
                long seen = Count;
                try
                {
                    await _done.Task.WaitAsync(silence, time, cancellationToken).ConfigureAwait(false);
                    return;
                }
                catch (TimeoutException) when (Count != seen)
                {
                    // It goes on, slowly.
                }
                catch (TimeoutException exception)
                {
                    throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"The broker sent nothing of the stream for {silence.TotalSeconds:0} s before its end was reached.", exception) { IsTransient = true };
                }
            }
        }
    }
}
