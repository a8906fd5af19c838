namespace RabbitMqBackup.Quickstart;

/// <summary>Something did not go as the sample promises; the message says what, for people.</summary>
internal sealed class JourneyException(string message) : Exception(message);
