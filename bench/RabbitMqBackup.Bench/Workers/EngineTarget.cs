using System.Net;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>The engine's view of the broker that a worker is told of.</summary>
internal static class EngineTarget
{
    /// <summary>How the engine reaches it.</summary>
    internal static BrokerOptions Of(WorkerSettings settings)
    {
        string[] credential = settings.Amqp.UserInfo.Split(':');
        return new()
        {
            Endpoints = [new(settings.Amqp.Host, settings.Amqp.Port)],
            ManagementUri = settings.Management,
            StreamEndpoint = new(settings.Amqp.Host, settings.StreamPort),
            Credential = new NetworkCredential(Uri.UnescapeDataString(credential[0]), Uri.UnescapeDataString(credential[1])),
            VirtualHost = settings.VirtualHost,
        };
    }
}
