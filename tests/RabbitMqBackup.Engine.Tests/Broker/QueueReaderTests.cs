using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReaderBed;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reading from real brokers: what a read gives, and what the queue is like afterwards.</summary>
public sealed class QueueReaderTests
{
    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
    public async Task A_read_gives_every_message_in_order_and_leaves_the_queue_as_it_was(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        (BasicProperties Properties, byte[] Body)[] messages = [.. Enumerable.Range(0, 3000).Select(NewMessage)];
        await client.PublishAsync(Queue, messages);

        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(host, NewRequest(host, type, release) with { Prefetch = 700 }, sink);
        Assert.Equal((3000, 3000, 3000), (result.Depth, result.Delivered, result.ReadyAfter));
        Assert.Equal((ReadStop.DepthReached, true, true, null), (result.Stop, result.AllReturned, result.OrderKept, result.HighestDeliveryCount));
        Assert.Equal(["bk-000", "bk-001", "bk-002", "bk-003", "bk-004"], sink.Messages.Select(message => Encoding.UTF8.GetString(message.ConsumerTag)).Distinct());
        Assert.Equal(messages.Select(message => Hash(message.Body)), sink.Messages.Select(message => Hash(message.Body)));
        Assert.All(sink.Messages, message => Assert.Equal("orders", Encoding.UTF8.GetString(message.RoutingKey)));

        Assert.Equal(messages.Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await client.FingerprintsAsync(Queue));
    }

    [Fact]
    public async Task A_consumer_timeout_that_strikes_ends_the_read_and_everything_is_back()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        await using IndependentClient client = await ClientAsync(host, "4.3");
        await client.DeclareAsync(Queue, "quorum");
        await client.PublishAsync(Queue, Enumerable.Range(0, 100).Select(NewMessage));
        bool waited = false;
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = token =>
            {
                bool wait = sink.Messages.Count > 0 && !waited;
                waited |= wait;
                return wait ? new ValueTask(Task.Delay(TimeSpan.FromSeconds(6), token)) : ValueTask.CompletedTask;
            },
        };
        Task<QueueReadResult> read = ReadAsync(host, NewRequest(host, "quorum", "Nack") with { Prefetch = 10, ConsumerTimeout = TimeSpan.FromSeconds(2) }, sink);
        try
        {
            Assert.Equal(ReadStop.ConsumerCancelled, (await read).Stop);
        }
        catch (RabbitBackupException exception)
        {
            // Where the channel's own look at its times, once a minute, falls into the wait.
            Assert.Contains("took back what was held", exception.Message, StringComparison.Ordinal);
        }

        await client.UntilCountAsync(Queue, 100);
    }

    [Theory]
    [InlineData("3.10", "ChannelClose", 1)]
    [InlineData("4.0", "ChannelClose", 1)]
    [InlineData("4.3", "ChannelClose", 1)]
    [InlineData("4.3", "Nack", null)]
    public async Task The_delivery_count_tells_what_a_release_cost(string generation, string release, int? expected)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "quorum");
        await client.PublishAsync(Queue, Enumerable.Range(0, 50).Select(NewMessage));
        QueueReadRequest request = NewRequest(host, "quorum", release);
        Assert.Null((await ReadAsync(host, request, new CollectingSink())).HighestDeliveryCount);
        long? second = (await ReadAsync(host, request, new CollectingSink())).HighestDeliveryCount;
        Assert.Equal(expected, second is 0 ? null : second);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Bodies_and_headers_of_every_size_are_read_whole(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic");
        int[] sizes = [0, 1, 131_063, 131_064, 131_065, 262_128, 1_000_000, 0, 12_000_000, 5];
        (BasicProperties Properties, byte[] Body)[] messages = [.. sizes.Select((size, i) => (new BasicProperties { MessageId = $"{i}" }, RandomNumberGenerator.GetBytes(size)))];
        messages[^1].Properties.Headers = new Dictionary<string, object?> { ["large"] = new byte[100_000] };
        await client.PublishAsync(Queue, messages);
        CollectingSink sink = new();
        await ReadAsync(host, NewRequest(host, "classic", "ChannelClose"), sink);
        Assert.Equal(messages.Select(message => Hash(message.Body)), sink.Messages.Select(message => Hash(message.Body)));
        Assert.InRange(sink.Messages[^1].Properties.Length, 100_000, 100_100);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_header_that_the_broker_let_grow_beyond_frame_max_is_read(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic");
        await client.DeclareAsync("waiting", "classic", new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = Queue, ["x-message-ttl"] = 200 });
        await using IConnection connection = await host.ConnectAsync();
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        BasicProperties properties = new() { Headers = new Dictionary<string, object?> { ["large"] = new byte[131_000] } };
        await channel.BasicPublishAsync("", "waiting", mandatory: true, properties, new byte[] { 7 }, Cancellation);
        await UntilReadyAsync(client, 1);
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(host, NewRequest(host, "classic", "ChannelClose"), sink);
        Assert.Equal((1, true), (result.Delivered, result.AllReturned));
        Assert.InRange(sink.Messages[0].Properties.Length, 131_072, 140_000);
        Assert.Equal([7], sink.Messages[0].Body);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Fetching_leaves_an_auto_delete_queue_alive_with_its_messages_in_order(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic", autoDelete: true);
        (BasicProperties Properties, byte[] Body)[] messages = [.. Enumerable.Range(0, 1000).Select(NewMessage)];
        await client.PublishAsync(Queue, messages);
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(host, NewRequest(host, "classic", "ChannelClose") with { Method = QueueReadMethod.Get }, sink);
        Assert.Equal((1000, true, ReadStop.DepthReached), (result.Delivered, result.AllReturned, result.Stop));
        Assert.Equal(messages.Select(message => Hash(message.Body)), sink.Messages.Select(message => Hash(message.Body)));

        CollectingSink again = new();
        await ReadAsync(host, NewRequest(host, "classic", "ChannelClose") with { Method = QueueReadMethod.Get }, again);
        Assert.Equal(messages.Select(message => Hash(message.Body)), again.Messages.Select(message => Hash(message.Body)));
    }
}
