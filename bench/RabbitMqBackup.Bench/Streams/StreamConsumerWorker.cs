using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Bench.Workers;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Reads a stream over AMQP 0-9-1 with RabbitMQ.Client and a handler that does nothing.</summary>
internal sealed class StreamConsumerWorker : IWorker
{
    private const ushort Prefetch = 5000;

    /// <inheritdoc/>
    public string Name => "stream-amqp091";

    /// <inheritdoc/>
    public string Title => "RabbitMQ.Client over AMQP 0-9-1";

    /// <inheritdoc/>
    public async Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        await using IConnection connection = await new ConnectionFactory { Uri = settings.Amqp }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, Prefetch, global: false);
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int seen = 0;
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (++seen == settings.Messages)
            {
                done.TrySetResult();
            }
            else if (seen % (Prefetch / 2) == 0)
            {
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: true);
            }
        };
        await channel.BasicConsumeAsync(settings.Queue, false, "", false, false, new Dictionary<string, object?> { ["x-stream-offset"] = "first" }, consumer);
        await done.Task;
        return watch.Elapsed;
    }
}
