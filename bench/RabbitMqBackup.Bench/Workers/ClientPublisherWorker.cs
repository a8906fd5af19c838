using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMqBackup.Bench.Amqp;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Publishes with RabbitMQ.Client and pipelined confirms.</summary>
internal sealed class ClientPublisherWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "client-publisher";

    /// <inheritdoc/>
    public string Title => "client publisher";

    /// <inheritdoc/>
    public async Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        PreparedBodies bodies = new(settings);
        Stopwatch watch = Stopwatch.StartNew();
        await using IConnection connection = await new ConnectionFactory { Uri = settings.Amqp }.CreateConnectionAsync();
        // Tracking would add a header to every message, and its awaiting would be the measurement.
        await using IChannel channel = await connection.CreateChannelAsync(new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        ConfirmLedger ledger = new(settings.Messages);
        SemaphoreSlim room = new(settings.Window);
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.BasicAcksAsync += (_, ack) =>
        {
            int before = ledger.Count;
            ledger.Acknowledge(ack.DeliveryTag, ack.Multiple);
            if (ledger.Count > before)
            {
                room.Release(ledger.Count - before);
            }

            if (ledger.Count == settings.Messages)
            {
                all.SetResult();
            }

            return Task.CompletedTask;
        };
        channel.BasicNacksAsync += (_, _) => Fail(all, "The broker refused a message.");
        channel.BasicReturnAsync += (_, _) => Fail(all, "A message reached no queue.");
        BasicProperties properties = new() { ContentType = "application/json", Persistent = true, Priority = 0, MessageId = "order-123456", Timestamp = new(1_700_000_000), AppId = "bench" };
        for (int sent = 0; sent < settings.Messages; sent++)
        {
            await room.WaitAsync();
            await channel.BasicPublishAsync("", settings.Queue, mandatory: true, properties, bodies.Next());
        }

        await all.Task;
        return watch.Elapsed;
    }

    private static Task Fail(TaskCompletionSource all, string reason)
    {
        all.TrySetException(new BenchException(reason));
        return Task.CompletedTask;
    }
}
