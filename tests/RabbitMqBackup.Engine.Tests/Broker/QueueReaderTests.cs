using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reading from real brokers, with RabbitMQ's own client as the one that fills the queues and says what is in them afterwards.</summary>
public class QueueReaderTests
{
    private const string Queue = "orders";

    /// <summary>Every generation with both queue types and the release that keeps the order there.</summary>
    public static TheoryData<string, string, string> Safe => new()
    {
        { "3.10", "classic", "ChannelClose" },
        { "3.10", "quorum", "ChannelClose" },
        { "4.0", "classic", "ChannelClose" },
        { "4.0", "quorum", "ChannelClose" },
        { "4.3", "classic", "ChannelClose" },
        { "4.3", "quorum", "Nack" },
        { "4.3", "quorum", "ChannelClose" },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Safe))]
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

    [Theory]
    [MemberData(nameof(Safe))]
    public async Task With_as_many_consumers_as_there_may_be_the_order_is_kept(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        (BasicProperties Properties, byte[] Body)[] messages = [.. Enumerable.Range(0, 3100).Select(NewMessage)];
        await client.PublishAsync(Queue, messages);
        for (int round = 0; round < 2; round++)
        {
            CollectingSink sink = new();
            QueueReadResult result = await ReadAsync(host, NewRequest(host, type, release) with { Prefetch = 1 }, sink);
            Assert.Equal((ReadStop.DepthReached, true, true), (result.Stop, result.AllReturned, result.OrderKept));
            Assert.Equal(31, sink.Messages.Select(message => Encoding.UTF8.GetString(message.ConsumerTag)).Distinct().Count());
            Assert.Equal(messages.Select(message => Hash(message.Body)), sink.Messages.Select(message => Hash(message.Body)));
        }

        Assert.Equal(messages.Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(Safe))]
    public async Task Over_several_channels_one_after_the_other_the_order_is_kept_while_messages_are_published(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        int count = 1000;
        await client.PublishAsync(Queue, Enumerable.Range(0, count).Select(NewMessage));
        for (int round = 0; round < 3; round++)
        {
            // 155 messages a channel: seven channels, and more as the queue grows.
            CollectingSink sink = new();
            int published = count + 200;
            using SemaphoreSlim begun = new(0);
            Task<QueueReadResult> reading = ReadAsync(
                host, NewRequest(host, type, release) with { Prefetch = 5 }, new CollectingSinkThatTells(sink, begun));
            await begun.WaitAsync(Cancellation);
            await client.PublishEachAsync(Queue, Enumerable.Range(count, published - count).Select(number => $"m{number}"), Cancellation);
            QueueReadResult result = await reading;
            Assert.Equal((ReadStop.DepthReached, true, count), (result.Stop, result.OrderKept, (int)result.Delivered));
            await UntilReadyAsync(client, (uint)published);
            count = published;
        }

        Assert.Equal(Enumerable.Range(0, count).Select(number => $"m{number}"), await client.TakeIdsAsync(Queue));
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
        QueueReadResult result = await ReadAsync(host, NewRequest(host, "quorum", "Nack") with { Prefetch = 10, ConsumerTimeout = TimeSpan.FromSeconds(2) }, sink);
        Assert.Equal((ReadStop.ConsumerCancelled, 100), (result.Stop, result.ReadyAfter));
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
    [MemberData(nameof(Safe))]
    public async Task A_cancelled_read_leaves_every_message_in_its_place(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 2000).Select(NewMessage));
        List<string> before = await client.FingerprintsAsync(Queue);

        using CancellationTokenSource cancel = new();
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async token =>
            {
                if (sink.Messages.Count > 900)
                {
                    await cancel.CancelAsync();
                    await Task.Delay(Timeout.Infinite, token);
                }
            },
        };
        QueueReader reader = new(host.Options, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader.ReadAsync(NewRequest(host, type, release) with { Prefetch = 500 }, sink, cancel.Token));
        await UntilReadyAsync(client, 2000);
        Assert.Equal(before, await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(Safe))]
    public async Task A_read_of_a_part_leaves_every_message_in_its_place_also_when_some_were_given_back_before(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 1000).Select(NewMessage));
        List<string> before = [.. Enumerable.Range(0, 1000).Select(NewMessage).Select(message => IndependentClient.Fingerprint(message.Properties, message.Body))];

        // The first read takes new messages, the second a part of what the first gave back, the third that and some new ones.
        foreach (int limit in (int[])[400, 100, 600])
        {
            CollectingSink sink = new();
            QueueReadResult result = await ReadAsync(host, NewRequest(host, type, release) with { Prefetch = 150, MaxMessages = limit }, sink);
            Assert.Equal((ReadStop.LimitReached, limit, limit, true, true), (result.Stop, (int)result.Delivered, sink.Messages.Count, result.AllReturned, result.OrderKept));
            Assert.Equal(Enumerable.Range(0, limit).Select(NewMessage).Select(message => Hash(message.Body)), sink.Messages.Select(message => Hash(message.Body)));
        }

        Assert.Equal(before, await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [InlineData("3.10", "ChannelClose")]
    [InlineData("4.0", "ChannelClose")]
    [InlineData("4.3", "Nack")]
    public async Task When_not_all_that_was_given_back_can_be_held_the_result_says_that_the_order_is_lost(string generation, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "quorum");
        await client.PublishAsync(Queue, Enumerable.Range(0, 100).Select(NewMessage));
        QueueReadRequest request = NewRequest(host, "quorum", release);
        Assert.True((await ReadAsync(host, request, new CollectingSink())).OrderKept);
        Assert.False((await ReadAsync(host, request with { Prefetch = 10, MaxMessages = 10, MaxConsumers = 1 }, new CollectingSink())).OrderKept);
        CollectingSink sink = new();
        await ReadAsync(host, request, sink);
        Assert.Equal(Hash(NewMessage(10).Body), Hash(sink.Messages[0].Body));
    }

    [Theory]
    [MemberData(nameof(Safe))]
    public async Task With_a_consumer_and_a_publisher_at_work_nothing_is_lost_or_doubled(string generation, string type, string release)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 2000).Select(NewMessage));
        ConcurrentBag<string> processed = [];
        await using IConnection connection = await host.ConnectAsync();
        await using IChannel application = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        await application.BasicQosAsync(0, 20, global: false, Cancellation);
        AsyncEventingBasicConsumer consumer = new(application);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            processed.Add(delivery.BasicProperties.MessageId!);
            await application.BasicAckAsync(delivery.DeliveryTag, multiple: false, Cancellation);
        };
        await application.BasicConsumeAsync(Queue, autoAck: false, consumer, Cancellation);
        await using IChannel publisher = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        Task publishing = Task.Run(
            async () =>
            {
                foreach ((BasicProperties properties, byte[] body) in Enumerable.Range(2000, 500).Select(NewMessage))
                {
                    await publisher.BasicPublishAsync("", Queue, mandatory: true, properties, body, Cancellation);
                }
            },
            Cancellation);

        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(host, NewRequest(host, type, release) with { IdleTimeout = TimeSpan.FromMilliseconds(300) }, sink);
        await publishing;
        Assert.InRange(result.Delivered, 1, result.Depth);
        Assert.Equal(result.Delivered, sink.Messages.Count);
        Assert.Equal(sink.Messages.Count, sink.Messages.Select(message => Hash(message.Body)).Distinct().Count());
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); processed.Count < 2500; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, $"the application got {processed.Count} of 2500");
        }

        Assert.Equal(2500, processed.Distinct().Count());
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
    public async Task Queues_that_can_not_be_read_say_why(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        Assert.Equal(ErrorCode.QueueNotFound, (await FailAsync(host, host.Options)).Code);

        await client.DeclareExclusiveAsync(Queue);
        Assert.Equal(ErrorCode.QueueInUse, (await FailAsync(host, host.Options)).Code);
        await client.DeleteAsync(Queue);

        await client.DeclareAsync(Queue, "classic");
        await client.PublishAsync(Queue, Enumerable.Range(0, 10).Select(NewMessage));
        BrokerOptions reader = await host.AddUserAsync("", withPermission: false);
        Assert.Equal(ErrorCode.BrokerAccessRefused, (await FailAsync(host, reader)).Code);
        await host.SendAsync(HttpMethod.Put, $"permissions/{host.Path}/{reader.Credential.UserName}", """{"configure":".*","write":".*","read":""}""");
        Assert.Equal(ErrorCode.BrokerAccessRefused, (await FailAsync(host, reader)).Code);

        await using IConnection connection = await host.ConnectAsync();
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        await channel.BasicQosAsync(0, 1, global: false, Cancellation);
        await channel.BasicConsumeAsync(Queue, autoAck: false, "only-me", noLocal: false, exclusive: true, null, new AsyncEventingBasicConsumer(channel), Cancellation);
        RabbitBackupException inUse = await FailAsync(host, host.Options);
        Assert.Equal((ErrorCode.QueueInUse, new QueueName(host.Name, Queue).ToString()), (inUse.Code, inUse.Target));
        Assert.Equal(ErrorCode.BrokerAccessRefused, (await FailAsync(host, reader)).Code);
        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, (await FailAsync(host, reader with { Credential = new(reader.Credential.UserName, "wrong") })).Code);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_single_active_consumer_elsewhere_stalls_the_read_and_keeps_its_messages(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic", new() { ["x-single-active-consumer"] = true });
        await client.PublishAsync(Queue, Enumerable.Range(0, 10).Select(NewMessage));
        await using IConnection connection = await host.ConnectAsync();
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Cancellation);
        await channel.BasicQosAsync(0, 1, global: false, Cancellation);
        await channel.BasicConsumeAsync(Queue, autoAck: false, new AsyncEventingBasicConsumer(channel), Cancellation);
        QueueReadResult result = await ReadAsync(host, NewRequest(host, "classic", "ChannelClose") with { IdleTimeout = TimeSpan.FromMilliseconds(200) }, new CollectingSink());
        Assert.Equal((ReadStop.Stalled, 0, 9), (result.Stop, result.Delivered, result.ReadyAfter));
    }

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "classic")]
    [InlineData("4.3", "quorum")]
    public async Task A_queue_deleted_while_it_is_read_is_reported(string generation, string type)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 100).Select(NewMessage));
        bool deleted = false;
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async _ =>
            {
                if (sink.Messages.Count > 0 && !deleted)
                {
                    deleted = true;
                    await client.DeleteAsync(Queue);
                }
            },
        };
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(host, NewRequest(host, type, "ChannelClose") with { Prefetch = 10 }, sink));
        Assert.Equal(ErrorCode.QueueNotFound, error.Code);
    }

    private sealed class CollectingSinkThatTells(CollectingSink inner, SemaphoreSlim begun) : IDeliverySink
    {
        private bool _told;

        public void OnDelivery(in Delivery delivery)
        {
            inner.OnDelivery(delivery);
            if (!_told)
            {
                _told = true;
                begun.Release();
            }
        }

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => inner.OnPauseAsync(cancellationToken);
    }

    private static async Task<IndependentClient> ClientAsync(ManagedVirtualHost host, string generation) => await IndependentClient.ConnectAsync(await TestBroker.GetAsync(generation), host.Name);

    private static QueueReadRequest NewRequest(ManagedVirtualHost host, string type, string release) => new()
    {
        Queue = new QueueName(host.Name, Queue),
        IsQuorum = type == "quorum",
        Release = Enum.Parse<QueueReleaseMethod>(release),
    };

    private static Task<QueueReadResult> ReadAsync(ManagedVirtualHost host, QueueReadRequest request, IDeliverySink sink) =>
        new QueueReader(host.Options, TimeProvider.System).ReadAsync(request, sink, Cancellation);

    private static Task<RabbitBackupException> FailAsync(ManagedVirtualHost host, BrokerOptions options) => Assert.ThrowsAsync<RabbitBackupException>(
        () => new QueueReader(options, TimeProvider.System).ReadAsync(NewRequest(host, "classic", "ChannelClose"), new CollectingSink(), Cancellation));

    private static (BasicProperties Properties, byte[] Body) NewMessage(int number)
    {
        byte[] body = new byte[number % 7 == 0 ? 0 : number % 600];
        new Random(number).NextBytes(body);
        return (new BasicProperties { MessageId = $"m{number}", Persistent = true }, [.. Encoding.UTF8.GetBytes($"{number}:"), .. body]);
    }

    private static string Hash(byte[] body) => Convert.ToHexString(SHA256.HashData(body));

    private static async Task UntilReadyAsync(IndependentClient client, uint count)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(20); await client.CountAsync(Queue) < count; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, $"{await client.CountAsync(Queue)} of {count} are ready");
        }
    }
}
