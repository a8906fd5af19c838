namespace RabbitMqBackup.Engine.Restore;

/// <summary>A queue that a restore creates.</summary>
/// <param name="VirtualHost">Its virtual host.</param>
/// <param name="Name">Its name.</param>
/// <param name="Messages">Messages that were to go into it.</param>
internal sealed record RestoreRecordQueue(string VirtualHost, string Name, long Messages);
