namespace RabbitMqBackup.Engine.Broker;

/// <summary>How a stream hangs on a super stream.</summary>
/// <param name="Exchange">The super stream: an exchange in the same virtual host.</param>
/// <param name="RoutingKey">The partition's key.</param>
/// <param name="Order">Its place among the partitions.</param>
internal sealed record SuperStreamBinding(string Exchange, string RoutingKey, long Order);
