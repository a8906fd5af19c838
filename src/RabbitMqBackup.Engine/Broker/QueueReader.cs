using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Reads one queue over a connection of its own without acknowledging anything, and gives everything back.</summary>
internal sealed class QueueReader(BrokerOptions options, TimeProvider time)
{
    /// <summary>
    /// Hands up to the queue's depth at the start to the sink, in order, then gives all of it back, also after a failure, a cancellation or trouble with the sink, whose
    /// exception it passes on.
    /// </summary>
    /// <exception cref="RabbitBackupException">The broker can't be reached or refuses, or the queue is missing, in use or gone while it is read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; everything was given back.</exception>
    internal async Task<QueueReadResult> ReadAsync(QueueReadRequest request, IDeliverySink sink, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(request.Prefetch, nameof(request));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(request.MaxConsumers, nameof(request));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(request.MaxChannels, nameof(request));
        DataConnection connection = await DataConnection.OpenAsync(
            options, request.Queue.VirtualHost, OtherRuns.ReaderOf(request.Queue), time, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DataChannel control = await connection.OpenChannelAsync(request.Queue.ToString(), ChannelEvents.None, cancellationToken).ConfigureAwait(false);
            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            for (long start = time.GetTimestamp(); depth.Ready < request.ExpectedDepth && time.GetElapsedTime(start) < request.IdleTimeout;)
            {
                // What an earlier reader held is on its way back.
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken).ConfigureAwait(false);
                depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            }

            request.DepthKnown?.Invoke(depth.Ready);
            ReadPortions plan = ReadPortions.For(request, depth.Ready);
            if (plan.Target == 0)
            {
                return new QueueReadResult
                {
                    Depth = depth.Ready,
                    Delivered = 0,
                    ReadyAfter = depth.Ready,
                    ConsumersAfter = depth.Consumers,
                    AllReturned = true,
                    OrderKept = true,
                    Stop = plan.Stop,
                    Held = TimeSpan.Zero,
                };
            }

            using QueueRead read = new(connection, control, request, plan, sink, options, time);
            return await read.RunAsync(depth.Ready, cancellationToken).ConfigureAwait(false);
        }
    }
}
