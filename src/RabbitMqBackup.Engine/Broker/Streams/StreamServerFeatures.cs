using System.Globalization;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What a broker's version lets a client do; an unknown command would end the connection.</summary>
/// <param name="Version">The broker's version as it says it.</param>
/// <param name="ChecksBatches">The broker looks at the headers of batches, and refuses a malformed one with all entries after it in the frame. Measured on 4.3; 3.10 and 4.0 do not look.</param>
/// <param name="HasCommandVersions">ExchangeCommandVersions, StreamStats, and version 2 of Publish and Deliver are there. All were measured on 4.0 and 4.3, none is on 3.10.</param>
internal readonly record struct StreamServerFeatures(string Version, bool HasCommandVersions, bool ChecksBatches)
{
    /// <summary>Reads the version out of the broker's peer properties. An unreadable version counts as old, which always works.</summary>
    internal static StreamServerFeatures FromPeerProperties(IReadOnlyDictionary<string, string> properties)
    {
        string version = properties.GetValueOrDefault("version", "");
        string[] parts = version.Split('.', '-', '+');
        bool known = parts.Length >= 2
            & int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            & int.TryParse(parts.ElementAtOrDefault(1), NumberStyles.None, CultureInfo.InvariantCulture, out int minor);
        return new StreamServerFeatures(version, known && (major > 3 || (major == 3 && minor >= 13)), !known || major > 4 || (major == 4 && minor > 0));
    }
}
