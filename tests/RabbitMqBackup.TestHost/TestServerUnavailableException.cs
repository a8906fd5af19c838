namespace RabbitMqBackup.TestHost;

/// <summary>A server that a test needs can't be had here; the test is skipped with this reason.</summary>
public sealed class TestServerUnavailableException(string reason) : Exception(reason);
