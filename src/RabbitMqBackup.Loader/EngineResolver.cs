namespace RabbitMqBackup.Loader;

/// <summary>Placeholder of the first commit's build.</summary>
public static class EngineResolver
{
}
