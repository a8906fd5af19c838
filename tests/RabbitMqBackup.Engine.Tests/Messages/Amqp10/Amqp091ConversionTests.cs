using System.Collections;
using System.Text;
using Amqp;
using Amqp.Framing;
using Amqp.Types;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Messages.Amqp10;

/// <summary>Messages are read natively, converted, and compared with what the broker itself gives to a consumer of AMQP 0-9-1.</summary>
public sealed class Amqp091ConversionTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Generations => ChunkReaderTests.Generations;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_AMQP_0_9_1_wrote_converts_to_what_the_broker_gives_back(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using RabbitMQ.Client.IConnection amqp = await host.ConnectAmqpAsync();
        await using IChannel channel = await amqp.CreateChannelAsync(new CreateChannelOptions(true, true), Cancelled);
        BasicProperties properties = new()
        {
            ContentType = "a/b",
            ContentEncoding = "utf8",
            DeliveryMode = DeliveryModes.Persistent,
            Priority = 5,
            CorrelationId = "corr",
            ReplyTo = "rep ly",
            Expiration = "60000",
            MessageId = "mid",
            Timestamp = new AmqpTimestamp(1700000000),
            Type = "typ",
            UserId = "guest",
            AppId = "app",
            Headers = new Dictionary<string, object?>
            {
                ["s"] = "Grüße",
                ["not text"] = new byte[] { 0xFF, 0 },
                ["int"] = -5,
                ["long"] = 7L,
                ["short"] = (short)3,
                ["ushort"] = (ushort)3,
                ["uint"] = 9u,
                ["sbyte"] = (sbyte)-1,
                ["byte"] = (byte)200,
                ["bool"] = true,
                ["double"] = 1.5,
                ["float"] = 2.5f,
                ["time"] = new AmqpTimestamp(1600000000),
                ["null"] = null,
                ["x-own"] = "xo",
                ["x-num"] = 3L,
            },
        };
        await channel.BasicPublishAsync("", "s", false, properties, Encoding.UTF8.GetBytes("body"), Cancelled);

        await AssertSameAsync(connection, channel, count: 1, lost: [[]]);
    }

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task What_AMQP_1_0_wrote_converts_to_what_the_broker_gives_out(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        Message full = new()
        {
            Header = new Header { Durable = true, Priority = 2 },
            MessageAnnotations = new MessageAnnotations { [new Symbol("x-own")] = "own" },
            Properties = new Properties { MessageId = "m1", CorrelationId = "c1", ReplyTo = generation == "4.0" ? "answers" : "/queues/answers", ContentType = "a/b", GroupId = "grp", Subject = "sub", To = "/queues/s" },
            ApplicationProperties = new ApplicationProperties(),
            BodySection = new Data { Binary = [1, 2, 3] },
            Footer = new Footer { [new Symbol("x-f")] = 1 },
        };
        full.ApplicationProperties.Map["int"] = 5;
        full.ApplicationProperties.Map["text"] = "t";
        full.ApplicationProperties.Map["bytes"] = new byte[] { 0xFF };
        full.ApplicationProperties.Map["symbol"] = new Symbol("sym");
        Message numbered = new() { Properties = new Properties(), BodySection = new Data { Binary = [] } };
        numbered.Properties.SetMessageId(4711ul);
        Message unique = new() { Properties = new Properties(), BodySection = new Data { Binary = [] } };
        unique.Properties.SetMessageId(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
        unique.Properties.SetCorrelationId(Guid.Empty);
        Message value = new() { BodySection = new AmqpValue { Value = "text" } };
        Message sequence = new() { BodySection = new AmqpSequence { List = new List<object> { 1, "x" } } };
        await WriteAsync(host, full, numbered, unique, value, sequence);

        await using RabbitMQ.Client.IConnection amqp = await host.ConnectAmqpAsync();
        await using IChannel channel = await amqp.CreateChannelAsync(new CreateChannelOptions(true, true), Cancelled);
        await AssertSameAsync(connection, channel, count: 5, lost:
        [
            ["properties.to", "properties.subject", "footer"],
            ["properties.message-id (its type, ulong)"],
            ["properties.message-id (its type, uuid)", "properties.correlation-id (its type, uuid)"],
            [],
            [],
        ]);
    }

    [Fact]
    public void Bytes_that_are_no_message_become_the_body_and_it_is_said()
    {
        Amqp091Message converted = Amqp091Conversion.Convert([1, 2, 3]);

        Assert.Equal([1, 2, 3], converted.Body);
        Assert.Equal([0, 0], converted.Properties);
        Assert.StartsWith("sections (", Assert.Single(converted.Lost));
    }

    [Fact]
    public void What_has_no_place_in_AMQP_0_9_1_is_listed()
    {
        Message message = new()
        {
            DeliveryAnnotations = new DeliveryAnnotations { [new Symbol("d")] = 1 },
            MessageAnnotations = new MessageAnnotations { [new Symbol("other")] = 1 },
            Properties = new Properties { MessageId = new string('m', 300), GroupSequence = 4, CreationTime = new DateTime(2026, 1, 1, 0, 0, 0, 5, DateTimeKind.Utc) },
            ApplicationProperties = new ApplicationProperties(),
            BodySection = new Data { Binary = [1] },
        };
        message.ApplicationProperties.Map["huge"] = ulong.MaxValue;

        Assert.Equal(
            [
                "properties.message-id (longer than 255 bytes)", "properties.creation-time (milliseconds)", "properties.group-sequence",
                "message-annotations.other", "application-properties.huge", "delivery-annotations",
            ],
            Amqp091Conversion.Convert(Amqp10DecoderTests.Encode(message)).Lost);
    }

    private static async Task WriteAsync(StreamTestHost host, params Message[] messages)
    {
        Connection connection = await Connection.Factory.CreateAsync(
            new Address(host.Amqp10Address.AbsoluteUri), new Open { ContainerId = "writer", HostName = "vhost:" + host.VirtualHost }, null);
        Session session = new(connection);
        SenderLink sender = new(session, "writer", "/queues/s");
        foreach (Message message in messages)
        {
            await sender.SendAsync(message);
        }

        await connection.CloseAsync();
    }

    private static async Task AssertSameAsync(StreamConnection connection, IChannel channel, int count, string[][] lost)
    {
        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);
        List<Amqp091Message> converted = [.. sink.Messages.Select(m => Amqp091Conversion.Convert(m.Message))];
        List<(string Facts, byte[] Body)> given = await ConsumeAsync(channel, count);

        Assert.Equal(given.Select(g => g.Facts), converted.Select(c => Describe(new ReadOnlyBasicProperties(c.Properties))));
        Assert.Equal(given.Select(g => g.Body), converted.Select(c => c.Body));
        Assert.Equal(lost, converted.Select(c => c.Lost.ToArray()));
        Assert.All(converted, c => Assert.Equal("s", c.RoutingKey));
    }

    private static async Task<List<(string, byte[])>> ConsumeAsync(IChannel channel, int count)
    {
        List<(string, byte[])> seen = [];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await channel.BasicQosAsync(0, 100, false, Cancelled);
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            seen.Add((Describe(e.BasicProperties), e.Body.ToArray()));
            if (seen.Count == count)
            {
                done.TrySetResult();
            }

            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("s", false, "", false, false, new Dictionary<string, object?> { ["x-stream-offset"] = "first" }, consumer, Cancelled);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);
        return seen;
    }

    /// <summary>All that is there, in one order; the header that a stream adds, and the one that the client's publisher adds, apart.</summary>
    private static string Describe(IReadOnlyBasicProperties p)
    {
        IEnumerable<string> headers = (p.Headers ?? new Dictionary<string, object?>())
            .Where(h => h.Key is not ("x-stream-offset" or "x-dotnet-pub-seq-no")).OrderBy(h => h.Key, StringComparer.Ordinal).Select(h => $"{h.Key}={Show(h.Value)}");
        return $"{p.ContentType}|{p.ContentEncoding}|{p.DeliveryMode}|{p.Priority}|{p.CorrelationId}|{p.ReplyTo}|{p.Expiration}|{p.MessageId}|{p.Timestamp}|{p.Type}|{p.UserId}|{p.AppId}|"
            + string.Join(",", headers);
    }

    private static string Show(object? value) => value switch
    {
        null => "null",
        byte[] octets => "S" + Convert.ToHexString(octets),
        IList list => "[" + string.Join(",", list.Cast<object?>().Select(Show)) + "]",
        _ => $"{value}:{value.GetType().Name}",
    };
}
