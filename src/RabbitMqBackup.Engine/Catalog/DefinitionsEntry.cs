namespace RabbitMqBackup.Engine.Catalog;

/// <summary>The definitions' object in a manifest.</summary>
/// <param name="Key">Its path below the backup's folder.</param>
/// <param name="StoredBytes">Bytes of the object.</param>
/// <param name="Sha256">SHA-256 of the object, 64 lower-case hexadecimal digits.</param>
public sealed record DefinitionsEntry(string Key, long StoredBytes, string Sha256)
{
    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();
}
