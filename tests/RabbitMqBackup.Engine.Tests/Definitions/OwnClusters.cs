using System.Collections.Concurrent;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>Brokers that a class of tests has for itself, one of each generation, with an exchange type of a plugin: whole clusters are wiped and filled here.</summary>
public sealed class OwnClusters : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<OwnTestBroker>>> _brokers = new();

    /// <summary>The broker of a generation; the test is skipped where there is none.</summary>
    internal async Task<OwnTestBroker> GetAsync(string generation)
    {
        try
        {
            return await _brokers.GetOrAdd(generation, _ => new(() => Task.Run(() => StartAsync(generation)))).Value;
        }
        catch (TestServerUnavailableException exception)
        {
            Assert.Skip(exception.Message);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<Task<OwnTestBroker>> broker in _brokers.Values.Where(broker => broker.Value.IsCompletedSuccessfully))
        {
            await (await broker.Value).DisposeAsync();
        }
    }

    private static async Task<OwnTestBroker> StartAsync(string generation)
    {
        OwnTestBroker broker = await TestBroker.StartOwnAsync(generation);
        await broker.CtlAsync("rabbitmq-plugins", "enable", "rabbitmq_consistent_hash_exchange");
        return broker;
    }
}
