using Amqp;
using Amqp.Framing;
using Amqp.Types;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>A stream read and written anew is the same, whoever wrote it and whoever reads it.</summary>
public sealed class RawEqualityTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Every_AMQP_1_0_section_survives_a_copy_byte_for_byte(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("source", [], Cancelled);
        await connection.CreateStreamAsync("copy", [], Cancelled);
        await WriteEveryKindAsync(host.Amqp10Address, host.VirtualHost, "source", rounds: 50);

        CollectingSink source = new();
        StreamReadResult read = await new ChunkReader(connection, "source", new StreamReadOptions(), source).RunAsync(Cancelled);
        await using (StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "copy", "copy-1", null, Cancelled))
        {
            foreach ((ChunkHeader header, byte[] data, _) in source.Chunks)
            {
                Assert.Equal((data.Length, header.NextOffset), await publisher.PublishChunkAsync(header.FirstOffset, data, Cancelled));
            }

            await publisher.CompleteAsync(Cancelled);
        }

        CollectingSink copy = new();
        await new ChunkReader(connection, "copy", new StreamReadOptions(), copy).RunAsync(Cancelled);
        Assert.Equal(250, read.Messages);
        Assert.Equal(source.Messages.Select(m => m.Message), copy.Messages.Select(m => m.Message));
        Assert.Equal(source.Chunks.SelectMany(c => c.Data), copy.Chunks.SelectMany(c => c.Data));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task What_is_published_natively_reaches_a_consumer_of_AMQP_0_9_1_in_order(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await ChunkReaderTests.PublishNumbersAsync(connection, 0, 2000);

        await using RabbitMQ.Client.IConnection amqp = await host.ConnectAmqpAsync();
        await using IChannel channel = await amqp.CreateChannelAsync(cancellationToken: Cancelled);
        List<(long Offset, int Number)> seen = [];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await channel.BasicQosAsync(0, 500, false, Cancelled);
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += async (_, e) =>
        {
            seen.Add(((long)e.BasicProperties.Headers!["x-stream-offset"]!, BitConverter.ToInt32(e.Body.Span)));
            await channel.BasicAckAsync(e.DeliveryTag, false, Cancelled);
            if (seen.Count == 2000)
            {
                done.TrySetResult();
            }
        };
        await channel.BasicConsumeAsync("s", false, "", false, false, new Dictionary<string, object?> { ["x-stream-offset"] = "first" }, consumer, Cancelled);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancelled);

        Assert.Equal(Enumerable.Range(0, 2000).Select(i => ((long)i, i)), seen);
    }

    /// <summary>Writes 5 messages a round, with sections of every kind, by an independent client of AMQP 1.0.</summary>
    internal static async Task WriteEveryKindAsync(Uri broker, string virtualHost, string stream, int rounds)
    {
        Connection connection = await Connection.Factory.CreateAsync(
            new Address(broker.AbsoluteUri), new Open { ContainerId = "writer", HostName = "vhost:" + virtualHost }, null);
        SenderLink sender = new(new Session(connection), "writer", "/queues/" + stream);
        for (int i = 0; i < rounds; i++)
        {
            RestrictedDescribed[] bodies =
            [
                new Data { Binary = BitConverter.GetBytes(i) }, new Data { Binary = [] }, new AmqpValue { Value = "text" },
                new AmqpValue { Value = new Map { ["k"] = 1ul } }, new AmqpSequence { List = new List<object> { 1, "x", null! } },
            ];
            foreach (RestrictedDescribed body in bodies)
            {
                Message message = new()
                {
                    Header = new Header { Durable = true, Priority = (byte)i, Ttl = 1_000_000 },
                    MessageAnnotations = new MessageAnnotations { [new Symbol("x-map")] = new Map { ["n"] = i }, [new Symbol("x-stream-filter-value")] = "emea" },
                    Properties = new Properties { MessageId = $"m{i}", UserId = "guest"u8.ToArray(), Subject = "s", To = "/queues/source", CreationTime = DateTime.UtcNow, GroupSequence = 1 },
                    ApplicationProperties = new ApplicationProperties(),
                    BodySection = body,
                    Footer = new Footer { [new Symbol("x-f")] = i },
                };
                foreach ((string name, object? value) in (ReadOnlySpan<(string, object?)>)
                    [("s", "Grüße"), ("i", i), ("b", true), ("l", 5L), ("d", 1.5), ("x", new byte[] { 0xFF }), ("sym", new Symbol("y")), ("n", null), ("u", Guid.NewGuid()), ("t", DateTime.UtcNow)])
                {
                    message.ApplicationProperties.Map[name] = value;
                }

                await sender.SendAsync(message);
            }
        }

        await connection.CloseAsync();
    }
}
