namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What makes an object the same object in two sets of definitions.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="VirtualHost">Its virtual host; null for cluster-wide objects, and in a file of one virtual host.</param>
/// <param name="Id">Its name, or the parts that together are its name.</param>
internal readonly record struct DefinitionKey(DefinitionKind Kind, string? VirtualHost, string Id);
