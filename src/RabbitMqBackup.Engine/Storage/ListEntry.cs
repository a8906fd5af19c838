namespace RabbitMqBackup.Engine.Storage;

/// <summary>One row of a listing: an object, or with a delimiter the common prefix of several.</summary>
/// <param name="Key">The object's path, or the common prefix with the delimiter at its end.</param>
/// <param name="Object">The object, or null for a common prefix.</param>
public readonly record struct ListEntry(string Key, ObjectInfo? Object);
