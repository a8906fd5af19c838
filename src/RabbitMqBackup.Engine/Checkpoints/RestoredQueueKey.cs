namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>A source queue of a restore.</summary>
/// <param name="BackupId">The backup it is from.</param>
/// <param name="VirtualHost">Its virtual host there.</param>
/// <param name="Name">Its name there.</param>
internal readonly record struct RestoredQueueKey(string BackupId, string VirtualHost, string Name);
