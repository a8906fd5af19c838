using System.Collections;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>The other party: RabbitMQ's own client, which fills queues and says what is in them.</summary>
internal sealed class IndependentClient : IAsyncDisposable
{
    private readonly IConnection _connection;

    private IndependentClient(IConnection connection) => _connection = connection;

    internal static async Task<IndependentClient> ConnectAsync(TestBroker broker, string virtualHost)
    {
        ConnectionFactory factory = new()
        {
            HostName = broker.Host,
            Port = broker.AmqpPort,
            UserName = broker.User,
            Password = broker.Password,
            VirtualHost = virtualHost,
            // A broker that has just got a million messages lets a passive declare wait.
            ContinuationTimeout = TimeSpan.FromMinutes(5),
            AutomaticRecoveryEnabled = false,
        };
        return new IndependentClient(await factory.CreateConnectionAsync(TestContext.Current.CancellationToken));
    }

    internal async Task DeclareAsync(string queue, string type, Dictionary<string, object?>? arguments = null, bool autoDelete = false)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete, new Dictionary<string, object?>(arguments ?? []) { ["x-queue-type"] = type });
    }

    /// <summary>An application that works on the queue over this client's connection.</summary>
    internal Task<ApplicationConsumer> WorkAsync(string queue, bool acknowledge = true, ushort prefetch = 20, bool exclusive = false, TimeSpan work = default) =>
        ApplicationConsumer.StartAsync(_connection, queue, acknowledge, prefetch, exclusive, work);

    /// <summary>Fetches messages and keeps them unacknowledged, without a consumer, until the channel is disposed.</summary>
    internal async Task<IChannel> HoldAsync(string queue, int count = 1)
    {
        IChannel channel = await _connection.CreateChannelAsync();
        for (int i = 0; i < count; i++)
        {
            Assert.NotNull(await channel.BasicGetAsync(queue, autoAck: false));
        }

        return channel;
    }

    /// <summary>Publishes without waiting for anything but the confirm of each.</summary>
    internal async Task PublishEachAsync(string queue, IEnumerable<string> ids, CancellationToken stop = default, int bytes = 10)
    {
        await using IChannel channel = await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), stop);
        foreach (string id in ids)
        {
            await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { MessageId = id }, new byte[bytes], stop);
        }
    }

    /// <summary>Message ids in the order in which they are in the queue; takes the messages.</summary>
    internal async Task<List<string>> TakeIdsAsync(string queue) => [.. (await TakeFingerprintsAsync(queue)).Select(fingerprint => fingerprint.Split(':')[0])];

    /// <summary>Takes the messages, whose ids are to count up from 0; returns how many were so.</summary>
    internal async Task<long> TakeAscendingAsync(string queue, long count)
    {
        long next = 0;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IChannel channel = await _connection.CreateChannelAsync();
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            if (delivery.BasicProperties.MessageId != next.ToString(CultureInfo.InvariantCulture))
            {
                done.TrySetException(new InvalidDataException($"Message {next} is '{delivery.BasicProperties.MessageId}'."));
            }
            else if (++next == count)
            {
                done.TrySetResult();
            }

            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        await done.Task.WaitAsync(TimeSpan.FromMinutes(10));
        return next;
    }

    /// <summary>An exchange with queues bound to it.</summary>
    internal async Task BindAllAsync(string exchange, string type, params string[] queues)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(exchange, type, durable: true);
        foreach (string queue in queues)
        {
            await channel.QueueBindAsync(queue, exchange, "");
        }
    }

    /// <summary>A queue that only this client's connection can use.</summary>
    internal async Task DeclareExclusiveAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false);
    }

    /// <summary>Deletes what is ready; how many these were.</summary>
    internal async Task<uint> PurgeAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        return await channel.QueuePurgeAsync(queue);
    }

    internal async Task DeleteAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.QueueDeleteAsync(queue);
    }

    internal async Task DeleteIfEmptyAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: true);
    }

    internal async Task<uint> CountAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        return (await channel.QueueDeclarePassiveAsync(queue)).MessageCount;
    }

    /// <summary>Waits until so many messages are ready.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="count">Messages.</param>
    /// <param name="place">Told where that does not come.</param>
    internal async Task UntilCountAsync(string queue, long count, string place = "")
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await CountAsync(queue) is var ready && ready != count; await Task.Delay(50, TestContext.Current.CancellationToken))
        {
            Assert.True(DateTime.UtcNow < deadline, $"{ready} of {count} message(s) are ready in '{queue}'. {place}");
        }
    }

    /// <summary>Takes the first message and gives it back, so often.</summary>
    internal Task RejectFirstAsync(string queue, int times) => RejectAsync(queue, times, requeue: true);

    /// <summary>Takes the first message and rejects it for good, so often: it is dropped or dead-lettered.</summary>
    internal Task RejectAsync(string queue, int times) => RejectAsync(queue, times, requeue: false);

    private async Task RejectAsync(string queue, int times, bool requeue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        for (int i = 0; i < times; i++)
        {
            BasicGetResult? got = await channel.BasicGetAsync(queue, autoAck: false);
            Assert.NotNull(got);
            await channel.BasicRejectAsync(got.DeliveryTag, requeue);
        }
    }

    /// <summary>Publishes through the default exchange and waits until all are confirmed.</summary>
    internal async Task PublishAsync(string queue, IEnumerable<(BasicProperties Properties, byte[] Body)> messages)
    {
        await using IChannel channel = await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        ulong confirmed = 0;
        TaskCompletionSource? wake = null;
        channel.BasicAcksAsync += (_, ack) =>
        {
            Volatile.Write(ref confirmed, ack.Multiple ? ack.DeliveryTag : confirmed + 1);
            Volatile.Read(ref wake)?.TrySetResult();
            return Task.CompletedTask;
        };
        ulong published = 0;
        foreach ((BasicProperties properties, byte[] body) in messages)
        {
            await channel.BasicPublishAsync("", queue, mandatory: true, properties, body);
            published++;
        }

        for (DateTime deadline = DateTime.UtcNow.AddMinutes(5); await CountAsync(queue) < published; await Task.Delay(100))
        {
            Assert.True(DateTime.UtcNow < deadline, $"only {await CountAsync(queue)} of {published} messages arrived, {confirmed} confirmed");
        }
    }

    /// <summary>
    /// What is in a queue, in order: one fingerprint per message over its body, its properties and its headers (compared as a map: brokers reorder them), without what
    /// brokers add on redelivery. Everything is given back.
    /// </summary>
    internal Task<List<string>> FingerprintsAsync(string queue) => FingerprintsAsync(queue, take: false);

    /// <summary>The same, taking the messages for good: nothing of it counts as a delivery that failed.</summary>
    internal Task<List<string>> TakeFingerprintsAsync(string queue) => FingerprintsAsync(queue, take: true);

    internal static string Fingerprint(IReadOnlyBasicProperties properties, ReadOnlySpan<byte> body)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{properties.IsContentTypePresent()}|{properties.ContentType}|{properties.ContentEncoding}|{properties.DeliveryMode}|{properties.Priority}|");
        text.Append(CultureInfo.InvariantCulture, $"{properties.CorrelationId}|{properties.ReplyTo}|{properties.Expiration}|{properties.MessageId}|{properties.Timestamp.UnixTime}|");
        text.Append(CultureInfo.InvariantCulture, $"{properties.Type}|{properties.UserId}|{properties.AppId}|{properties.ClusterId}|{properties.IsTimestampPresent()}|{properties.IsDeliveryModePresent()}|");
        Render(text, properties.Headers?.Where(header => header.Key is not ("x-delivery-count" or "x-acquired-count")).ToDictionary());
        return $"{properties.MessageId}:{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))}:{Convert.ToHexString(SHA256.HashData(body))}";
    }

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    private async Task<List<string>> FingerprintsAsync(string queue, bool take)
    {
        List<string> fingerprints = [];
        uint expected = await CountAsync(queue);
        if (expected == 0)
        {
            return fingerprints;
        }

        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, ushort.MaxValue, global: false);
        AsyncEventingBasicConsumer consumer = new(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            fingerprints.Add(Fingerprint(delivery.BasicProperties, delivery.Body.Span));
            if (fingerprints.Count == expected)
            {
                done.TrySetResult();
            }

            return Task.CompletedTask;
        };
        string tag = await channel.BasicConsumeAsync(queue, autoAck: take, consumer);
        await done.Task.WaitAsync(TimeSpan.FromSeconds(120));
        await channel.BasicCancelAsync(tag);
        await channel.CloseAsync();
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); !take && await CountAsync(queue) < expected; await Task.Delay(50))
        {
            Assert.True(DateTime.UtcNow < deadline, "the queue did not get its messages back");
        }

        return fingerprints;
    }

    /// <summary>The first message of a queue, taken; null where it is empty.</summary>
    internal async Task<BasicGetResult?> TakeAsync(string queue)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        return await channel.BasicGetAsync(queue, autoAck: true);
    }

    /// <summary>Declares an exchange and binds a queue to it.</summary>
    internal async Task BindAsync(string exchange, string type, string queue, string routingKey, Dictionary<string, object?>? arguments = null)
    {
        await using IChannel channel = await _connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(exchange, type, durable: true, autoDelete: false, arguments);
        await channel.QueueBindAsync(queue, exchange, routingKey);
    }

    /// <summary>Publishes one message to an exchange.</summary>
    internal async Task PublishToAsync(string exchange, string routingKey, BasicProperties properties, byte[] body)
    {
        await using IChannel channel = await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.BasicPublishAsync(exchange, routingKey, mandatory: false, properties, body);
    }

    private static void Render(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case byte[] bytes:
                text.Append("S:").Append(Convert.ToHexString(bytes));
                break;
            case BinaryTableValue binary:
                text.Append("x:").Append(Convert.ToHexString(binary.Bytes));
                break;
            case IDictionary<string, object?> { Count: > 0 } table:
                text.Append('{');
                foreach ((string key, object? item) in table.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    text.Append(key).Append('=');
                    Render(text, item);
                    text.Append(';');
                }

                text.Append('}');
                break;
            case IDictionary<string, object?>:
                text.Append("null");
                break;
            case IList list:
                text.Append('[');
                foreach (object? item in list)
                {
                    Render(text, item);
                    text.Append(';');
                }

                text.Append(']');
                break;
            default:
                text.Append(CultureInfo.InvariantCulture, $"{value.GetType().Name}:{value}");
                break;
        }
    }
}
