namespace RabbitMqBackup.TestHost;

/// <summary>A broker of one test's own, to be stopped, killed, configured. Disposing it ends it and deletes its data.</summary>
public sealed class OwnTestBroker : TestBroker, IAsyncDisposable
{
    private readonly IBrokerNode _node;

    internal OwnTestBroker(IBrokerNode node, string version)
        : base(node.Endpoints, BrokerNodes.User, BrokerNodes.Password, version, node.Origin) => _node = node;

    /// <summary>Stops it in an orderly way; its data stay.</summary>
    public Task StopAsync() => _node.StopAsync();

    /// <summary>Ends it as a power cut does; its data stay.</summary>
    public Task KillAsync() => _node.KillAsync();

    /// <summary>Starts it again after <see cref="StopAsync"/> or <see cref="KillAsync"/>, on the same ports, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        await _node.StartAsync();
        await AwaitVersionAsync(_node.Endpoints);
    }

    /// <summary>Stops it in an orderly way and starts it again.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    /// <summary>Runs one of the broker's command line tools, e.g. <c>CtlAsync("rabbitmqctl", "set_vm_memory_high_watermark", "0.00001")</c>.</summary>
    /// <returns>Its standard output.</returns>
    /// <exception cref="InvalidOperationException">The tool failed, with what it printed.</exception>
    public Task<string> CtlAsync(string tool, params string[] arguments) => _node.CtlAsync(tool, arguments);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Management.Dispose();
        await _node.DisposeAsync();
    }
}
