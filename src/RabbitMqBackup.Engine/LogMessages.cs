namespace RabbitMqBackup.Engine;

/// <summary>Every line that the engine logs. None holds a secret: URIs come without user info.</summary>
internal static class LogMessages
{
    internal static string DefinitionsSent(long done, long total) => $"Imported {done} of {total} definitions.";

    internal static string DefinitionsRetried(int attempt, string reason) => $"Attempt {attempt} to import definitions failed and is repeated: {reason}";

    /// <summary>The log of a caller that gave none.</summary>
    internal sealed class Silent : IEngineLog
    {
        internal static readonly Silent Instance = new();

        public void Write(LogLevel level, string message)
        {
        }
    }
}
