using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Publishing to real brokers.</summary>
public class QueuePublisherBrokerTests
{
    private const string Queue = "orders";

    private readonly CollectingPublishEvents _events = new();

    public static TheoryData<string, string> BrokersAndTypes => new()
    {
        { "3.10", "classic" }, { "3.10", "quorum" }, { "4.0", "classic" }, { "4.0", "quorum" }, { "4.3", "classic" }, { "4.3", "quorum" },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(BrokersAndTypes))]
    public async Task Messages_arrive_in_order_and_as_they_were_given(string generation, string type)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, type);
        await using QueuePublisher publisher = await OpenAsync(host);
        byte[][] bodies = [.. Enumerable.Range(0, 5000).Select(i => RandomNumberGenerator.GetBytes(i % 500 == 499 ? 300_000 : i % 97))];
        foreach (byte[] body in bodies)
        {
            await PublishAsync(publisher, Queue, body, [0x10, 0, 2]);
        }

        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((5000ul, 5000ul, 0ul, 0ul, 0), (state.Published, state.Confirmed, state.Nacked, state.Returned, state.Unknown.Count));
        Assert.Equal(5000u, await client.CountAsync(Queue));
        CollectingSink sink = new();
        await new QueueReader(host.Options, TimeProvider.System).ReadAsync(new QueueReadRequest { Queue = new(host.Name, Queue) }, sink, Cancellation);
        Assert.Equal(bodies.Select(Hash), sink.Messages.Select(message => Hash(message.Body)));
        Assert.All(sink.Messages, message => Assert.Equal([0x10, 0, 2], message.Properties));

        // An independent witness of the same.
        string[] expected = [.. bodies.Select(body => IndependentClient.Fingerprint(new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, body))];
        Assert.Equal(expected, await client.FingerprintsAsync(Queue));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task All_properties_and_empty_tables_and_arrays_come_back_byte_for_byte(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic");
        byte[] table =
        [
            .. Wire.Short("a"), (byte)'A', 0, 0, 0, 0, .. Wire.Short("b"), (byte)'F', 0, 0, 0, 0, .. Wire.Short("c"), (byte)'D', 2, 0xFF, 0xFF, 0xFF, 0xFF,
            .. Wire.Short("d"), (byte)'S', 0, 0, 0, 2, 0xFF, 0xFE, .. Wire.Short("e"), (byte)'V', .. Wire.Short("f"), (byte)'x', 0, 0, 0, 1, 9,
        ];
        byte[] properties =
        [
            0xFF, 0xFC, .. Wire.Short("text/plain"), .. Wire.Short("gzip"), .. Wire.U32((uint)table.Length), .. table, 2, 7, .. Wire.Short("correlation"), .. Wire.Short("reply"),
            .. Wire.Short("3600000"), .. Wire.Short("id"), .. Wire.U64(1_700_000_000), .. Wire.Short("type"), .. Wire.Short("guest"), .. Wire.Short("app"), .. Wire.Short("cluster"),
        ];
        await using QueuePublisher publisher = await OpenAsync(host);
        await PublishAsync(publisher, Queue, [1, 2, 3], properties);
        await publisher.CompleteAsync(Cancellation);
        CollectingSink sink = new();
        await new QueueReader(host.Options, TimeProvider.System).ReadAsync(new QueueReadRequest { Queue = new(host.Name, Queue) }, sink, Cancellation);
        Assert.Equal(properties, sink.Messages[0].Properties);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Unroutable_messages_come_back_with_their_content(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using QueuePublisher publisher = await OpenAsync(host);
        byte[] body = RandomNumberGenerator.GetBytes(200_000);
        await PublishAsync(publisher, "nowhere", body, [0x10, 0, 2]);
        await PublishAsync(publisher, "nowhere-either", [], [0, 0]);
        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((2ul, 2ul, 2ul), (state.Published, state.Confirmed, state.Returned));
        Assert.Equal([(312, "nowhere"), (312, "nowhere-either")], _events.Returned.Select(message => ((int)message.Code, message.RoutingKey)));
        Assert.Equal(Hash(body), Hash(_events.Returned.First().Body));
        Assert.Equal([0x10, 0, 2], _events.Returned.First().Properties);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_full_queue_that_rejects_refuses_exactly_those_that_do_not_fit(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic", new() { ["x-max-length"] = 10, ["x-overflow"] = "reject-publish" });
        await using QueuePublisher publisher = await OpenAsync(host, new PublisherOptions { Window = 1 });
        for (byte i = 0; i < 30; i++)
        {
            await PublishAsync(publisher, Queue, [i], [0, 0]);
        }

        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((30ul, 0), (state.Published, state.Unknown.Count));
        Assert.Equal(state.Confirmed, await client.CountAsync(Queue));
        Assert.Equal(30ul - state.Confirmed, state.Nacked);
        Assert.InRange(state.Nacked, 15ul, 20ul);
        Assert.Equal(state.Nacked, (ulong)_events.Nacked.Count);
    }

    [Theory]
    [InlineData("3.10", "user-id")]
    [InlineData("4.0", "user-id")]
    [InlineData("4.3", "user-id")]
    [InlineData("4.3", "exchange")]
    [InlineData("4.3", "size")]
    public async Task What_the_broker_refuses_is_a_rejection_in_its_own_words(string generation, string what)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IndependentClient client = await ClientAsync(host, generation);
        await client.DeclareAsync(Queue, "classic");
        await using QueuePublisher publisher = await OpenAsync(host);
        await PublishAsync(publisher, Queue, [1], [0, 0]);
        await publisher.CompleteAsync(Cancellation);
        string expected = what switch
        {
            "user-id" => "user_id",
            "exchange" => "no exchange 'missing'",
            _ => "16777216",
        };
        await publisher.PublishAsync(
            what == "exchange" ? "missing"u8.ToArray() : default,
            Encoding.UTF8.GetBytes(Queue),
            new ReadOnlySequence<byte>(what == "user-id" ? [0, 0x10, .. Wire.Short("somebody-else")] : [0, 0]),
            new ReadOnlySequence<byte>(new byte[what == "size" ? 17_000_000 : 1]),
            mandatory: true,
            Cancellation);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancellation));
        Assert.Equal(ErrorCode.PublishRejected, error.Code);
        Assert.Contains(expected, error.Message);
        Assert.Equal((2ul, 1ul), (publisher.State.Published, publisher.State.Confirmed));
        Assert.Equal([2ul], publisher.State.Unknown);
    }

    private static async Task<IndependentClient> ClientAsync(ManagedVirtualHost host, string generation) => await IndependentClient.ConnectAsync(await TestBroker.GetAsync(generation), host.Name);

    private static ValueTask<ulong> PublishAsync(QueuePublisher publisher, string queue, byte[] body, byte[] properties) => publisher.PublishAsync(
        default, Encoding.UTF8.GetBytes(queue), new ReadOnlySequence<byte>(properties), new ReadOnlySequence<byte>(body), mandatory: true, Cancellation);

    private static string Hash(byte[] body) => Convert.ToHexString(SHA256.HashData(body));

    private Task<QueuePublisher> OpenAsync(ManagedVirtualHost host, PublisherOptions? options = null) =>
        QueuePublisher.OpenAsync(host.Options, host.Name, options ?? new PublisherOptions(), _events, TimeProvider.System, Cancellation);
}
