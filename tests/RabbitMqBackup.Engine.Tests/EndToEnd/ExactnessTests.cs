using System.Buffers;
using System.Security.Cryptography;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Broker;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>
/// A corpus of messages, each sent to two queues: one says how the broker delivers it, the other is backed up, deleted and restored, and must deliver the same bytes. With RABBITMQ_TEST_LONG the
/// largest body is what the broker takes at most. The backup also says, of each, the exchange that it was published to and its routing key.
/// </summary>
public class ExactnessTests
{
    private const int FrameMax = 131_072;
    private const string Witness = "witness";
    private const string Queue = "orders";
    private const string Exchange = "corpus";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("3.10", "quorum")]
    [InlineData("4.0", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "classic")]
    [InlineData("4.3", "quorum")]
    public async Task What_is_restored_is_on_the_wire_the_same_bytes(string generation, string type)
    {
        await using TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(host.Broker, host.Name);
        await client.DeclareAsync(Witness, type);
        await client.DeclareAsync(Queue, type);
        await client.BindAllAsync(Exchange, "fanout", Witness, Queue);
        List<ExactnessCorpus.Item> corpus = ExactnessCorpus.Build(FrameMax, LongRun.Count(4 << 20, generation == "3.10" ? 128 << 20 : 16 << 20));
        Assert.True(corpus.Count >= 200, $"{corpus.Count} messages");
        await PublishAsync(harness, corpus);
        List<Seen> expected = await ReadAsync(harness, Witness, type, corpus.Count);

        BackupManifest manifest = await harness.BackupAsync(options => options with { Selection = options.Selection with { Names = [Queue] } });
        Assert.Equal((BackupStatus.Complete, corpus.Count), (manifest.Status, (int)manifest.TotalMessages));
        // A quorum queue delivers by priority, so the corpus has another order.
        Assert.Equal(
            corpus.Select(item => $"{Exchange} {Convert.ToHexString(item.RoutingKey)} {Convert.ToHexString(SHA256.HashData(item.Body))}").Order(),
            expected.Select(message => $"{message.Exchange} {message.RoutingKey} {message.Body}").Order());
        Assert.Equal(expected.Select(message => (message.Exchange, message.RoutingKey, message.Body)), await CapturedAsync(manifest));
        List<string> fingerprints = await client.TakeFingerprintsAsync(Witness);
        await client.DeleteAsync(Queue);
        await harness.RestoreAsync(manifest);

        Assert.Empty(harness.Failures);
        List<Seen> restored = await ReadAsync(harness, Queue, type, corpus.Count);
        for (int i = 0; i < corpus.Count; i++)
        {
            // Exchange and routing key are those of a restore: docs/DESIGN.md.
            Assert.True(expected[i].Properties == restored[i].Properties, $"{corpus[i].Name}: {expected[i].Properties} became {restored[i].Properties}");
            Assert.True(expected[i].Body == restored[i].Body, $"{corpus[i].Name}: another body");
        }

        Assert.Equal(fingerprints, await client.TakeFingerprintsAsync(Queue));
    }

    private static async Task PublishAsync(EngineHarness harness, List<ExactnessCorpus.Item> corpus)
    {
        CollectingPublishEvents events = new();
        await using QueuePublisher publisher = await QueuePublisher.OpenAsync(harness.Broker, harness.VirtualHost, new PublisherOptions(), events, TimeProvider.System, Cancellation);
        byte[] exchange = System.Text.Encoding.UTF8.GetBytes(Exchange);
        foreach (ExactnessCorpus.Item item in corpus)
        {
            await publisher.PublishAsync(exchange, item.RoutingKey, new ReadOnlySequence<byte>(item.Properties), new ReadOnlySequence<byte>(item.Body), mandatory: true, Cancellation);
        }

        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((corpus.Count, 0L), ((int)state.Confirmed, (long)state.Returned));
    }

    /// <summary>As the frames say, each message's properties in hexadecimal and its body as a hash.</summary>
    private static async Task<List<Seen>> ReadAsync(EngineHarness harness, string queue, string type, int count)
    {
        HashingSink sink = new();
        QueueReadRequest request = new() { Queue = new QueueName(harness.VirtualHost, queue), IsQuorum = type == "quorum" };
        await new QueueReader(harness.Broker, TimeProvider.System).ReadAsync(request, sink, Cancellation);
        Assert.Equal(count, sink.Messages.Count);
        return sink.Messages;
    }

    private static async Task<List<(string Exchange, string RoutingKey, string Body)>> CapturedAsync(BackupManifest manifest)
    {
        List<(string, string, string)> messages = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancellation))
            {
                messages.Add((message.Exchange, Convert.ToHexString(message.RawRoutingKey), Convert.ToHexString(SHA256.HashData(message.Body))));
            }
        }

        return messages;
    }

    private sealed record Seen(string Exchange, string RoutingKey, string Properties, string Body);

    private sealed class HashingSink : IDeliverySink
    {
        internal List<Seen> Messages { get; } = [];

        public void OnDelivery(in Delivery delivery) =>
            Messages.Add(new Seen(System.Text.Encoding.UTF8.GetString(delivery.Exchange), Convert.ToHexString(delivery.RoutingKey), Convert.ToHexString(delivery.Properties), Convert.ToHexString(SHA256.HashData(delivery.Body.ToArray()))));

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
