using System.Text;
using RabbitMQ.Client;

namespace RabbitMqBackup.Quickstart;

/// <summary>One of the sample's queues and the messages that belong in it.</summary>
internal sealed class SampleQueue(string name, string description, int count, Dictionary<string, object?> arguments)
{
    private readonly List<SampleMessage> _messages = new(count);

    /// <summary>Name.</summary>
    internal string Name => name;

    /// <summary>Kind of queue, for people.</summary>
    internal string Description => description;

    /// <summary>What was published, in that order.</summary>
    internal IReadOnlyList<SampleMessage> Messages => _messages;

    /// <summary>What was published, as the queue delivers it: the highest priority first where it has priorities.</summary>
    internal IReadOnlyList<SampleMessage> InDeliveryOrder =>
        HasPriorities ? [.. _messages.OrderByDescending(message => message.Priority)] : _messages;

    private bool HasPriorities => arguments.ContainsKey("x-max-priority");

    /// <summary>Declares the queue, publishes into it, and waits until all messages are there.</summary>
    /// <exception cref="JourneyException">They are not after a minute.</exception>
    internal async Task FillAsync(IConnection connection)
    {
        await using IChannel channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments);
        for (int number = 1; number <= count; number++)
        {
            BasicProperties properties = Properties(number);
            byte[] body = Body(number);
            await channel.BasicPublishAsync("", name, mandatory: true, properties, body);
            _messages.Add(SampleMessage.From(properties, body));
        }

        DateTime deadline = DateTime.UtcNow.AddMinutes(1);
        while (await channel.MessageCountAsync(name) is uint arrived && arrived < count)
        {
            if (DateTime.UtcNow > deadline)
            {
                throw new JourneyException($"only {arrived} of {count} messages arrived in {name}");
            }

            await Task.Delay(50);
        }
    }

    /// <summary>Deletes the queue.</summary>
    /// <returns>How many messages were in it.</returns>
    internal async Task<uint> DeleteAsync(IConnection connection)
    {
        await using IChannel channel = await connection.CreateChannelAsync();
        return await channel.QueueDeleteAsync(name, ifUnused: false, ifEmpty: false);
    }

    /// <summary>Takes every message out of the queue.</summary>
    internal async Task<IReadOnlyList<SampleMessage>> TakeAllAsync(IConnection connection)
    {
        await using IChannel channel = await connection.CreateChannelAsync();
        List<SampleMessage> taken = [];
        while (await channel.BasicGetAsync(name, autoAck: true) is { } message)
        {
            taken.Add(SampleMessage.From(message.BasicProperties, message.Body.Span));
        }

        return taken;
    }

    private BasicProperties Properties(int number)
    {
        BasicProperties properties = CommonProperties(number);
        if (HasPriorities) // a quorum queue heeds them too, each broker version in another way
        {
            properties.Priority = (byte)(number % 10);
        }

        return properties;
    }

    private BasicProperties CommonProperties(int number) => new()
    {
        MessageId = $"{name}-{number:D4}",
        ContentType = number % 3 == 0 ? "application/octet-stream" : "application/json",
        DeliveryMode = DeliveryModes.Persistent,
        CorrelationId = $"customer-{number % 17}",
        Timestamp = new(1_700_000_000 + number),
        Type = $"{name}.created",
        AppId = "quickstart",
        Expiration = number % 5 == 0 ? "86400000" : null,
        Headers = new Dictionary<string, object?>
        {
            ["tenant"] = $"t{number % 4}",
            ["attempt"] = number % 3,
            ["amount"] = number * 1.25,
            ["total"] = (long)number << 33,
            ["urgent"] = number % 7 == 0,
            ["price"] = 12.34m + number,
            ["nothing"] = null,
            ["route"] = new List<object?> { "north", number, new Dictionary<string, object?> { ["hop"] = "Zürich" } },
        },
    };

    private byte[] Body(int number)
    {
        if (number % 3 != 0)
        {
            return Encoding.UTF8.GetBytes($$"""{"queue":"{{name}}","number":{{number}},"text":"Grüße aus der Warteschlange"}""");
        }

        byte[] body = new byte[number % 50 == 0 ? 0 : number * 7];
        new Random(number).NextBytes(body);
        return body;
    }
}
