namespace RabbitMqBackup.TestHost;

internal static class Placeholder
{
}
