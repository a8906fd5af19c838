using System.Buffers;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Keeps copies of what it is given.</summary>
internal sealed class CollectingSink : IDeliverySink
{
    private readonly List<Message> _messages = [];

    /// <summary>What came, in order.</summary>
    internal IReadOnlyList<Message> Messages => _messages;

    /// <summary>Called for each message before it is kept; may throw.</summary>
    internal Action<int>? OnMessage { get; init; }

    /// <summary>Awaited after each batch.</summary>
    internal Func<CancellationToken, ValueTask>? OnPause { get; init; }

    public void OnDelivery(in Delivery delivery)
    {
        OnMessage?.Invoke(_messages.Count);
        _messages.Add(new Message(
            delivery.DeliveryTag, delivery.Redelivered, delivery.ConsumerTag.ToArray(), delivery.Exchange.ToArray(), delivery.RoutingKey.ToArray(), delivery.Properties.ToArray(), delivery.Body.ToArray()));
    }

    public ValueTask OnPauseAsync(CancellationToken cancellationToken) => OnPause?.Invoke(cancellationToken) ?? ValueTask.CompletedTask;

    internal sealed record Message(ulong Tag, bool Redelivered, byte[] ConsumerTag, byte[] Exchange, byte[] RoutingKey, byte[] Properties, byte[] Body);
}
