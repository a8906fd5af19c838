namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>A node of the cluster as it wants to be reached.</summary>
/// <param name="Host">Advertised host, which may be out of reach from here.</param>
/// <param name="Port">Advertised port.</param>
internal readonly record struct StreamNode(string Host, int Port)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Host}:{Port}";
}
