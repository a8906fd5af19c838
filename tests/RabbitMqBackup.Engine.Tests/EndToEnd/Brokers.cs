using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Gets a broker for a test, or skips the test with the reason why there is none.</summary>
internal static class Brokers
{
    internal static Task<TestVirtualHost> VirtualHostAsync(string? generation = null) =>
        OrSkipAsync(async () => await TestVirtualHost.CreateAsync(await TestBroker.GetAsync(generation)));

    /// <summary>A broker that the test may kill.</summary>
    internal static Task<OwnTestBroker> OwnAsync(string generation, string configuration = "") => OrSkipAsync(() => TestBroker.StartOwnAsync(generation, configuration));

    private static async Task<T> OrSkipAsync<T>(Func<Task<T>> start)
    {
        try
        {
            return await start();
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
            throw;
        }
    }
}
