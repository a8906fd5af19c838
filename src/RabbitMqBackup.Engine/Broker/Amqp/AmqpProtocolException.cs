namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The peer sent something that is not AMQP 0-9-1, or not here. The connection translates it at its edge.</summary>
internal sealed class AmqpProtocolException(string message) : Exception(message);
