using Amqp;
using Amqp.Framing;
using Amqp.Types;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>A restored stream as an application sees it: RabbitMQ's own client reads the original before and the restored stream after, from the first message on.</summary>
public sealed class StreamIndependentReaderTests
{
    private const int Rounds = 40;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task What_was_published_by_streams_in_batches_and_by_AMQP_1_0_reads_the_same_after_a_restore(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        // 3.10 ends the channel of a reader of AMQP 0-9-1 at a message that has this section (rabbit_msg_record:decode knows none).
        bool withHeader = generation != "3.10";
        int count = 0;
        for (int round = 0; round < Rounds; round++)
        {
            // AMQP 0-9-1 is given the members of batches that are not compressed; those of others brokers can't unpack.
            byte[][] members = [.. Enumerable.Range(1, 20).Select(i => Encoded(count + i, withHeader))];
            await bed.PublishAsync("log", [TestEntries.Plain(Encoded(count, withHeader)), TestEntries.Batch(BatchCodec.None, members), TestEntries.Plain(Encoded(count + 21, withHeader))]);
            count += 22;
        }

        if (withHeader)
        {
            // The 3.10 here has no plug-in for it; what it keeps in a stream is the same encoding, published above.
            await SendAsync(bed, Enumerable.Range(count, 50).Select(number => NewMessage(number, withHeader: true)));
            count += 50;
        }

        List<string> before = await ReadAsync(bed, count);
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 });
        await bed.DeleteAsync("log");
        RestoreResult result = await bed.Harness.RestoreAsync(manifest);
        List<string> after = await ReadAsync(bed, count);

        Assert.Empty(bed.Harness.Failures);
        Assert.True(result.IsComplete);
        // The reader sees what is to be compared: ids in their order, and no two messages alike.
        Assert.Equal(Enumerable.Range(0, Rounds * 22).Select(number => $"m{number}"), before.Take(Rounds * 22).Select(text => text.Split(':')[0]));
        Assert.Equal(Rounds * 22, before.Take(Rounds * 22).Distinct().Count());
        Assert.Equal(before, after);
    }

    /// <summary>As an independent library encodes it.</summary>
    private static byte[] Encoded(int number, bool withHeader)
    {
        ByteBuffer buffer = NewMessage(number, withHeader).Encode();
        return buffer.Buffer.AsSpan(buffer.Offset, buffer.Length).ToArray();
    }

    private static async Task SendAsync(StreamBed bed, IEnumerable<Message> messages)
    {
        Connection connection = await Connection.Factory.CreateAsync(new Address(bed.Amqp10Address.AbsoluteUri), new Open { ContainerId = "writer", HostName = "vhost:" + bed.VirtualHost }, null);
        SenderLink sender = new(new Session(connection), "writer", "/queues/log");
        foreach (Message message in messages)
        {
            await sender.SendAsync(message);
        }

        await connection.CloseAsync();
    }

    /// <summary>A message with properties, annotations and headers of the types that AMQP 0-9-1 has too.</summary>
    private static Message NewMessage(int number, bool withHeader)
    {
        byte[] body = new byte[number % 300];
        new Random(number).NextBytes(body);
        Message message = new()
        {
            Header = withHeader ? new Header { Durable = number % 2 == 0, Priority = (byte)(number % 10) } : null,
            MessageAnnotations = new MessageAnnotations { [new Symbol("x-origin")] = $"o{number % 7}" },
            Properties = new Properties
            {
                MessageId = $"m{number}",
                CorrelationId = $"c{number % 3}",
                ContentType = "application/x-test",
                ContentEncoding = "identity",
                ReplyTo = "answers",
                CreationTime = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddSeconds(number),
            },
            ApplicationProperties = new ApplicationProperties(),
            BodySection = new Data { Binary = body },
        };
        foreach ((string name, object value) in (ReadOnlySpan<(string, object)>)[("text", $"Grüße {number}"), ("int", number), ("long", (long)number << 33), ("yes", number % 2 == 0), ("double", number / 3.0)])
        {
            message.ApplicationProperties.Map[name] = value;
        }

        return message;
    }

    /// <summary>Fingerprints of all messages in order, over body, properties and headers but for the offset, which is the reader's place and not the message's.</summary>
    private static async Task<List<string>> ReadAsync(StreamBed bed, int count)
    {
        await using RabbitMQ.Client.IConnection connection = await new RabbitMQ.Client.ConnectionFactory { Uri = bed.Broker.AmqpUri(bed.VirtualHost) }.CreateConnectionAsync(Stop);
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: Stop);
        await channel.BasicQosAsync(0, 200, global: false, Stop);
        List<string> seen = [];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        channel.CallbackExceptionAsync += (_, failure) =>
        {
            done.TrySetException(failure.Exception);
            return Task.CompletedTask;
        };
        channel.ChannelShutdownAsync += (_, reason) =>
        {
            done.TrySetException(new InvalidOperationException($"The broker closed the channel: {reason}"));
            return Task.CompletedTask;
        };
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            BasicProperties properties = new(delivery.BasicProperties) { Headers = delivery.BasicProperties.Headers?.Where(header => header.Key != "x-stream-offset").ToDictionary() };
            seen.Add($"{IndependentClient.Fingerprint(properties, delivery.Body.Span)}:{delivery.RoutingKey}");
            await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, Stop);
            if (seen.Count == count)
            {
                done.TrySetResult();
            }
        };
        await channel.BasicConsumeAsync("log", autoAck: false, "", noLocal: false, exclusive: false, new Dictionary<string, object?> { ["x-stream-offset"] = "first" }, consumer, Stop);
        Task first = await Task.WhenAny(done.Task, Task.Delay(TimeSpan.FromSeconds(60), Stop));
        Assert.True(first == done.Task, $"{seen.Count} of {count} messages came.");
        await done.Task;
        return seen;
    }
}
