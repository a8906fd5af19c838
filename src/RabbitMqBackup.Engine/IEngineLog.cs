namespace RabbitMqBackup.Engine;

/// <summary>
/// Where the engine's log lines go. The engine has its own interface, since no third-party type may cross from its private load context to the cmdlets.
/// Lines are defined in <see cref="LogMessages"/>; an error is thrown, not logged.
/// </summary>
public interface IEngineLog
{
    /// <summary>Takes one line. May be called from any thread.</summary>
    void Write(LogLevel level, string message);
}
