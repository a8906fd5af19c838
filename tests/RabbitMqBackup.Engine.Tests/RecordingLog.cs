using System.Collections.Concurrent;

namespace RabbitMqBackup.Engine.Tests;

/// <summary>Keeps what the engine logs, each line behind its level.</summary>
internal sealed class RecordingLog : IEngineLog
{
    internal ConcurrentQueue<string> Lines { get; } = new();

    public void Write(LogLevel level, string message) => Lines.Enqueue($"{level}: {message}");
}
