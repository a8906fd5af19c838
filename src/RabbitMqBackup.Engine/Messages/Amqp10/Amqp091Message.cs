namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>A message of AMQP 1.0 made into one of AMQP 0-9-1.</summary>
/// <param name="Exchange">The exchange it was published to, as RabbitMQ noted it; empty where it did not.</param>
/// <param name="RoutingKey">Its routing key, as RabbitMQ noted it.</param>
/// <param name="Properties">The property list as on the wire: u16 flags and the properties present.</param>
/// <param name="Body">The body.</param>
/// <param name="Lost">What could not be carried over, as <c>footer</c> or <c>properties.subject</c>.</param>
internal sealed record Amqp091Message(string Exchange, string RoutingKey, byte[] Properties, byte[] Body, IReadOnlyList<string> Lost);
