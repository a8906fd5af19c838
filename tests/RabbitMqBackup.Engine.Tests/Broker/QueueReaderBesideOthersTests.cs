using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReaderBed;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reads from real brokers of queues that others use, or that we may not read.</summary>
public sealed class QueueReaderBesideOthersTests
{
    [Theory]
    [MemberData(nameof(QueueReaderBed.Safe), MemberType = typeof(QueueReaderBed))]
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

    private static Task<RabbitBackupException> FailAsync(ManagedVirtualHost host, BrokerOptions options) => Assert.ThrowsAsync<RabbitBackupException>(
        () => new QueueReader(options, TimeProvider.System).ReadAsync(NewRequest(host, "classic", "ChannelClose"), new CollectingSink(), Cancellation));
}
