using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReaderBed;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reads from real brokers that could change the order of a queue, and what they say of it.</summary>
public sealed class QueueReaderOrderTests
{
    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
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
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
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
            // A quorum queue is asked for its depth again when the first consumer is there: some of what is published may be in it by then.
            Assert.Equal((ReadStop.DepthReached, true, result.Depth), (result.Stop, result.OrderKept, result.Delivered));
            Assert.InRange(result.Depth, count, published - 1);
            await UntilReadyAsync(client, (uint)published);
            count = published;
        }

        Assert.Equal(Enumerable.Range(0, count).Select(number => $"m{number}"), await client.TakeIdsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
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
        Assert.False((await ReadAsync(host, request with { Prefetch = 10, MaxMessages = 10, MaxConsumers = 1, MaxChannels = 1 }, new CollectingSink())).OrderKept);
        CollectingSink sink = new();
        await ReadAsync(host, request, sink);
        Assert.Equal(Hash(NewMessage(10).Body), Hash(sink.Messages[0].Body));
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
}
