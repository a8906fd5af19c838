namespace RabbitMqBackup.TestHost;

/// <summary>Starts nodes: in Docker where an engine answers, else from packages.</summary>
internal static class BrokerNodes
{
    /// <summary>Administrator of every node started here.</summary>
    internal const string User = "guest";

    /// <summary>The administrator's password.</summary>
    internal const string Password = "guest";

    /// <summary>Starts a new node and waits until it answers.</summary>
    /// <exception cref="TestServerUnavailableException">Neither way works here, with both reasons.</exception>
    internal static async Task<IBrokerNode> StartAsync(BrokerGeneration generation, string extraConfiguration)
    {
        string variables = $"RABBITMQ_TEST_AMQP_PORT{TestBroker.EnvironmentSuffix(generation.Name)} is not set";
        try
        {
            return await ContainerNode.StartNewAsync(generation, extraConfiguration);
        }
        catch (TestServerUnavailableException docker)
        {
            try
            {
                return await PackagedNode.StartNewAsync(generation, extraConfiguration);
            }
            catch (TestServerUnavailableException packages)
            {
                throw new TestServerUnavailableException($"No RabbitMQ {generation.Name} here: {variables}; Docker: {docker.Message}; Debian packages: {packages.Message}");
            }
        }
    }
}
