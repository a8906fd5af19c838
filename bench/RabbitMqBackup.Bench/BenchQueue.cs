using RabbitMQ.Client;
using RabbitMqBackup.Bench.Amqp;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench;

/// <summary>A queue for one measurement; disposing it deletes it.</summary>
internal sealed class BenchQueue : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly TestBroker _broker;

    private BenchQueue(TestBroker broker, IConnection connection, IChannel channel, string name)
    {
        _broker = broker;
        _connection = connection;
        _channel = channel;
        Name = name;
    }

    /// <summary>Its name.</summary>
    internal string Name { get; }

    /// <summary>Declares an empty one.</summary>
    /// <param name="broker">On its default virtual host.</param>
    /// <param name="type"><c>classic</c> or <c>quorum</c>.</param>
    /// <param name="name">Its name; one that is there is deleted first.</param>
    internal static async Task<BenchQueue> DeclareAsync(TestBroker broker, string type, string name)
    {
        IConnection connection = await new ConnectionFactory { Uri = broker.AmqpUri() }.CreateConnectionAsync();
        IChannel channel = await connection.CreateChannelAsync();
        await channel.QueueDeleteAsync(name, ifUnused: false, ifEmpty: false);
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = type });
        return new(broker, connection, channel, name);
    }

    /// <summary>Publishes messages and waits until they are there.</summary>
    internal async Task FillAsync(BenchOptions options)
    {
        MessageBodies bodies = new(options.Body, options.Size);
        await Task.Run(() =>
        {
            using RawPublisher publisher = new(_broker.AmqpUri(), Name, window: 2000);
            publisher.Publish(options.Messages, options.Size, bodies.Next);
        });
        await AwaitDepthAsync(options.Messages);
    }

    /// <summary>Waits until the queue holds exactly this many ready messages, up to a minute.</summary>
    /// <exception cref="BenchException">It does not: something was lost, doubled or not given back.</exception>
    internal async Task AwaitDepthAsync(int messages)
    {
        DateTime deadline = DateTime.UtcNow.AddMinutes(1);
        while (await _channel.MessageCountAsync(Name) is uint ready && ready != messages)
        {
            if (DateTime.UtcNow > deadline)
            {
                throw new BenchException($"{Name} holds {ready} messages, not {messages}.");
            }

            await Task.Delay(100);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _channel.QueueDeleteAsync(Name, ifUnused: false, ifEmpty: false);
        await _connection.DisposeAsync();
    }
}
