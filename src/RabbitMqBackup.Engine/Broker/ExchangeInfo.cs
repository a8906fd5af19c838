namespace RabbitMqBackup.Engine.Broker;

/// <summary>An exchange as the management API shows it.</summary>
/// <param name="VirtualHost">Its virtual host.</param>
/// <param name="Name">Its name; empty for the default exchange.</param>
/// <param name="Type">E.g. <c>topic</c>, <c>x-delayed-message</c>.</param>
/// <param name="IsInternal">Clients can't publish to it.</param>
/// <param name="AlternateExchange">Where it sends what none of its bindings fits, or null; by argument or policy.</param>
internal sealed record ExchangeInfo(string VirtualHost, string Name, string Type, bool IsInternal, string? AlternateExchange)
{
    /// <summary>Messages that the plugin <c>rabbitmq_delayed_message_exchange</c> keeps on this node until their time comes; they are in no queue.</summary>
    internal long Delayed { get; init; }
}
