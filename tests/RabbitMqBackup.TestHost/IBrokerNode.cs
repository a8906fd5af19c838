namespace RabbitMqBackup.TestHost;

/// <summary>One broker node that this process started, wherever it runs. Disposing it ends the node and deletes its data.</summary>
internal interface IBrokerNode : IAsyncDisposable
{
    /// <summary>Where it listens; the same after every start.</summary>
    BrokerEndpoints Endpoints { get; }

    /// <summary>Where it comes from, for people, e.g. <c>Docker image rabbitmq:4.3-management</c>.</summary>
    string Origin { get; }

    /// <summary>Starts it again with its data, and waits until it answers.</summary>
    Task StartAsync();

    /// <summary>Stops it in an orderly way.</summary>
    Task StopAsync();

    /// <summary>Ends it as a power cut does.</summary>
    Task KillAsync();

    /// <summary>Runs one of the broker's command line tools against it.</summary>
    /// <returns>What the tool printed to its standard output.</returns>
    /// <exception cref="InvalidOperationException">The tool failed, with what it printed.</exception>
    Task<string> CtlAsync(string tool, IReadOnlyList<string> arguments);
}
