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
            request = Fit(request, connection);
            DataChannel control = await connection.OpenChannelAsync(request.Queue.ToString(), ChannelEvents.None, cancellationToken).ConfigureAwait(false);
            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            ReturnWatch watch = new(time);
            TimeSpan patience = request.IdleTimeout + QueueRead.TimeToReturn(request.ExpectedDepth);
            while (IsUnsettled(depth, request) && watch.Quiet(depth) is var quiet && (quiet < patience || await IsHeldAsync(request, quiet, cancellationToken).ConfigureAwait(false)))
            {
                // What an earlier reader held is on its way back.
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken).ConfigureAwait(false);
                depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            }

            if (depth.Consumers > request.ConsumersKnown || (request.IsBeingFilled is { } isBeingFilled && await isBeingFilled(cancellationToken).ConfigureAwait(false)))
            {
                return Untouched(depth, ReadStop.OthersAtWork);
            }

            request.DepthKnown?.Invoke(depth.Ready);
            // That a quorum queue is empty is known only when its leader has said so; see DepthQuestion.
            if (depth.Ready == 0 && !(request.IsQuorum && request.Method == QueueReadMethod.Consume))
            {
                return Untouched(depth, ReadStop.DepthReached);
            }

            using QueueRead read = new(connection, control, request, sink, options, time);
            return await read.RunAsync(depth, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>One channel asks, the others hold messages. A broker that allows few of them (<c>channel_max</c>) ends the connection at the first too many, with all that is held.</summary>
    /// <exception cref="RabbitBackupException">There can be only one.</exception>
    private static QueueReadRequest Fit(QueueReadRequest request, DataConnection connection) => connection.ChannelMax >= 2
        ? request with { MaxChannels = Math.Min(request.MaxChannels, connection.ChannelMax - 1) }
        : throw new RabbitBackupException(ErrorCode.BrokerAccessRefused, $"{connection.Target} allows a connection one channel only, and a read needs two.")
        {
            Target = request.Queue.ToString(),
            Hint = "Raise channel_max in rabbitmq.conf to 2 or more; each two million messages of a queue take one more.",
        };

    private static Task<bool> IsHeldAsync(QueueReadRequest request, TimeSpan elapsed, CancellationToken cancellationToken) => request.IsHeld?.Invoke(elapsed, cancellationToken) ?? Task.FromResult(false);

    /// <summary>An earlier reader of the same run is not gone altogether.</summary>
    private static bool IsUnsettled(DeclareOk depth, QueueReadRequest request) =>
        depth.Ready < request.ExpectedDepth || (request.ExpectedDepth > 0 && depth.Consumers > request.ConsumersKnown);

    private static QueueReadResult Untouched(DeclareOk depth, ReadStop stop) => new()
    {
        Depth = depth.Ready,
        Delivered = 0,
        ReadyAfter = depth.Ready,
        ConsumersBefore = depth.Consumers,
        ConsumersAfter = depth.Consumers,
        AllReturned = true,
        OrderKept = true,
        Stop = stop,
        Held = TimeSpan.Zero,
    };
}
