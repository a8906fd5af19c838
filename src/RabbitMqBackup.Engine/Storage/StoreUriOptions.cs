namespace RabbitMqBackup.Engine.Storage;

/// <summary>The options of a store's URI, read by type.</summary>
internal sealed class StoreUriOptions(IReadOnlyDictionary<string, string> values)
{
    internal string? Text(string name) => values.GetValueOrDefault(name);

    /// <exception cref="ArgumentException">It is neither true nor false.</exception>
    internal bool? Switch(string name) => Text(name)?.ToLowerInvariant() switch
    {
        null => null,
        "true" => true,
        "false" => false,
        _ => throw new ArgumentException($"The option '{name}' of the store's URI is either true or false.", name),
    };

    /// <exception cref="ArgumentException">It is no base URI.</exception>
    internal Uri? Endpoint(string name) => Text(name) is { } text ? ParseEndpoint(text) : null;

    /// <summary>An http or https URI without user info and query; the text of the error repeats nothing of it.</summary>
    internal static Uri ParseEndpoint(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 && uri.Query.Length == 0
            ? uri
            : throw new ArgumentException("The endpoint of a store is an http or https URI without user name and query.", nameof(text));
}
