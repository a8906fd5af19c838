namespace RabbitMqBackup.Engine.Broker;

/// <summary>Queue types as the broker names them.</summary>
internal static class QueueTypes
{
    internal const string Classic = "classic";

    internal const string Quorum = "quorum";

    internal const string Stream = "stream";
}
