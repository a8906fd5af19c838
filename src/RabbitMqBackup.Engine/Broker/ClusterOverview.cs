namespace RabbitMqBackup.Engine.Broker;

/// <summary>What a cluster says about itself.</summary>
internal sealed record ClusterOverview
{
    /// <summary>Its name, e.g. <c>rabbit@prod</c>.</summary>
    public required string ClusterName { get; init; }

    /// <summary>The broker's version as it prints it, e.g. <c>4.0.5</c> or <c>4.3.0-rc.1</c>.</summary>
    public required string RabbitMqVersion { get; init; }

    /// <summary>The numeric part of <see cref="RabbitMqVersion"/>, for comparisons.</summary>
    public required Version Version { get; init; }

    /// <summary>The node that answered.</summary>
    public required string Node { get; init; }

    /// <summary>Where the cluster listens.</summary>
    public IReadOnlyList<BrokerListener> Listeners { get; init; } = [];
}

/// <summary>One listener.</summary>
/// <param name="Node">Node name.</param>
/// <param name="Protocol">E.g. <c>amqp</c>, <c>amqp/ssl</c>, <c>stream</c>.</param>
/// <param name="Port">TCP port.</param>
internal sealed record BrokerListener(string Node, string Protocol, int Port);
