using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Reads everything with RabbitMQ.Client and a handler that does nothing.</summary>
internal sealed class ClientConsumerWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "client-consumer";

    /// <inheritdoc/>
    public string Title => "client consumer";

    /// <inheritdoc/>
    public async Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        IConnection connection = await new ConnectionFactory { Uri = settings.Amqp }.CreateConnectionAsync();
        IChannel channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, settings.Prefetch, global: false);
        AsyncEventingBasicConsumer consumer = new(channel);
        TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        SemaphoreSlim full = new(0);
        int received = 0;
        consumer.ReceivedAsync += (_, _) =>
        {
            received++;
            if (received == settings.Messages)
            {
                all.SetResult();
            }
            else if (received % settings.Prefetch == 0)
            {
                full.Release();
            }

            return Task.CompletedTask;
        };
        for (int number = 0; number * settings.Prefetch < settings.Messages; number++)
        {
            await channel.BasicConsumeAsync(settings.Queue, autoAck: false, $"c{number:D3}", consumer);
            await Task.WhenAny(all.Task, full.WaitAsync());
        }

        await all.Task;
        return watch.Elapsed; // the end of the process gives the messages back
    }
}
