namespace RabbitMqBackup.Engine.Broker;

/// <summary>A queue's full name.</summary>
/// <param name="VirtualHost">Its virtual host.</param>
/// <param name="Name">Its name there.</param>
public readonly record struct QueueName(string VirtualHost, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Name}";
}
