using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>An application at work on a queue, with RabbitMQ's own client: takes messages, notes their ids, and acknowledges them or keeps them.</summary>
internal sealed class ApplicationConsumer : IAsyncDisposable
{
    private readonly IChannel _channel;

    private ApplicationConsumer(IChannel channel) => _channel = channel;

    /// <summary>Message ids as they came, those that came twice among them.</summary>
    internal ConcurrentQueue<string> Received { get; } = [];

    internal static async Task<ApplicationConsumer> StartAsync(IConnection connection, string queue, bool acknowledge = true, ushort prefetch = 20, bool exclusive = false, TimeSpan work = default)
    {
        ApplicationConsumer application = new(await connection.CreateChannelAsync());
        await application._channel.BasicQosAsync(0, prefetch, global: false);
        AsyncEventingBasicConsumer consumer = new(application._channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            application.Received.Enqueue(delivery.BasicProperties.MessageId ?? "");
            if (acknowledge)
            {
                await Task.Delay(work);
                await application._channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            }
        };
        await application._channel.BasicConsumeAsync(queue, autoAck: false, consumerTag: "", noLocal: false, exclusive, arguments: null, consumer);
        return application;
    }

    public ValueTask DisposeAsync() => _channel.DisposeAsync();
}
