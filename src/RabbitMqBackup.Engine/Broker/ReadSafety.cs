namespace RabbitMqBackup.Engine.Broker;

/// <summary>The pre-flight check.</summary>
internal static class ReadSafety
{
    /// <summary>Decides from facts alone; no IO.</summary>
    internal static ReadDecision Decide(QueueInfo queue, Version broker, ReadSafetyOptions options) => throw new NotSupportedException($"{queue} {broker} {options}");
}
