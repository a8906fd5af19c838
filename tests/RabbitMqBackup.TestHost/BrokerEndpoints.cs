namespace RabbitMqBackup.TestHost;

/// <summary>Where a broker listens.</summary>
/// <param name="Host">Host of all three listeners.</param>
/// <param name="AmqpPort">AMQP 0-9-1.</param>
/// <param name="ManagementPort">Management API.</param>
/// <param name="StreamPort">Stream protocol.</param>
internal sealed record BrokerEndpoints(string Host, int AmqpPort, int ManagementPort, int StreamPort);
