using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Gets a broker for a test, or skips the test with the reason why there is none.</summary>
internal static class Brokers
{
    internal static async Task<TestVirtualHost> VirtualHostAsync(string? generation = null)
    {
        try
        {
            return await TestVirtualHost.CreateAsync(await TestBroker.GetAsync(generation));
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
            throw;
        }
    }
}
