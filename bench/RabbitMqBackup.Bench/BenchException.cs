namespace RabbitMqBackup.Bench;

/// <summary>A measurement can't be made, or what was measured did the wrong thing; the message says what.</summary>
internal sealed class BenchException(string message) : Exception(message);
