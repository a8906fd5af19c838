using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Reads everything with RabbitMQ.Client and a handler that does nothing.</summary>
internal sealed class ClientConsumerWorker(bool givesBack) : IWorker
{
    /// <inheritdoc/>
    public string Name => givesBack ? "client-consumer-return" : "client-consumer";

    /// <inheritdoc/>
    public string Title => givesBack ? "client, given back" : "client consumer";

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
        if (givesBack)
        {
            await channel.CloseAsync();
            IChannel control = await connection.CreateChannelAsync();
            while (await control.MessageCountAsync(settings.Queue) < settings.Messages)
            {
                await Task.Delay(20);
            }
        }

        return watch.Elapsed; // otherwise the end of the process gives the messages back
    }
}
