namespace RabbitMqBackup.Engine;

/// <summary>How much a log line matters.</summary>
public enum LogLevel
{
    /// <summary>For whoever looks for a fault.</summary>
    Debug,

    /// <summary>For whoever wants to follow the work.</summary>
    Information,

    /// <summary>For everybody: something is not as one would expect.</summary>
    Warning,
}
