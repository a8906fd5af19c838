using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Keeps what a publisher is told.</summary>
internal sealed class CollectingPublishEvents : IPublishEvents
{
    internal ConcurrentQueue<(ushort Code, string Text, string RoutingKey, byte[] Properties, byte[] Body)> Returned { get; } = new();

    internal ConcurrentQueue<ulong> Nacked { get; } = new();

    internal ConcurrentQueue<string?> Blocked { get; } = new();

    public void OnReturned(in ReturnedMessage message) => Returned.Enqueue(
        (message.ReplyCode, Encoding.UTF8.GetString(message.ReplyText), Encoding.UTF8.GetString(message.RoutingKey), message.Properties.ToArray(), message.Body.ToArray()));

    public void OnNacked(ulong sequence) => Nacked.Enqueue(sequence);

    public void OnBlocked(string? reason) => Blocked.Enqueue(reason);
}
